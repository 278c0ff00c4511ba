"""This node's sign of life, and the calls of the others that it charges: against a real store."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest

from ari_app import nodes
from ari_app.nodes import NodeKeeper
from charging import events as ev
from charging.call import Call
from charging.cdr import EndSource
from charging.saved import dump_session
from charging.session import Session, begin, step
from store.errors import LedgerInconsistentError, StoreUnavailableError
from store.nodes import seen
from store.operation import Operation
from store.sessions import open_session, save_session
from store.settlement import settle_leg
from tests.integration.store.office import EUR, Office, open_office
from tests.unit.ari_app.morning import Morning, SomeStore, leg_channel
from tests.unit.charging.story import LEG, POLICY, TRUNK, free_call, paid_call

BEATS = range(0, 80, 5)


def ago(seconds: float) -> datetime:
    return datetime.now(UTC) - timedelta(seconds=seconds)


def ms(at: datetime) -> int:
    return int(at.timestamp() * 1000)


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[Office]:
    async with open_office(tmp_path, funds_micros=EUR) as made:
        yield made


async def open_call(office: Office, call: Call, *events: ev.Event, state: str | None = None) -> None:
    """Open a call with its first slice held, and save it as it is after these events."""
    session, _ = begin(call, POLICY)
    await office.store.apply(
        open_session(
            call_id=call.call_id,
            node=call.node,
            account_id=office.account_id,
            extension=call.extension,
            held_micros=session.held_micros,
            paid_s=session.paid_s,
            per_minute_micros=0,
            state=dump_session(session) if state is None else state,
            at_ms=ms(call.started_at),
        )
    )
    if events:
        await save(office, after(session, *events))


def after(session: Session, *events: ev.Event) -> Session:
    for event in (ev.SessionOpened(session.call.started_at), ev.CallerAdmitted(session.call.started_at), *events):
        session, _ = step(session, event, POLICY)
    return session


async def save(office: Office, session: Session) -> None:
    saving = save_session(
        call_id=session.call.call_id, state=dump_session(session), at_ms=ms(ago(0)), paid_until_ms=ms(ago(0))
    )
    await office.store.apply(saving)


async def beats(keeper: NodeKeeper, over: range = BEATS) -> None:
    for now_s in over:
        await keeper.beat(float(now_s))


def keeper(office: Office, node: str = "pbx2") -> NodeKeeper:
    return NodeKeeper(office.store, node, POLICY, node_lost_s=60)


async def held_and_charged(office: Office) -> dict[str, tuple[int, int]]:
    rows = await office.store.open_sessions()
    return {row.call_id: (row.held_micros, row.provisional_micros) for row in rows}


async def test_beat_is_a_sign_of_life(office: Office) -> None:
    await keeper(office).beat(0)

    [node] = await office.store.nodes()
    assert node.name == "pbx2"
    assert node.seen_at_ms is not None
    assert node.seen_at_ms >= ms(ago(10))


async def test_calls_of_a_silent_node_are_charged_once_their_paid_time_is_past(office: Office) -> None:
    await office.store.apply(seen(name="pbx1", at_ms=1))
    talking, ringing, young = (
        paid_call(call_id=f"{n}.7-1", started_at=ago(at_s)) for n, at_s in enumerate((90, 300, 90))
    )
    await open_call(office, talking, ev.LegAnswered(ago(60), LEG, TRUNK))
    await open_call(office, ringing)
    await open_call(office, young)

    await beats(keeper(office))

    assert await held_and_charged(office) == {
        ringing.call_id: (0, 100_000),
        talking.call_id: (0, 100_000),
        young.call_id: (100_000, 0),
    }
    records = {cdr.call_id: cdr async for cdr in office.store.cdrs()}
    assert set(records) == {talking.call_id, ringing.call_id}
    assert all(cdr.provisional for cdr in records.values())


async def test_call_that_cannot_be_charged_keeps_no_other_from_being_charged(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The books of one account are wrong, which `tollgate verify` tells of."""
    calls = [paid_call(call_id=f"{n}.7-1", started_at=ago(300)) for n in range(2)]
    for call in calls:
        await open_call(office, call)
    apply, faults = office.store.apply, [LedgerInconsistentError("less is reserved than its calls hold")]

    async def faulty(operation: Any) -> Any:
        if faults and operation.gi_code.co_name == "charge_provisionally":
            operation.close()
            raise faults.pop()
        return await apply(operation)

    monkeypatch.setattr(office.store, "apply", faulty)
    watching = keeper(office)
    await beats(watching, range(0, 61, 15))

    held = await held_and_charged(office)
    assert sorted(held.values()) == [(0, 100_000), (100_000, 0)]
    assert watching.is_seen, "the store takes writes"


async def test_two_nodes_that_look_at_once_charge_once(office: Office) -> None:
    await open_call(office, paid_call(started_at=ago(300)))
    keepers = [keeper(office, "pbx2"), keeper(office, "pbx3")]

    for now_s in BEATS:
        await asyncio.gather(*(each.beat(float(now_s)) for each in keepers))

    assert await office.money() == (900_000, 0)


