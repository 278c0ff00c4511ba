"""A call's money, from the hold to the release: answers, balances, journal and replays."""

from dataclasses import replace

import pytest

from rating.deck import Rate
from store.answers import Denied, Granted, Held, Settled
from store.errors import (
    CallSettledError,
    ChargeExceedsHoldError,
    KeyConflictError,
    RecordMissingError,
    SliceOrderError,
    UnknownAccountError,
    UnknownCallError,
)
from store.sessions import open_session, save_session
from store.settlement import settle_leg
from tests.integration.store.office import T0_MS, Office, make_cdr


async def test_open_with_funds_holds_the_first_slice(office: Office) -> None:
    assert await office.open("a") == Held(100_000, 10)
    assert await office.money() == (900_000, 100_000)
    assert (await office.keys())[1:] == ["a:slice:1"]
    (session,) = await office.store.open_sessions("pbx1")
    assert (session.call_id, session.held_micros, session.paid_s) == ("a", 100_000, 10)
    assert session.state == '{"phase":"held"}'
    assert await office.store.open_sessions("another") == []


async def test_open_without_funds_is_denied_and_writes_nothing(office: Office) -> None:
    assert await office.open("a", held_micros=1_000_001) == Denied(1_000_000)
    assert await office.money() == (1_000_000, 0)
    assert await office.store.open_sessions() == []
    assert await office.keys() == ["account:1:ref:start"]


async def test_open_with_exactly_the_funds_is_held(office: Office) -> None:
    assert await office.open("a", held_micros=1_000_000) == Held(1_000_000, 10)
    assert await office.open("b", held_micros=1) == Denied(0)


async def test_open_of_a_free_call_writes_no_journal_row(office: Office) -> None:
    assert await office.open("a", held_micros=0, paid_s=0) == Held(0, 0)
    assert await office.settle("a", 0, rate=None) == Settled(0, 0, 0, 0)
    assert await office.keys() == ["account:1:ref:start"]


async def test_open_again_with_the_same_inputs_changes_nothing(office: Office) -> None:
    first = await office.open("a", held_micros=600_000)
    assert await office.open("a", held_micros=600_000) == first
    assert await office.money() == (400_000, 600_000)


async def test_open_again_after_a_renewal_answers_as_before(office: Office) -> None:
    first = await office.open("a")
    await office.renew("a", 2)
    assert await office.open("a") == first


async def test_open_again_with_other_inputs_is_a_conflict(office: Office) -> None:
    await office.open("a")
    with pytest.raises(KeyConflictError):
        await office.open("a", held_micros=200_000)


async def test_open_of_a_settled_call_is_refused(office: Office) -> None:
    await office.open("a")
    await office.settle("a", 50_000)
    with pytest.raises(CallSettledError):
        await office.open("a")
    assert await office.money() == (950_000, 0)


@pytest.mark.parametrize("held_micros", [0, 100_000])
async def test_open_on_an_unknown_account_is_an_error(office: Office, held_micros: int) -> None:
    operation = open_session(
        call_id="a",
        node="pbx1",
        account_id=99,
        extension="101",
        held_micros=held_micros,
        paid_s=10,
        per_minute_micros=600_000,
        state="{}",
        at_ms=T0_MS,
    )
    with pytest.raises(UnknownAccountError, match="99"):
        await office.store.apply(operation)


async def test_renew_with_plenty_grants_what_is_wanted(office: Office) -> None:
    await office.open("a")
    assert await office.renew("a", 2) == Granted(2, 70, 700_000)
    assert await office.money() == (300_000, 700_000)
    (session,) = await office.store.open_sessions()
    assert session.paid_until_ms == T0_MS + 70_000
    assert session.state == '{"phase":"talking"}'


async def test_renew_to_the_end_of_the_funds_is_denied_then(office: Office) -> None:
    await office.open("a")
    await office.renew("a", 2)
    assert await office.renew("a", 3, paid_until_s=70) == Granted(3, 100, 1_000_000)
    assert await office.renew("a", 4, paid_until_s=100) == Denied(0)
    await office.fund(50_000, "top-up")
    assert await office.renew("a", 4, paid_until_s=100) == Granted(4, 105, 1_050_000)


async def test_renewals_of_two_calls_on_the_last_money_share_it(office: Office) -> None:
    totals = {}
    for call_id in ("a", "b"):
        await office.open(call_id)
        totals[call_id] = Granted(1, 10, 100_000)
    for _ in range(10):
        for call_id, total in totals.items():
            answer = await office.renew(call_id, total.n + 1, paid_until_s=total.paid_s, min_s=2)
            totals[call_id] = answer if isinstance(answer, Granted) else total
    a, b = totals.values()
    assert a.held_micros + b.held_micros == 1_000_000
    assert abs(a.paid_s - b.paid_s) <= 2


