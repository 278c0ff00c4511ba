"""What the service logs: one line an event, for people on a terminal, JSON elsewhere."""

import logging
import sys
from contextlib import suppress
from typing import TextIO, cast

import structlog

from tollgate.log_limit import LogLimit

_FAILURES = (OSError, ValueError)
"""The disk is full, or nobody reads any more; a stream that was closed answers with a ValueError."""


class _Lossy:
    """Standard output without its failures: no call may suffer because the log's disk is full, or its reader gone.

    What cannot be written is left out, but for a few kilobytes that the stream keeps and tries again.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> None:
        """Write if that can be done."""
        with suppress(*_FAILURES):
            self._stream.write(text)

    def flush(self) -> None:
        """Hand on what was written, if that can be done."""
        with suppress(*_FAILURES):
            self._stream.flush()


def configure_logs(level: str) -> None:
    """Log to standard output from ``level`` on; call once, before anything is logged.

    A line and its end are written at once: killed between the two, a service would leave its successor half a line.
    """
    renderer: structlog.types.Processor = (
        structlog.dev.ConsoleRenderer() if sys.stdout.isatty() else structlog.processors.JSONRenderer()
    )
    structlog.configure(
        processors=[
            LogLimit(),
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.WriteLoggerFactory(cast("TextIO", _Lossy(sys.stdout))),
        cache_logger_on_first_use=True,
    )
