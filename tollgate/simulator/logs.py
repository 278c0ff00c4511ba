"""The service's log during an episode: nothing of it is shown, but an exception in it is a violation."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Self

import structlog

_LOGGER = type(structlog.get_logger())
"""What a module's ``log`` is."""


class QuietLogger:
    """A bound logger of structlog's form that only tells of exceptions: a call logs seven lines, which nobody reads."""

    __slots__ = ("_tell",)

    def __init__(self, _logger: object, *, processors: list[Callable[[object], None]], **_unused: object) -> None:
        self._tell = processors[0]

    @property
    def _context(self) -> dict[str, object]:
        return {}

    def bind(self, **_fields: object) -> Self:
        """Answer itself: fields are of no use."""
        return self

    new = bind

    def unbind(self, *_names: str) -> Self:
        """Answer itself: no field is bound."""
        return self

    try_unbind = unbind

    def debug(self, _event: str, *_args: object, exc_info: object = None, **_fields: object) -> None:
        """Log a line, of whatever level."""
        if exc_info:
            self._tell(exc_info)

    info = warning = error = critical = debug

    def exception(self, _event: str, *_args: object, exc_info: object = True, **_fields: object) -> None:
        """Log a line with the exception that is being handled."""
        self._tell(exc_info)


@contextmanager
def watched_logs(on_exception: Callable[[str], None]) -> Iterator[None]:
    """Have nothing logged inside of the block; ``on_exception`` is told of each exception that would have been."""

    def tell(exc_info: object) -> None:
        event = structlog.processors.format_exc_info(None, "", {"exc_info": exc_info})
        on_exception(str(event["exception"]))

    before: dict[str, Any] = structlog.get_config()
    structlog.configure(
        processors=[tell],  # type: ignore[list-item]  # the only one who reads them is QuietLogger
        wrapper_class=QuietLogger,
        logger_factory=lambda *_names: None,
        cache_logger_on_first_use=True,
    )
    _forget_bound_loggers()
    try:
        yield
    finally:
        structlog.configure(**before)
        _forget_bound_loggers()


def _forget_bound_loggers() -> None:
    """Have each module's logger look at the configuration again: as a rule it keeps what it found first."""
    for module in tuple(sys.modules.values()):
        log = getattr(module, "__dict__", {}).get("log")
        if isinstance(log, _LOGGER):
            vars(log).pop("bind", None)
