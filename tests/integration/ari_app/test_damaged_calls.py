"""Open calls whose saved state cannot be read: they keep their hold while they may talk, then they are charged it."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import cast

import pytest

from charging import events as ev
from charging.cdr import Cdr, Disposition, EndSource
from store.allowances import AllowanceRequest
from store.nodes import seen
from store.sessions import open_session, save_session
from tests.integration.ari_app.test_nodes import ago, beats, held_and_charged, keeper, ms, open_call
from tests.integration.store.office import EUR, Office, open_office
from tests.unit.ari_app.morning import Morning, SomeStore, leg_channel
from tests.unit.charging.story import LEG, TRUNK, free_call, paid_call

DAMAGE = '{"phase":"what is this","call":{"dialled":"00447797123456","endpoint":"PJSIP/101","started_at":7}}'


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[Office]:
    async with open_office(tmp_path, funds_micros=EUR) as made:
        yield made


async def open_damaged(office: Office, *, answered_ago_s: float | None, call_id: str = "1.7-1") -> None:
    """Open a call of pbx1 with 10 s held, answered or not, and lose its state."""
    started_at = ago(2000 if answered_ago_s is None else answered_ago_s + 5)
    await open_call(office, paid_call(call_id=call_id, started_at=started_at), state=DAMAGE)
    if answered_ago_s is not None:
        answered_at = ago(answered_ago_s)
        saving = save_session(
            call_id=call_id, state=DAMAGE, at_ms=ms(answered_at), paid_until_ms=ms(answered_at) + 10_000
        )
        await office.store.apply(saving)


async def records(office: Office) -> list[Cdr]:
    return [cdr async for cdr in office.store.cdrs()]


async def test_damaged_call_of_a_silent_node_is_charged_what_it_held(office: Office) -> None:
    await open_damaged(office, answered_ago_s=300)

    await beats(keeper(office))

    assert await held_and_charged(office) == {"1.7-1": (0, 100_000)}
    [cdr] = await records(office)
    assert (cdr.charged_micros, cdr.billable_s, cdr.provisional) == (100_000, 10, True)
    assert (cdr.end_source, cdr.disposition) == (EndSource.LAST_SEEN, Disposition.ANSWERED)
    assert (cdr.dialled, cdr.endpoint, cdr.rate) == ("00447797123456", "PJSIP/101", None)
    assert await office.store.verify() == []


async def test_damaged_call_that_may_still_talk_keeps_its_hold(office: Office) -> None:
    await open_damaged(office, answered_ago_s=20)
    await open_damaged(office, answered_ago_s=None, call_id="2.7-1")
    await office.store.apply(save_session(call_id="2.7-1", state=DAMAGE, at_ms=ms(ago(600))))

    await beats(keeper(office))
    await beats(keeper(office, "pbx1"))

    assert await office.money() == (800_000, 200_000)


async def test_damaged_call_that_nobody_saw_answered_is_charged_when_its_latest_end_is_past(office: Office) -> None:
    await open_damaged(office, answered_ago_s=None)

    await beats(keeper(office))

    assert await office.money() == (900_000, 0)
    assert await office.store.verify() == []


async def test_nodes_own_damaged_call_is_charged_and_its_others_are_left_alone(office: Office) -> None:
    await open_damaged(office, answered_ago_s=300)
    other = paid_call(call_id="2.7-1", started_at=ago(300))
    await open_call(office, other, ev.LegAnswered(ago(290), LEG, TRUNK))

    await beats(keeper(office, "pbx1"))

    assert await held_and_charged(office) == {"1.7-1": (0, 100_000), "2.7-1": (100_000, 0)}


async def test_charged_damaged_call_is_final_once_its_channels_are_gone(office: Office) -> None:
    await open_damaged(office, answered_ago_s=300, call_id=paid_call().call_id)
    await beats(keeper(office, "pbx1"))
    morning = Morning(store=cast("SomeStore", office.store))
    # Asterisk lived through it: what can be read is settled by its true end, this cannot.
    morning.ari.info = {"status": {"startup_time": ago(3600).isoformat()}}

    morning.ari.channels = [leg_channel()]
    await morning.compare()
    assert await held_and_charged(office) == {paid_call().call_id: (0, 100_000)}

    morning.ari.channels = []
    await morning.compare()
    morning.desk.board.stop()
    assert await office.store.open_sessions() == []
    [cdr] = await records(office)
    assert (cdr.charged_micros, cdr.provisional) == (100_000, False)
    assert await office.money() == (900_000, 0)


async def test_damaged_call_of_an_allowance_uses_its_seconds_and_costs_nothing(office: Office) -> None:
    request = AllowanceRequest(plan="p", allowance="a", extension="", month="2026-11-01", limit_s=600, want_s=60)
    await office.store.apply(seen(name="pbx1", at_ms=1))
    await office.store.apply(
        open_session(
            call_id="1.7-1",
            node="pbx1",
            account_id=office.account_id,
            extension="101",
            held_micros=0,
            paid_s=0,
            per_minute_micros=0,
            state="",
            at_ms=ms(ago(2000)),
            allowance=request,
        )
    )

    await beats(keeper(office))

    [cdr] = await records(office)
    assert (cdr.allowance_s, cdr.billable_s, cdr.charged_micros, cdr.funded_by) == (60, 60, 0, ("allowance",))
    assert await office.store.verify() == []


async def test_damaged_free_call_gets_a_record_that_costs_nothing(office: Office) -> None:
    await open_call(office, free_call(started_at=ago(2000)), state="{")

    await beats(keeper(office))

    [cdr] = await records(office)
    assert (cdr.charged_micros, cdr.billable_s, cdr.disposition) == (0, 0, Disposition.NO_ANSWER)
    assert (cdr.dialled, cdr.answered_at) == ("", None)
