"""Lost calls: charged once all that they hold, taken back when something is heard of them, final when nothing is."""

import asyncio
from dataclasses import replace

import pytest
from sqlalchemy import select

from charging.cdr import Cdr, EndSource
from store.allowances import AllowanceRequest
from store.answers import Denied, Granted, Held, Settled
from store.call_reads import CdrFilter
from store.catalog import set_account
from store.errors import CallSettledError, KeyConflictError, RecordMissingError, SliceOrderError
from store.funds import add_funds
from store.lost_calls import charge_provisionally, settle_as_charged
from store.nodes import NodeInfo, forget_node, seen
from store.provisional import take_back
from store.records import OpenSession
from store.schema import spend
from store.sessions import close_session, open_session, save_session
from store.settlement import settle_leg
from tests.integration.store.office import T0_MS, Office, make_cdr

LATER_MS = T0_MS + 300_000


def lost_cdr(office: Office, call_id: str = "c1", charged_micros: int = 100_000, *, allowance_s: int = 0) -> Cdr:
    """Return the provisional record of a call that holds so much."""
    cdr = make_cdr(call_id, account_id=office.account_id, charged_micros=charged_micros)
    billable_s = charged_micros // 10_000 + allowance_s
    return replace(
        cdr, billable_s=billable_s, allowance_s=allowance_s, provisional=True, end_source=EndSource.LAST_SEEN
    )


async def charge(office: Office, cdr: Cdr, seen_at_ms: int | None = None) -> bool:
    return await office.store.apply(charge_provisionally(cdr=cdr, seen_at_ms=seen_at_ms, at_ms=LATER_MS))


async def back(office: Office, call_id: str = "c1") -> bool:
    return await office.store.apply(take_back(call_id=call_id, at_ms=LATER_MS))


async def records(office: Office, call_id: str = "c1") -> list[Cdr]:
    return [cdr async for cdr in office.store.cdrs(CdrFilter(call_id=call_id))]


async def session_of(office: Office, call_id: str = "c1") -> OpenSession:
    [row] = [row for row in await office.store.open_sessions() if row.call_id == call_id]
    return row


async def lots(office: Office) -> list[int]:
    return [lot.remaining_micros for lot in await office.store.lots(office.account_id)]


# --- the charge --------------------------------------------------------------------------------------------------


async def test_lost_call_is_charged_all_that_it_holds(office: Office) -> None:
    await office.open("c1")
    await office.renew("c1", 2, want_s=20)

    assert await charge(office, lost_cdr(office, charged_micros=300_000))

    assert await office.money() == (700_000, 0)
    assert await lots(office) == [700_000]
    assert (await office.keys())[-1] == "c1:provisional:1"
    row = await session_of(office)
    assert (row.held_micros, row.provisional_micros, row.is_lost, row.paid_s) == (0, 300_000, True, 30)
    [record] = await records(office)
    assert record.provisional
    assert await office.store.verify() == []


async def test_charge_made_twice_is_made_once(office: Office) -> None:
    await office.open("c1")
    cdr = lost_cdr(office)

    answers = await asyncio.gather(*(charge(office, cdr) for _ in range(5)))

    assert sorted(answers) == [False, False, False, False, True]
    assert await office.money() == (900_000, 0)


async def test_call_that_was_settled_or_renewed_meanwhile_is_left_alone(office: Office) -> None:
    await office.open("c1")
    await office.open("c2")
    await office.renew("c1", 2, want_s=20)
    await office.settle("c2", 30_000)

    assert not await charge(office, lost_cdr(office, "c1"))
    assert not await charge(office, lost_cdr(office, "c2"))
    assert not await charge(office, lost_cdr(office, "never opened"))

    assert await office.money() == (670_000, 300_000)
    assert not (await session_of(office)).is_lost


async def test_call_whose_node_gave_a_sign_meanwhile_is_left_alone(office: Office) -> None:
    await office.store.apply(seen(name="pbx1", at_ms=T0_MS))
    await office.open("c1")
    await office.store.apply(seen(name="pbx1", at_ms=T0_MS + 5000))

    assert not await charge(office, lost_cdr(office), seen_at_ms=T0_MS)
    assert not await charge(office, lost_cdr(office), seen_at_ms=None)
    assert await charge(office, lost_cdr(office), seen_at_ms=T0_MS + 5000)