async def test_calls_of_a_living_node_are_left_alone(office: Office) -> None:
    await open_call(office, paid_call(started_at=ago(300)))
    watching = keeper(office)

    for now_s in BEATS:
        await office.store.apply(seen(name="pbx1", at_ms=now_s))
        await watching.beat(float(now_s))

    assert await office.money() == (900_000, 100_000)


async def test_own_calls_are_never_lost(office: Office) -> None:
    await open_call(office, paid_call(started_at=ago(300)))

    await beats(keeper(office, "pbx1"))

    assert await office.money() == (900_000, 100_000)


async def test_free_call_of_a_silent_node_gets_a_record_that_costs_nothing(office: Office) -> None:
    await open_call(office, free_call(started_at=ago(300)), ev.LegAnswered(ago(290), LEG, TRUNK))

    await beats(keeper(office))

    [cdr] = [cdr async for cdr in office.store.cdrs()]
    assert (cdr.provisional, cdr.charged_micros) == (True, 0)
    assert cdr.billable_s >= 290, "until the node was last heard of: it saved the call just now"


async def test_call_whose_state_is_damaged_does_not_stop_the_others(office: Office) -> None:
    await open_call(office, paid_call(call_id="1.7-1", started_at=ago(300)), state="{}")
    await open_call(office, paid_call(call_id="2.7-1", started_at=ago(300)))

    await beats(keeper(office))

    assert await held_and_charged(office) == {"1.7-1": (100_000, 0), "2.7-1": (0, 100_000)}


async def test_many_lost_calls_are_charged_over_several_looks(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nodes, "MOST_AT_ONCE", 2)
    for n in range(3):
        await open_call(office, paid_call(call_id=f"{n}.7-1", started_at=ago(300)))
    watching = keeper(office)

    await beats(watching, range(0, 61, 15))
    assert await office.money() == (700_000, 100_000)
    await watching.beat(75.0)
    assert await office.money() == (700_000, 0)


async def test_sign_that_cannot_be_written_judges_nobody(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    real_sleep, real_apply = asyncio.sleep, office.store.apply_unflushed
    faults: list[Exception] = [StoreUnavailableError("the disk is full"), TimeoutError(), KeyError("what is this")]
    monkeypatch.setattr(asyncio, "sleep", lambda _seconds: real_sleep(0))

    async def apply(operation: Operation[Any]) -> Any:
        if faults:
            raise faults.pop()
        return await real_apply(operation)

    monkeypatch.setattr(office.store, "apply_unflushed", apply)
    watching = keeper(office)
    forgotten = []
    monkeypatch.setattr(watching._watch, "forget", lambda: forgotten.append(len(faults)))
    running = asyncio.create_task(watching.run())
    async with asyncio.timeout(60):
        while not await office.store.nodes():
            await real_sleep(0.01)
    running.cancel()

    assert forgotten == [2, 1, 0]


# --- the node comes back -----------------------------------------------------------------------------------------


@pytest.fixture
def morning(office: Office) -> Morning:
    """The start of pbx1 on an Asterisk that was started a minute ago."""
    found = Morning(store=cast("SomeStore", office.store))
    found.ari.info = {"status": {"startup_time": ago(60).isoformat()}}
    return found


async def test_lost_call_is_settled_by_its_true_end_when_its_node_is_back(office: Office, morning: Morning) -> None:
    call, answered_at = paid_call(started_at=ago(300)), ago(290)
    await open_call(office, call, ev.LegAnswered(answered_at, LEG, TRUNK))
    await beats(keeper(office))
    assert await office.money() == (900_000, 0)
    ended_at = answered_at + timedelta(seconds=3.5)
    record = f"{call.call_id},{answered_at.timestamp():.3f},{ended_at.timestamp():.3f},16,{TRUNK}"
    morning.ami.tree = {f"2026110209/{LEG}": record}

    await morning.compare()
    assert await office.money() == (900_000, 100_000)
    [settle] = morning.desk.notes.settled()
    await office.store.apply(settle_leg(cdr=settle.cdr, close=settle.close, at_ms=ms(ago(0))))

    assert await office.money() == (960_000, 0)
    [cdr] = [cdr async for cdr in office.store.cdrs()]
    assert (cdr.charged_micros, cdr.provisional, cdr.end_source) == (40_000, False, EndSource.HANDLER)


async def test_lost_call_of_which_nothing_is_left_is_final_when_its_node_is_back(
    office: Office, morning: Morning
) -> None:
    await open_call(office, paid_call(started_at=ago(300)))
    await beats(keeper(office))

    await morning.compare()

    assert await office.money() == (900_000, 0)
    assert await office.store.open_sessions() == []
    [cdr] = [cdr async for cdr in office.store.cdrs()]
    assert (cdr.charged_micros, cdr.provisional, cdr.end_source) == (100_000, False, EndSource.LAST_SEEN)


async def test_lost_call_that_still_talks_is_adopted_with_what_it_held(office: Office, morning: Morning) -> None:
    call = paid_call(started_at=ago(300))
    await open_call(office, call, ev.LegAnswered(ago(290), LEG, TRUNK))
    await beats(keeper(office))
    morning.ari.channels = [leg_channel()]

    await morning.compare()
    morning.desk.board.stop()

    assert (morning.session.held_micros, morning.session.paid_s) == (100_000, 10)
    assert await office.money() == (900_000, 100_000)
