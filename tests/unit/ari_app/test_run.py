"""What keeps the service up: no fault of one channel or one row ends it."""

import asyncio
from datetime import datetime, timedelta
from typing import Any, cast

import pytest

from ari_app import run
from ari_app.access import AmiAccess, AriAccess
from ari_app.clock import Clock, utc_now
from ari_app.decode import CallerEntered, ChannelDestroyed
from ari_app.live import LiveCall
from ari_app.run import Service
from charging import events as ev
from dialplan.trunks import Trunk
from rating.dialled import DialRules
from store.reconciliations import ReconciliationCause
from store.store import Store
from store.writer import WriterStats
from tests.unit.ari_app.office import SETTINGS
from tests.unit.charging.story import POLICY


class IdleStore:
    """A store that nobody asks anything of."""

    is_busy = False

    def writer_stats(self) -> WriterStats:
        """Answer that nothing has been done."""
        return WriterStats(commits=0, requests=0, waiting=0)


def service(store: Store | None = None) -> Service:
    return Service(
        store=store or cast("Store", IdleStore()),
        ari=AriAccess(url="http://127.0.0.1:1", username="u", password="p", application="tollgate"),
        ami=AmiAccess(host="127.0.0.1", port=1, username="u", secret="s"),
        gate=SETTINGS,
        trunks=(Trunk(endpoint="carrier1"),),
        home_region="FR",
        policy=POLICY,
        rules=DialRules(home_region="FR"),
    )


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    real_sleep = asyncio.sleep
    monkeypatch.setattr(asyncio, "sleep", lambda _seconds: real_sleep(0))


async def test_catalog_that_cannot_be_understood_does_not_end_the_service(monkeypatch: pytest.MonkeyPatch) -> None:
    tollgate, faults = service(), [KeyError(7)]

    async def load_catalog(_store: Store, known: Any) -> Any:
        if faults:
            raise faults.pop()
        return known

    monkeypatch.setattr(run, "load_catalog", load_catalog)
    keeping = asyncio.create_task(tollgate._keep_catalog())
    await asyncio.wait_for(tollgate._catalog_loaded.wait(), 60)
    keeping.cancel()

    assert faults == []


def destroyed(at: datetime) -> dict[str, Any]:
    return {
        "type": "ChannelDestroyed",
        "timestamp": at.isoformat(),
        "cause": 16,
        "channel": {"id": "1.1", "name": "PJSIP/101-00000001", "state": "Up"},
    }


@pytest.mark.parametrize(
    ("late", "is_believed"),
    [
        (timedelta(0), True),
        (timedelta(seconds=30), True),
        (timedelta(hours=1), False),
        (timedelta(hours=-1), False),
    ],
)
async def test_event_whose_stamp_is_far_from_now_has_happened_now(
    monkeypatch: pytest.MonkeyPatch, late: timedelta, *, is_believed: bool
) -> None:
    tollgate, seen = service(), list[ChannelDestroyed]()
    monkeypatch.setattr(tollgate.switchboard, "channel_event", seen.append)
    stamped_at = utc_now() - late
    tollgate._on_event(destroyed(stamped_at))

    assert (seen[0].at == stamped_at) is is_believed
    assert abs(seen[0].at - utc_now()) < timedelta(minutes=1)


async def test_event_that_waited_while_the_service_stood_still_happened_when_it_says(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tollgate, seen = service(), list[ChannelDestroyed]()
    monkeypatch.setattr(tollgate.switchboard, "channel_event", seen.append)
    monkeypatch.setattr(tollgate._lag, "stood_still_s", lambda: 400.0)
    stamped_at = utc_now() - timedelta(seconds=600)
    tollgate._on_event(destroyed(stamped_at))
    tollgate._on_event(destroyed(stamped_at - timedelta(seconds=200)))

    assert seen[0].at == stamped_at
    assert abs(seen[1].at - utc_now()) < timedelta(minutes=1)


async def test_event_that_was_on_its_way_when_the_clock_was_set_is_believed_and_a_call_begins_by_the_new_clock(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tollgate, seen, entered = service(), list[ChannelDestroyed](), list[CallerEntered]()
    monkeypatch.setattr(tollgate.switchboard, "channel_event", seen.append)
    monkeypatch.setattr(tollgate.switchboard, "caller_entered", entered.append)
    machine = [utc_now() - timedelta(hours=1)]
    tollgate._clock = Clock(lambda: machine[0], lambda: 0.0)
    stamped_at = machine[0]
    machine[0] += timedelta(hours=1)
    tollgate._on_event(destroyed(stamped_at))
    tollgate._on_event({**destroyed(stamped_at), "type": "StasisStart", "args": []})

    assert [event.at for event in seen] == [stamped_at]
    assert [event.at for event in entered] == [machine[0]]


async def test_messages_are_counted_by_what_became_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    tollgate = service()
    monkeypatch.setattr(tollgate.switchboard, "channel_event", lambda _event: None)
    tollgate._on_event(destroyed(utc_now()))
    tollgate._on_event({"type": "PlaybackStarted"})
    tollgate._on_event({"type": "ChannelDestroyed"})
    monkeypatch.setattr(tollgate.switchboard, "channel_event", lambda _event: 1 / 0)
    tollgate._on_event(destroyed(utc_now()))

    text = tollgate.metrics.text()
    for outcome in (b"handled", b"unknown", b"malformed", b"failed"):
        assert b'tollgate_ari_messages_total{outcome="' + outcome + b'"} 1.0' in text


async def test_clock_that_is_set_is_told_of_and_every_call_looks_at_its_deadline(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tollgate = service()
    machine = [utc_now()]
    tollgate._clock = Clock(lambda: machine[0], lambda: 0.0)
    raised: list[int] = []
    monkeypatch.setattr(tollgate.alerts, "raise_alert", lambda _kind, _key, jump_ms: raised.append(jump_ms))
    posted: list[ev.Event] = []

    class Call:
        now = staticmethod(utc_now)
        post = staticmethod(posted.append)

    monkeypatch.setitem(tollgate.switchboard.calls, "1-1", cast("LiveCall", Call()))
    watching = asyncio.create_task(tollgate._watch_clock())
    await asyncio.sleep(0)
    machine[0] += timedelta(hours=1)
    async with asyncio.timeout(1):
        while not posted:  # noqa: ASYNC110  # it sleeps for no time here
            await asyncio.sleep(0)
    watching.cancel()

    assert raised == [3_600_000]
    assert [type(event) for event in posted] == [ev.ClockSet]
    assert ReconciliationCause.SWEEP in tollgate._comparing._causes, "whose answer went by unseen has a late one too"
