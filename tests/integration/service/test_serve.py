"""What goes on beside the calls."""

import asyncio
from typing import NoReturn

import pytest

from tollgate.serve import _beside


class Work:
    """Something endless, which notes what becomes of it."""

    def __init__(self) -> None:
        self.story: list[str] = []

    async def __call__(self) -> NoReturn:
        self.story.append("begun")
        try:
            await asyncio.Event().wait()
        finally:
            self.story.append("stopped")
        raise AssertionError("it is endless")


async def test_work_beside_ends_with_the_block() -> None:
    work = Work()
    async with _beside(work()):
        await asyncio.sleep(0)
        assert work.story == ["begun"]
    assert work.story == ["begun", "stopped"]


async def test_work_beside_is_stopped_by_a_fault_of_the_block() -> None:
    work = Work()

    async def fail() -> None:
        async with _beside(work()):
            await asyncio.sleep(0)
            raise KeyError(7)

    with pytest.raises(KeyError):
        await fail()
    assert work.story == ["begun", "stopped"]
