"""The service's log during an episode: nothing of it is shown, but an exception in it is a violation."""

import logging
from collections.abc import Callable, Iterator, MutableMapping
from contextlib import contextmanager
from typing import Any

import structlog


@contextmanager
def watched_logs(on_exception: Callable[[str], None]) -> Iterator[None]:
    """Have nothing logged inside of the block; ``on_exception`` is told of each exception that would have been."""

    def watch(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        if event.get("exc_info"):
            on_exception(str(structlog.processors.format_exc_info(None, "", event)))
        raise structlog.DropEvent

    before = structlog.get_config()
    structlog.configure(
        processors=[watch],
        wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING),
        cache_logger_on_first_use=False,
    )
    try:
        yield
    finally:
        structlog.configure(**before)
