"""Which event loops the tests run on: what meets hostile clients meets them on the service's usual loop too."""

import asyncio
from collections.abc import Callable, Mapping

import pytest
import uvloop

_ON_BOTH = frozenset({"test_hostile_portal.py"})


def pytest_asyncio_loop_factories(item: pytest.Item) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Return the loops that a test is run on."""
    if item.path.name not in _ON_BOTH:
        return {"python": asyncio.new_event_loop}
    return {"python": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}
