"""The service's event loop: uvloop where it is installed, asyncio's own where it is not."""

import asyncio
import sys

import pytest

from tollgate.loop import run_on_fast_loop


async def loop_module() -> str:
    return type(asyncio.get_running_loop()).__module__


def test_loop_where_uvloop_is_installed_is_uvloop() -> None:
    pytest.importorskip("uvloop", reason="uvloop is made for CPython on Linux")
    assert run_on_fast_loop(loop_module()).startswith("uvloop")


def test_loop_without_uvloop_is_asyncios_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "uvloop", None)
    assert run_on_fast_loop(loop_module()).startswith("asyncio")
