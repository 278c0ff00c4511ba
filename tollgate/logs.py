"""What the service logs: one line an event, for people on a terminal, JSON elsewhere."""

import logging
import sys

import structlog


def configure_logs(level: str) -> None:
    """Log to standard output from ``level`` on; call once, before anything is logged."""
    renderer: structlog.types.Processor = (
        structlog.dev.ConsoleRenderer() if sys.stdout.isatty() else structlog.processors.JSONRenderer()
    )
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.PrintLoggerFactory(),
        cache_logger_on_first_use=True,
    )
