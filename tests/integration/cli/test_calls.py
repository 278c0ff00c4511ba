"""``calls`` and ``calls hangup``: sessions of the store, channels of Asterisk."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from charging.call import Call, Leg
from charging.saved import dump_session
from charging.session import Phase, Session
from rating.deck import Rate
from rating.destination import DestinationClass
from store.sessions import open_session
from store.store import Store
from tests.integration.cli.fake_asterisk import FakeAsterisk
from tests.integration.cli.terminal import Terminal
from tests.integration.store.office import PER_SECOND

PAID, FREE, DAMAGED = "1.10-1", "2.20-1", "3.30-1"
EMERGENCY = "4.40-1"


def channel(channel_id: str, call: str = "", state: str = "Up", name: str = "PJSIP/carrier-1") -> dict[str, Any]:
    """Return a channel as ARI lists it."""
    variables = {"TOLLGATE_CALL": call, "TOLLGATE_ANSWERED": ""}
    return {"id": channel_id, "name": name, "state": state, "channelvars": variables}


def session(call_id: str, rate: Rate | None, destination_class: DestinationClass, talked_s: int | None) -> Session:
    """Return the session of a call that is ringing, or has talked for so long."""
    now = datetime.now(UTC)
    answered_at = None if talked_s is None else now - timedelta(seconds=talked_s)
    leg = Leg(channel_id="9.9", trunk="carrier", answered_at=answered_at, number=0 if talked_s is None else 1)
    call = Call(
        call_id=call_id,
        node="pbx1",
        account_id=1,
        extension="101",
        endpoint="PJSIP/101",
        caller_channel=call_id.partition("-")[0],
        dialled="00447797123456",
        number="+447797123456",
        e164="+447797123456",
        destination_class=destination_class,
        deck="example",
        rate=rate,
        funded_by=("account",),
        started_at=now,
    )
    phase = Phase.DIALLING if talked_s is None else Phase.TALKING
    return Session(call=call, phase=phase, legs=(leg,))


async def open_calls(folder: Path) -> None:
    """Open a paid call, a free one, and one whose state is damaged."""
    paid = session(PAID, PER_SECOND, DestinationClass.INTERNATIONAL, 30)
    free = session(FREE, None, DestinationClass.INCLUDED, None)
    async with await Store.open(f"sqlite:///{folder}/tollgate.db") as store:
        for call_id, state, held_micros in (
            (PAID, dump_session(paid), 600_000),
            (FREE, dump_session(free), 0),
            (DAMAGED, "{}", 100_000),
        ):
            await store.apply(
                open_session(
                    call_id=call_id,
                    node="pbx1",
                    account_id=1,
                    extension="101",
                    held_micros=held_micros,
                    paid_s=held_micros // 10_000,
                    per_minute_micros=600_000 if held_micros else 0,
                    state=state,
                    at_ms=int(call_id[0]),
                )
            )


@pytest.fixture
def talking(office: Terminal, tmp_path: Path) -> Terminal:
    """An office with 10 EUR and three calls."""
    office.done("funds", "add", "10", "--reference", "r1")
    asyncio.run(open_calls(tmp_path))
    return office


def test_calls_shows_seconds_cost_and_what_is_left(asterisk: FakeAsterisk, talking: Terminal) -> None:
    asterisk.resources["channels"] = [
        channel("9.9", PAID),
        channel("8.8", f"emergency|{EMERGENCY}|PJSIP/102-0000001f|112"),
    ]
    document = talking.json("calls")
    paid, free, damaged, emergency = document["calls"]
    assert document["asterisk_answers"] is True
    assert paid["started_at"].endswith("+01:00")
    assert paid["talked_s"] in {30, 31}
    # 0.01 a second, the begun second included; 10 EUR last for 1000 s.
    assert paid["cost"] in {"0.31", "0.32"}
    assert paid["left_s"] == 990 - paid["talked_s"]
    assert (paid["extension"], paid["number"], paid["class"]) == ("101", "+447797123456", "international")
    assert (paid["state"], paid["held"]) == ("talking", "0.60")
    assert (free["talked_s"], free["cost"], free["left_s"], free["state"]) == (0, None, None, "dialling")
    assert (damaged["state"], damaged["held"]) == ("damaged", "0.10")
    assert (emergency["call_id"], emergency["class"]) == (EMERGENCY, "emergency")
    assert (emergency["extension"], emergency["number"], emergency["state"]) == ("102", "112", "talking")


def test_seconds_left_are_those_that_a_cap_leaves(asterisk: FakeAsterisk, talking: Terminal) -> None:
    asterisk.resources["channels"] = [channel("9.9", PAID)]
    talking.done("account", "set", "main", "--monthly-cap", "5")
    talking.done("extension", "add", "101", "--daily-cap", "1")
    paid = talking.json("calls")["calls"][0]
    # The hold of 0.60 and the cap's 1.00 pay for 160 s.
    assert paid["left_s"] == 160 - paid["talked_s"]


def test_calls_without_asterisk_shows_what_holds_money(talking: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOLLGATE_ASTERISK__ARI_URL", "http://127.0.0.1:1")
    document = talking.json("calls")
    assert document["asterisk_answers"] is False
    assert len(document["calls"]) == 3
    assert "Asterisk does not answer" in talking.done("calls").out
    assert "does not answer" in talking.fails(1, "calls", "hangup", PAID)


def test_calls_where_nobody_talks_says_so(asterisk: FakeAsterisk, office: Terminal) -> None:
    asterisk.resources["channels"] = []
    assert "no call lives" in office.done("calls").out
    assert office.json("calls")["calls"] == []


def test_hangup_ends_the_trunk_legs_of_the_call_alone(asterisk: FakeAsterisk, talking: Terminal) -> None:
    asterisk.resources["channels"] = [
        channel("1.10", name="PJSIP/101-1"),
        channel("9.9", PAID),
        channel("9.10", f"away|{PAID}|PJSIP/101-1|01"),
        channel("5.5", FREE),
    ]
    assert talking.json("calls", "hangup", PAID)["ended_channels"] == ["9.9", "9.10"]
    assert asterisk.deleted == ["9.9", "9.10"]


def test_hangup_before_a_leg_is_there_ends_the_caller(asterisk: FakeAsterisk, talking: Terminal) -> None:
    asterisk.resources["channels"] = [channel("1.10", name="PJSIP/101-1"), channel("5.5", FREE)]
    asterisk.delete_status = 404
    assert "ended" in talking.done("calls", "hangup", PAID).out
    assert asterisk.deleted == ["1.10"]


def test_hangup_of_an_emergency_call_needs_force(asterisk: FakeAsterisk, talking: Terminal) -> None:
    asterisk.resources["channels"] = [channel("8.8", f"emergency|{EMERGENCY}|PJSIP/102-1|112")]
    assert "--force" in talking.fails(1, "calls", "hangup", EMERGENCY)
    assert asterisk.deleted == []
    talking.done("calls", "hangup", EMERGENCY, "--force")
    assert asterisk.deleted == ["8.8"]


def test_hangup_that_finds_nothing_or_does_nothing_is_refused(asterisk: FakeAsterisk, talking: Terminal) -> None:
    asterisk.resources["channels"] = [channel("9.9", PAID)]
    assert "no channel" in talking.fails(1, "calls", "hangup", "7.7-1")
    asterisk.delete_status = 500
    assert "does not end" in talking.fails(1, "calls", "hangup", PAID)
    asterisk.password = "other"
    assert "refuses the user" in talking.fails(1, "calls", "hangup", PAID)
    talking.fails(2, "calls", "hangup")