async def test_lost_call_that_holds_nothing_has_a_record_and_costs_nothing(office: Office) -> None:
    await office.open("c1", held_micros=0, paid_s=0)
    keys = await office.keys()

    assert await charge(office, lost_cdr(office, charged_micros=0))
    assert not await charge(office, lost_cdr(office, charged_micros=0))

    row = await session_of(office)
    assert (row.is_lost, row.provisional_micros) == (True, 0)
    assert await back(office)
    assert not await back(office)
    assert not (await session_of(office)).is_lost
    assert await records(office) == []
    await office.settle("c1", 0)
    assert await office.keys() == keys


async def test_record_of_a_leg_that_has_one_already_takes_the_next_number(office: Office) -> None:
    await office.open("c1")
    await office.settle("c1", 0, leg=1, close=False)
    await office.settle("c1", 0, leg=2, close=False)

    assert await charge(office, lost_cdr(office))

    assert [(each.leg, each.provisional) for each in await records(office)] == [(1, False), (2, False), (3, True)]


async def test_lost_call_takes_no_share_of_the_last_money(office: Office) -> None:
    """It was never answered as far as is known, so it would for ever look like a call that ends soon."""
    await office.open("c1")
    await office.open("c2")
    await charge(office, lost_cdr(office))

    answer = await office.renew("c2", 2, want_s=90)

    assert isinstance(answer, Granted)
    assert answer.paid_s >= 10 + 80 // 2, "half of the 80 s that are left, as if it were alone"


async def spend_of(office: Office) -> dict[tuple[str, str], int]:
    async with office.store._reading() as connection:
        rows = await connection.execute(select(spend.c.extension, spend.c.day, spend.c.spent_micros))
        return {(extension, day): micros for extension, day, micros in rows if micros}


async def test_lost_call_counts_as_spent_until_it_is_taken_back(office: Office) -> None:
    """On exactly the days on which it was counted, though its answer is saved late and its account moves."""
    await office.open("c1")
    await charge(office, lost_cdr(office))
    assert await spend_of(office) == {("", "2026-11-02"): 100_000, ("101", "2026-11-02"): 100_000}

    await office.store.apply(
        save_session(
            call_id="c1", state="{}", at_ms=LATER_MS, paid_until_ms=LATER_MS, held_by_day={"2026-11-03": 100_000}
        )
    )
    await office.store.apply(set_account(name="main", timezone="Pacific/Kiritimati", month_day=1, plan=None))
    await back(office)

    assert await spend_of(office) == {}
    assert (await session_of(office)).held_micros == 100_000


# --- taken back --------------------------------------------------------------------------------------------------


async def test_charge_taken_back_is_held_again_and_settled_by_the_true_end(office: Office) -> None:
    await office.open("c1")
    await charge(office, lost_cdr(office))

    assert await back(office)

    assert await office.money() == (900_000, 100_000)
    assert await lots(office) == [1_000_000]
    row = await session_of(office)
    assert (row.held_micros, row.provisional_micros, row.is_lost) == (100_000, 0, False)
    assert await records(office) == []
    assert await office.store.verify() == []

    assert await office.settle("c1", 30_000) == Settled(30_000, 70_000, 0, 0)
    assert await office.money() == (970_000, 0)
    assert (await office.keys())[1:] == [
        "c1:slice:1",
        "c1:provisional:1",
        "c1:provisional:1:refund",
        "c1:provisional:1:hold",
        "c1:leg:1:charge",
        "c1:release",
    ]


async def test_taking_back_twice_takes_back_once(office: Office) -> None:
    await office.open("c1")
    await charge(office, lost_cdr(office))

    assert sorted(await asyncio.gather(*(back(office) for _ in range(4)))) == [False, False, False, True]

    assert await office.money() == (900_000, 100_000)


async def test_nothing_to_take_back_changes_nothing(office: Office) -> None:
    await office.open("c1")
    keys = await office.keys()

    assert not await back(office)
    assert not await back(office, "never opened")
    await office.settle("c1", 10_000)
    assert not await back(office)

    assert await office.keys() == [*keys, "c1:leg:1:charge", "c1:release"]


