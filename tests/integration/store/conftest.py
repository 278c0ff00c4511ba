"""Fixtures of the store's tests: a fresh store on a real file each."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.integration.store.office import EUR, Office, open_office


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[Office]:
    """A store with an account that has 1 EUR; it must be clean at the end."""
    async with open_office(tmp_path, funds_micros=EUR) as made:
        yield made
