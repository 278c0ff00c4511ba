"""The event loop in virtual time."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tollgate.simulator.loop import OWNER, StalledError, VirtualLoop, virtual_loop

T0 = datetime(2026, 11, 2, 9, tzinfo=UTC)


class Faults(list[dict[str, Any]]):
    """What nobody caught."""


def loop_of(faults: Faults | None = None) -> VirtualLoop:
    return virtual_loop(T0, (Faults() if faults is None else faults).append)


def test_sleep_takes_virtual_time_only() -> None:
    loop = loop_of()

    async def main() -> float:
        await asyncio.sleep(86_400)
        return asyncio.get_running_loop().time()

    assert loop.run(main()) == 86_400
    assert loop.now() == T0 + timedelta(days=1)


def test_what_is_due_at_once_runs_in_the_order_in_which_it_was_asked_for() -> None:
    loop, seen = loop_of(), list[int]()

    async def main() -> None:
        for number in range(5):
            loop.call_later(1.0, seen.append, number)
        loop.call_later(0.5, seen.append, 9)
        await asyncio.sleep(2)

    loop.run(main())
    assert seen == [9, 0, 1, 2, 3, 4]


def test_timeouts_and_gathered_tasks_work_as_ever() -> None:
    loop = loop_of()

    async def slow(seconds: float) -> float:
        await asyncio.sleep(seconds)
        return seconds

    async def main() -> list[float]:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1.0):
                await slow(5.0)
        return list(await asyncio.gather(slow(2.0), slow(1.0)))

    assert loop.run(main()) == [2.0, 1.0]
    assert loop.time() == 3.0


def test_cancelled_timer_does_not_run() -> None:
    loop, seen = loop_of(), list[int]()

    async def main() -> None:
        loop.call_later(1.0, seen.append, 1).cancel()
        await asyncio.sleep(2)

    loop.run(main())
    assert seen == []


def test_exception_that_nobody_catches_is_told() -> None:
    faults = Faults()
    loop = loop_of(faults)

    async def main() -> None:
        loop.call_soon(int, "no number")
        await asyncio.sleep(1)

    loop.run(main())
    assert [type(fault["exception"]) for fault in faults] == [ValueError]


def test_program_that_waits_for_nothing_to_come_is_stalled() -> None:
    loop = loop_of()

    async def main() -> None:
        await loop.create_future()

    with pytest.raises(StalledError):
        loop.run(main())


class Someone:
    """An owner of callbacks."""

    is_buried = False


def test_nothing_of_a_buried_owner_happens_any_more() -> None:
    loop, seen, someone = loop_of(), list[str](), Someone()

    async def theirs() -> None:
        OWNER.set(someone)
        loop.call_later(3.0, seen.append, "timer")
        await asyncio.sleep(1)
        seen.append("before")
        await asyncio.sleep(1)
        seen.append("after")

    async def main() -> asyncio.Task[None]:
        task = loop.create_task(theirs())
        await asyncio.sleep(1.5)
        someone.is_buried = True
        await asyncio.sleep(5)
        return task

    task = loop.run(main())
    assert seen == ["before"]
    assert not task.done()
    task._log_destroy_pending = False  # type: ignore[attr-defined]  # it is to be left pending here
