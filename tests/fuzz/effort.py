"""How long the fuzzers look: a few examples on each run of the tests, minutes or hours by ``make fuzz SECONDS=…``."""

import os
import time
from collections.abc import Callable
from functools import wraps
from typing import Any

from hypothesis import HealthCheck, settings

SECONDS = float(os.environ.get("TOLLGATE_FUZZ_SECONDS", "0"))
"""How long each target is to be looked at; 0: as many examples as it names, no more."""

Test = Callable[[], None]


def fuzz(examples: int) -> Callable[[Any], Test]:
    """Have a test that hypothesis feeds look at so many examples, or at new ones until its time is up."""

    def longer(test: Any) -> Test:
        once = settings(max_examples=examples, deadline=None, suppress_health_check=list(HealthCheck))(test)

        @wraps(test)
        def again_and_again() -> None:
            until = time.monotonic() + SECONDS
            once()
            while time.monotonic() < until:
                once()

        del again_and_again.__wrapped__  # else pytest takes what is drawn for fixtures
        return again_and_again

    return longer
