"""The service's event loop: uvloop where it is installed, asyncio's own where it is not."""

import asyncio
import sys
from importlib.util import find_spec

import pytest

from tollgate.loop import run_on_fast_loop


async def loop_module() -> str:
    return type(asyncio.get_running_loop()).__module__


def test_loop_is_uvloop_where_it_is_installed() -> None:
    expected = "asyncio" if find_spec("uvloop") is None else "uvloop"
    assert run_on_fast_loop(loop_module()).startswith(expected)


def test_loop_without_uvloop_is_asyncios_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "uvloop", None)
    assert run_on_fast_loop(loop_module()).startswith("asyncio")