async def test_renew_knows_from_save_when_the_others_end(office: Office) -> None:
    for call_id in ("a", "b"):
        await office.open(call_id)
        await office.store.apply(save_session(call_id=call_id, state="{}", at_ms=T0_MS, paid_until_ms=T0_MS + 10_000))
    # To the common end at 50 s each lacks 40 s, and half of its share is granted.
    assert await office.renew("a", 2) == Granted(2, 30, 300_000)
    assert await office.renew("b", 2) == Granted(2, 30, 300_000)


async def test_renew_ahead_of_a_call_that_needs_the_money_is_denied(office: Office) -> None:
    await office.open("a")
    await office.renew("a", 2)
    await office.open("b")
    assert await office.renew("a", 3, paid_until_s=70, lead_s=64) == Denied(200_000)
    assert await office.renew("b", 2, paid_until_s=15) == Granted(2, 20, 200_000)


async def test_renew_shares_nothing_with_a_call_whose_paid_time_is_over(office: Office) -> None:
    await office.open("lost")
    save = save_session(call_id="lost", state="{}", at_ms=T0_MS, paid_until_ms=T0_MS + 10_000)
    await office.store.apply(save)
    await office.open("a", held_micros=500_000, paid_s=50)
    assert await office.renew("a", 2, paid_until_s=50) == Granted(2, 90, 900_000)


async def test_renew_again_answers_the_same(office: Office) -> None:
    await office.open("a")
    first = await office.renew("a", 2, want_s=20)
    assert await office.renew("a", 2, want_s=20) == first
    assert await office.money() == (700_000, 300_000)


async def test_renew_of_an_older_slice_answers_the_totals(office: Office) -> None:
    await office.open("a")
    await office.renew("a", 2, want_s=20)
    last = await office.renew("a", 3, want_s=20, paid_until_s=30)
    assert await office.renew("a", 2, want_s=20) == last


async def test_renew_again_with_other_inputs_is_a_conflict(office: Office) -> None:
    await office.open("a")
    await office.renew("a", 2, want_s=20)
    with pytest.raises(KeyConflictError):
        await office.renew("a", 2, want_s=30)


async def test_renew_with_a_gap_is_an_error(office: Office) -> None:
    await office.open("a")
    with pytest.raises(SliceOrderError):
        await office.renew("a", 3)


async def test_renew_within_the_minimum_charge_holds_nothing_more(office: Office) -> None:
    rate = Rate(
        prefix="44",
        destination="United Kingdom",
        per_minute_micros=600_000,
        initial_increment_s=1,
        increment_s=1,
        minimum_charge_micros=500_000,
    )
    await office.open("a", held_micros=500_000)
    assert await office.renew("a", 2, want_s=20, rate=rate) == Granted(2, 30, 500_000)
    assert (await office.keys())[1:] == ["a:slice:1"]


async def test_renew_and_save_of_an_unknown_call_are_errors(office: Office) -> None:
    with pytest.raises(UnknownCallError):
        await office.renew("a", 2)
    with pytest.raises(UnknownCallError):
        await office.store.apply(save_session(call_id="a", state="{}", at_ms=T0_MS))


async def test_save_keeps_the_state_and_the_known_end(office: Office) -> None:
    await office.open("a")
    save = save_session(call_id="a", state='{"x":1}', at_ms=T0_MS + 1, paid_until_ms=T0_MS + 10_000)
    await office.store.apply(save)
    await office.store.apply(save_session(call_id="a", state='{"x":2}', at_ms=T0_MS + 2))
    (session,) = await office.store.open_sessions()
    assert (session.state, session.paid_until_ms) == ('{"x":2}', T0_MS + 10_000)
    assert session.updated_at_ms == T0_MS + 2


async def test_settle_charges_and_releases_the_rest(office: Office) -> None:
    await office.open("a")
    await office.renew("a", 2)
    assert await office.settle("a", 420_000) == Settled(420_000, 280_000, 0, 0)
    assert await office.money() == (580_000, 0)
    assert (await office.keys())[1:] == ["a:slice:1", "a:slice:2", "a:leg:1:charge", "a:release"]
    assert await office.store.open_sessions() == []


async def test_settle_of_the_whole_hold_releases_nothing(office: Office) -> None:
    await office.open("a")
    assert await office.settle("a", 100_000) == Settled(100_000, 0, 0, 0)
    assert (await office.keys())[1:] == ["a:slice:1", "a:leg:1:charge"]


async def test_settle_again_charges_nothing(office: Office) -> None:
    await office.open("a")
    await office.settle("a", 40_000)
    assert await office.settle("a", 40_000) == Settled(40_000, 0, 0, 0)
    assert await office.money() == (960_000, 0)


async def test_settle_again_with_another_charge_is_a_conflict(office: Office) -> None:
    await office.open("a")
    await office.settle("a", 40_000)
    with pytest.raises(KeyConflictError):
        await office.settle("a", 50_000)


