"""Stopping the service: nobody who waits for a verdict is left without one, and nothing else is waited for."""

import asyncio
from collections.abc import Callable
from typing import Any, cast

import pytest

from ari_app import run
from ari_app.live import LiveCall
from ari_app.run import ApplicationTakenError, Service
from charging.session import Phase
from store.alerts import AlertKind
from store.store import Store
from tests.unit.ari_app.test_run import IdleStore, service


class SomeSession:
    """A session that is at one point of its life."""

    def __init__(self, phase: Phase) -> None:
        self.phase = phase


class SomeCall:
    """A call, of which only the phase counts."""

    def __init__(self, phase: Phase) -> None:
        self.session = SomeSession(phase)


def with_call(phase: Phase) -> tuple[Service, SomeCall]:
    tollgate, call = service(), SomeCall(phase)
    tollgate.switchboard.calls["1-1"] = cast("LiveCall", cast("Any", call))
    return tollgate, call


@pytest.mark.parametrize("phase", [Phase.DIALLING, Phase.TALKING, Phase.CLOSING])
async def test_calls_that_have_their_verdict_are_not_waited_for(phase: Phase) -> None:
    tollgate, _ = with_call(phase)
    stopping = asyncio.create_task(tollgate.empty_gate())
    await asyncio.sleep(0)
    assert stopping.done()
    assert not tollgate._overload.is_stopping


@pytest.mark.parametrize("phase", [Phase.OPENING, Phase.ADMITTING])
async def test_caller_at_the_gate_is_waited_for_while_others_are_judged_as_ever(phase: Phase) -> None:
    tollgate, call = with_call(phase)
    stopping = asyncio.create_task(tollgate.empty_gate())
    await asyncio.sleep(0.02)
    assert not stopping.done()
    assert not tollgate._overload.is_stopping
    call.session.phase = Phase.DIALLING
    await asyncio.wait_for(stopping, 60)


async def test_gate_that_does_not_empty_takes_no_more_paid_calls_and_is_left_then(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(run, "GATE_EMPTY_S", 0.05)
    tollgate, _ = with_call(Phase.OPENING)
    await asyncio.wait_for(tollgate.empty_gate(), 60)
    assert tollgate._overload.is_stopping


class SilentStore(IdleStore):
    """A store that answers nothing, and notes whether who asks has been cancelled."""

    def __init__(self) -> None:
        self.asked_by_cancelled: list[bool] = []

    async def apply(self, _operation: object) -> None:
        """Wait for ever."""
        asking = asyncio.current_task()
        assert asking is not None
        self.asked_by_cancelled.append(asking.cancelling() > 0)
        await asyncio.Event().wait()


@pytest.mark.parametrize(
    ("ends", "error"),
    [
        (lambda _tollgate, serving: serving.cancel(), asyncio.CancelledError),
        (lambda tollgate, _serving: tollgate._replaced.set(), ExceptionGroup),
    ],
    ids=["stopped", "replaced"],
)
async def test_what_waits_for_a_silent_store_ends_in_time_and_hides_no_reason(
    monkeypatch: pytest.MonkeyPatch,
    ends: Callable[[Service, "asyncio.Task[None]"], object],
    error: type[BaseException],
) -> None:
    # A time limit in a task that has been cancelled raises CancelledError, not TimeoutError, up to Python 3.11.2.
    monkeypatch.setattr(run, "DRAIN_S", 0.05)
    store = SilentStore()
    tollgate = service(cast("Store", store))
    serving = asyncio.create_task(tollgate.run())
    await asyncio.sleep(0)
    tollgate.alerts.raise_alert(AlertKind.CLOCK_JUMPED, "clock", jump_ms=1)
    ends(tollgate, serving)
    closed: list[bool] = []
    monkeypatch.setattr(tollgate.ami, "close", lambda: closed.append(True))

    with pytest.raises(error) as raised:
        async with asyncio.timeout(60):
            await serving

    assert raised.value.args == () or raised.group_contains(ApplicationTakenError)
    assert store.asked_by_cancelled
    assert not any(store.asked_by_cancelled)
    assert closed == [True]