async def test_node_lost_several_times_charges_and_refunds_each_time(office: Office) -> None:
    await office.open("c1")
    for _ in range(3):
        assert await charge(office, lost_cdr(office))
        assert await back(office)

    assert await office.money() == (900_000, 100_000)
    assert [key for key in await office.keys() if key.endswith(":refund")] == [
        f"c1:provisional:{k}:refund" for k in (1, 2, 3)
    ]
    assert await office.store.verify() == []


async def test_money_goes_back_to_the_lots_that_it_came_from(office: Office) -> None:
    """Also where one of them has expired meanwhile: the call holds it, so it is still the call's."""
    await office.store.apply(
        add_funds(
            account_id=office.account_id,
            amount_micros=60_000,
            reference="short",
            at_ms=T0_MS,
            expires_at_ms=T0_MS + 100_000,
        )
    )
    await office.open("c1")
    await charge(office, lost_cdr(office))
    assert await lots(office) == [960_000, 0]

    await back(office)
    assert await lots(office) == [1_000_000, 60_000]
    await office.settle("c1", 80_000)

    assert sum(await lots(office)) == sum(await office.money())


async def test_money_held_again_shelters_nothing_that_had_expired_before(office: Office) -> None:
    """Nobody had looked since the lot's moment came; the lost call held none of it."""
    await office.open("c1")
    await charge(office, lost_cdr(office))
    await office.fund(50_000, "short", LATER_MS + 1000)

    await office.store.apply(take_back(call_id="c1", at_ms=LATER_MS + 2000))

    assert await lots(office) == [1_000_000, 0]
    assert await office.money() == (900_000, 100_000)


async def test_seconds_of_an_allowance_are_used_and_given_back(office: Office) -> None:
    request = AllowanceRequest(plan="p", allowance="a", extension="", month="2026-11-01", limit_s=60, want_s=20)
    opening = open_session(
        call_id="c1",
        node="pbx1",
        account_id=office.account_id,
        extension="101",
        held_micros=100_000,
        paid_s=10,
        per_minute_micros=600_000,
        state="{}",
        at_ms=T0_MS,
        allowance=request,
    )
    assert await office.store.apply(opening) == Held(0, 20, 20)

    assert await charge(office, lost_cdr(office, charged_micros=0, allowance_s=20))
    [use] = await office.store.allowance_uses(office.account_id, "2026-11-01")
    assert (use.used_s, use.held_s) == (20, 0)
    assert await office.store.verify() == []

    assert await back(office)
    [use] = await office.store.allowance_uses(office.account_id, "2026-11-01")
    assert (use.used_s, use.held_s) == (0, 20)
    assert (await session_of(office)).allowance_s == 20

    cdr = replace(make_cdr("c1", account_id=office.account_id), billable_s=7, allowance_s=7)
    await office.store.apply(settle_leg(cdr=cdr, close=True, at_ms=LATER_MS))
    [use] = await office.store.allowance_uses(office.account_id, "2026-11-01")
    assert (use.used_s, use.held_s) == (7, 0)


# --- events before anybody took it back ---------------------------------------------------------------------------


async def test_settling_a_lost_call_takes_its_charge_back_first(office: Office) -> None:
    await office.open("c1")
    await charge(office, lost_cdr(office))

    assert await office.settle("c1", 20_000) == Settled(20_000, 80_000, 0, 0)

    assert await office.money() == (980_000, 0)
    [record] = await records(office)
    assert (record.charged_micros, record.provisional) == (20_000, False)
    assert await office.settle("c1", 20_000) == Settled(20_000, 0, 0, 0), "settled again, nothing is charged twice"


async def test_settling_a_lost_call_as_unanswered_gives_all_back(office: Office) -> None:
    await office.open("c1")
    await charge(office, lost_cdr(office))

    await office.settle("c1", 0, leg=0)

    assert await office.money() == (1_000_000, 0)
    assert [each.leg for each in await records(office)] == [0]