async def test_settle_above_the_hold_is_an_error_and_changes_nothing(office: Office) -> None:
    await office.open("a")
    with pytest.raises(ChargeExceedsHoldError):
        await office.settle("a", 100_001)
    assert await office.money() == (900_000, 100_000)
    assert [cdr async for cdr in office.store.cdrs()] == []


async def test_settle_on_another_account_is_a_conflict(office: Office) -> None:
    await office.open("a")
    cdr = make_cdr("a", account_id=None)
    with pytest.raises(KeyConflictError):
        await office.store.apply(settle_leg(cdr=cdr, close=True, at_ms=T0_MS))


async def test_settle_without_a_session_only_writes_the_record(office: Office) -> None:
    cdr = make_cdr("sos", account_id=None, leg=0)
    settled = await office.store.apply(settle_leg(cdr=cdr, close=True, at_ms=T0_MS))
    assert settled == Settled(0, 0, 0, 0)
    assert [record async for record in office.store.cdrs()] == [cdr]
    with pytest.raises(ChargeExceedsHoldError):
        await office.settle("other", 1)


async def test_settle_of_an_answered_leg_takes_the_place_of_a_record_that_nobody_answered(office: Office) -> None:
    await office.open("a")
    await office.settle("a", 0, leg=0)  # by a service that had not heard of the answer
    leg = make_cdr("a", account_id=office.account_id, charged_micros=40_000)
    assert await office.store.apply(settle_leg(cdr=leg, close=True, at_ms=T0_MS)) == Settled(0, 0, 0, 0)

    (record,) = [record async for record in office.store.cdrs()]
    assert record == replace(leg, charged_micros=0, unfunded_micros=40_000), "its hold has gone back"
    assert await office.money() == (1_000_000, 0)
    assert await office.store.verify() == []


async def test_settle_of_nobodys_answer_says_nothing_where_a_leg_was_answered(office: Office) -> None:
    await office.open("a")
    await office.settle("a", 40_000)
    assert await office.settle("a", 0, leg=0) == Settled(0, 0, 0, 0)

    (record,) = [record async for record in office.store.cdrs()]
    assert (record.leg, record.charged_micros) == (1, 40_000)


async def test_settle_of_two_legs_charges_each_from_the_same_hold(office: Office) -> None:
    await office.open("a")
    await office.renew("a", 2, want_s=20)
    assert await office.settle("a", 120_000, leg=1, close=False) == Settled(120_000, 0, 180_000, 18)
    assert await office.settle("a", 120_000, leg=1, close=False) == Settled(120_000, 0, 180_000, 18)
    (session,) = await office.store.open_sessions()
    assert (session.held_micros, session.paid_s, session.paid_until_ms) == (180_000, 18, None)
    assert await office.settle("a", 80_000, leg=2) == Settled(80_000, 100_000, 0, 0)
    assert await office.money() == (800_000, 0)


async def test_settle_with_a_connect_fee_leaves_what_a_new_leg_could_talk(office: Office) -> None:
    rate = Rate(
        prefix="44",
        destination="United Kingdom",
        per_minute_micros=600_000,
        connect_fee_micros=100_000,
        initial_increment_s=1,
        increment_s=1,
    )
    await office.open("a", held_micros=300_000, paid_s=20)
    assert await office.settle("a", 150_000, close=False, rate=rate) == Settled(150_000, 0, 150_000, 5)
    assert await office.settle("a", 0, leg=2, rate=rate) == Settled(0, 150_000, 0, 0)


async def test_settle_that_goes_on_saves_the_state(office: Office) -> None:
    await office.open("a")
    cdr = make_cdr("a", account_id=office.account_id, charged_micros=10_000)
    await office.store.apply(settle_leg(cdr=cdr, close=False, state='{"leg":2}', at_ms=T0_MS))
    (session,) = await office.store.open_sessions()
    assert session.state == '{"leg":2}'


async def test_settle_again_with_close_ends_a_call_left_open(office: Office) -> None:
    await office.open("a")
    await office.settle("a", 40_000, close=False)
    assert await office.settle("a", 40_000) == Settled(40_000, 60_000, 0, 0)
    assert await office.store.open_sessions() == []


async def test_close_after_the_last_leg_releases_the_rest(office: Office) -> None:
    await office.open("a")
    await office.settle("a", 40_000, close=False)
    assert await office.close("a") == Settled(0, 60_000, 0, 0)
    assert await office.close("a") == Settled(0, 0, 0, 0)
    assert await office.money() == (960_000, 0)
    with pytest.raises(CallSettledError):
        await office.renew("a", 2)


async def test_close_without_a_record_is_an_error(office: Office) -> None:
    with pytest.raises(UnknownCallError):
        await office.close("a")
    await office.open("a")
    with pytest.raises(RecordMissingError):
        await office.close("a")
    await office.settle("a", 0)
