"""The event loop the service runs on: uvloop where it is installed, asyncio's own where it is not."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


def run_on_fast_loop(main: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end as ``asyncio.run`` does; docs/benchmarks.md has what uvloop saves a call."""
    try:
        from uvloop import new_event_loop  # noqa: PLC0415  # optional: the extra "speed"
    except ImportError:
        return asyncio.run(main)
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        return runner.run(main)