async def test_settling_more_than_the_lost_call_held_changes_nothing(office: Office) -> None:
    await office.open("c1")
    await charge(office, lost_cdr(office))

    with pytest.raises(Exception, match="charges 100001"):
        await office.settle("c1", 100_001)

    assert (await session_of(office)).is_lost
    assert await office.money() == (900_000, 0)


async def test_renewing_a_lost_call_takes_its_charge_back_first(office: Office) -> None:
    """A false alarm: its node was cut off from the store, the call talks."""
    await office.open("c1")
    await charge(office, lost_cdr(office))

    assert await office.renew("c1", 2, want_s=20) == Granted(2, 30, 300_000)

    assert await office.money() == (700_000, 300_000)
    assert not (await session_of(office)).is_lost
    await office.settle("c1", 250_000)
    assert await office.money() == (750_000, 0)


async def test_renewing_a_lost_call_without_funds_is_denied_and_it_holds_what_it_held(office: Office) -> None:
    await office.open("c1", held_micros=1_000_000, paid_s=100)
    await charge(office, lost_cdr(office, charged_micros=1_000_000))

    assert await office.renew("c1", 2, paid_until_s=100) == Denied(0)

    assert await office.money() == (0, 1_000_000)


async def test_slice_out_of_order_of_a_lost_call_changes_nothing(office: Office) -> None:
    await office.open("c1")
    await charge(office, lost_cdr(office))

    with pytest.raises(SliceOrderError):
        await office.renew("c1", 5)

    assert (await session_of(office)).is_lost


async def test_closing_a_lost_call_demands_a_record_that_is_not_provisional(office: Office) -> None:
    await office.open("c1")
    await charge(office, lost_cdr(office))

    with pytest.raises(RecordMissingError):
        await office.store.apply(close_session(call_id="c1", at_ms=LATER_MS))
    assert (await session_of(office)).is_lost


async def test_opening_a_lost_call_again_is_answered_as_before(office: Office) -> None:
    await office.open("c1")
    await charge(office, lost_cdr(office))

    assert await office.open("c1") == Held(100_000, 10)


# --- final ---------------------------------------------------------------------------------------------------------


async def test_lost_call_settled_as_charged_is_final(office: Office) -> None:
    await office.open("c1")
    await charge(office, lost_cdr(office))

    assert await office.store.apply(settle_as_charged(call_id="c1"))
    assert not await office.store.apply(settle_as_charged(call_id="c1"))

    assert await office.money() == (900_000, 0)
    [record] = await records(office)
    assert (record.charged_micros, record.provisional) == (100_000, False)
    assert await office.store.open_sessions() == []
    assert not await back(office)
    with pytest.raises(CallSettledError):
        await office.renew("c1", 2)
    with pytest.raises(KeyConflictError):
        await office.settle("c1", 20_000)


async def test_call_that_is_not_lost_is_not_settled_as_charged(office: Office) -> None:
    await office.open("c1")

    assert not await office.store.apply(settle_as_charged(call_id="c1"))
    assert await office.money() == (900_000, 100_000)


# --- nodes -----------------------------------------------------------------------------------------------------------


async def test_nodes_are_those_that_gave_a_sign_or_have_calls(office: Office) -> None:
    await office.store.apply(seen(name="pbx2", at_ms=T0_MS))
    await office.store.apply(seen(name="pbx2", at_ms=T0_MS + 5000))
    for call_id in ("c1", "c2", "c3"):
        await office.open(call_id)
    await charge(office, lost_cdr(office, "c2"))

    assert await office.store.nodes() == [
        NodeInfo(name="pbx1", seen_at_ms=None, open_calls=2, provisional_calls=1),
        NodeInfo(name="pbx2", seen_at_ms=T0_MS + 5000, open_calls=0, provisional_calls=0),
    ]


async def test_node_is_forgotten_once_it_has_no_session(office: Office) -> None:
    await office.store.apply(seen(name="pbx1", at_ms=T0_MS))
    await office.open("c1")
    assert not await office.store.apply(forget_node(name="pbx1"))

    await office.settle("c1", 0)
    assert await office.store.apply(forget_node(name="pbx1"))
    assert await office.store.apply(forget_node(name="pbx1")), "gone is gone"

    assert await office.store.nodes() == []
