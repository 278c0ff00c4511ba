"""What holds for all tests: nothing is judged by how long it took, and each finds the logs set up as they were."""

import os
from collections.abc import Iterator

import pytest
import structlog
from hypothesis import HealthCheck, settings

from tests.statements import share_statements

settings.register_profile(
    "tollgate",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    derandomize="CI" in os.environ,  # there a run is to say what this change did; elsewhere each looks further
)
settings.load_profile("tollgate")
share_statements()
structlog.configure(  # without boxes and colours around each traceback, which take longer to draw than the test to run
    processors=[
        *structlog.get_config()["processors"][:-1],
        structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback),
    ]
)


@pytest.fixture(autouse=True)
def logs_as_before() -> Iterator[None]:
    """Undo what a command that serves sets up: it would log to a stream that is closed with its test."""
    before = structlog.get_config()
    yield
    structlog.configure(**before)
