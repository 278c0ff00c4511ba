"""Whole calls in virtual time, under faults: each ends closed, with one closing record, and no money made or lost."""

from dataclasses import replace
from datetime import timedelta
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from charging.call import Call
from charging.cdr import Disposition, EndSource
from charging.policy import MeteringPolicy
from charging.session import Phase
from rating.price import billable_s, charge_micros
from tests.effort import EFFORT
from tests.property.charging.world import ASTERISK_LATE_S, Attempt, Faults, Plan, World
from tests.unit.charging.story import (
    PER_MINUTE,
    emergency_call,
    free_call,
    paid_call,
)

EUR = 1_000_000
CHANCES = st.sampled_from([0.0, 0.0, 0.1, 0.5, 1.0])
SPANS = st.floats(0, 200, allow_nan=False).map(lambda seconds: round(seconds, 3))
ATTEMPTS = st.builds(Attempt, SPANS, st.sampled_from([None, None, 17, 34, 20]), SPANS)
PLANS = st.builds(Plan, SPANS, st.lists(ATTEMPTS, min_size=1, max_size=3).map(tuple), st.booleans())
PAID = st.sampled_from([paid_call(trunks=3), paid_call(PER_MINUTE, trunks=3), paid_call(longest_call_s=40, trunks=3)])
CALLS = PAID | st.sampled_from([free_call(trunks=3), free_call(longest_call_s=40, trunks=3), emergency_call(trunks=3)])
FUNDS = st.sampled_from([0, 99_999, 100_000, 250_000, 1_050_000, EUR, 10 * EUR])
FAULTS = st.builds(
    Faults,
    lost_events=CHANCES,
    repeated_events=CHANCES,
    late_events_s=st.sampled_from([0.0, 0.1, 2.0]),
    store_fails=CHANCES,
    store_late_s=st.sampled_from([0.0, 0.5, 2.0]),
    hang_up_fails=CHANCES,
    arming_fails=CHANCES,
    unarmed_at_answer=st.booleans(),
)
SEEDS = st.integers(0, 2**32)


def lived(call: Call, plan: Plan, faults: Faults, funds_micros: int, seed: int) -> World:
    """Return the world after the call."""
    world = World(call, plan, faults, funds_micros, Random(seed), MeteringPolicy(ring_limit_s=60))
    world.live()
    return world


@settings(max_examples=300 * EFFORT)
@given(CALLS, PLANS, FAULTS, FUNDS, SEEDS)
def test_every_life_ends_closed_with_one_closing_record_and_the_money_in_its_place(
    call: Call, plan: Plan, faults: Faults, funds_micros: int, seed: int
) -> None:
    world = lived(call, plan, faults, funds_micros, seed)

    assert world.session.phase is Phase.CLOSED, world.session
    assert world.closings == 1
    assert world.held_micros == 0
    assert world.available_micros + world.charged_micros == funds_micros
    assert sum(cdr.charged_micros for cdr in world.records.values()) == world.charged_micros
    assert world.available_micros >= 0
    if call.rate is None:
        assert world.charged_micros == 0


@settings(max_examples=150 * EFFORT)
@given(CALLS, PLANS, FAULTS, st.sampled_from([0.0, 1.0]), FUNDS, SEEDS)
def test_every_answered_leg_has_its_record_and_its_price(
    call: Call, plan: Plan, faults: Faults, lost_events: float, funds_micros: int, seed: int
) -> None:
    """Where the line is up events come in their order, where it is down none comes and the sweep tells everything."""
    line = replace(faults, lost_events=lost_events, late_events_s=0.0)

    world = lived(call, plan, line, funds_micros, seed)

    answered = [leg for leg in world.legs if leg.answered_s is not None and leg.ended_s is not None]
    for leg in answered:
        [cdr] = [cdr for cdr in world.records.values() if cdr.answered_at is not None]
        assert cdr.disposition is Disposition.ANSWERED
        assert cdr.answered_at == world.moment(leg.answered_s)
        if cdr.end_source is EndSource.LAST_SEEN or call.rate is None:
            continue
        duration_ms = (world.moment(leg.ended_s) - world.moment(leg.answered_s)) // timedelta(milliseconds=1)
        price_micros = charge_micros(call.rate, billable_s(call.rate, duration_ms))
        assert cdr.charged_micros + cdr.unfunded_micros == price_micros


@settings(max_examples=150 * EFFORT)
@given(PAID, PLANS, FAULTS, FUNDS, SEEDS)
def test_no_leg_talks_past_what_is_paid_where_asterisk_or_the_hang_up_works(
    call: Call, plan: Plan, faults: Faults, funds_micros: int, seed: int
) -> None:
    prompt = replace(faults, late_events_s=min(faults.late_events_s, 0.1))
    if faults.unarmed_at_answer:
        prompt = replace(prompt, lost_events=0.0, hang_up_fails=0.0)

    world = lived(call, plan, prompt, funds_micros, seed)

    for leg in world.legs:
        if leg.answered_s is not None and leg.ended_s is not None:
            margin_s = world.policy.cutoff_margin_ms / 1000
            assert leg.ended_s - leg.answered_s <= world.paid_s - margin_s + 2 * ASTERISK_LATE_S + 1e-6


@settings(max_examples=100 * EFFORT)
@given(st.sampled_from([free_call(trunks=3), emergency_call(trunks=3)]), PLANS, FAULTS, SEEDS)
def test_no_answered_leg_that_costs_nothing_is_ever_hung_up(call: Call, plan: Plan, faults: Faults, seed: int) -> None:
    world = lived(call, plan, faults, 0, seed)

    assert world.admitted or world.caller_gone
    assert world.hang_ups == [] or call.rate is None
    for leg in world.legs:
        assert leg.answered_s is None or leg.channel_id not in world.hang_ups


@pytest.mark.parametrize("funds_micros", [100_000, 500_000, EUR])
def test_undisturbed_call_talks_for_all_of_the_money_and_not_a_second_longer(funds_micros: int) -> None:
    plan = Plan(1000, (Attempt(3.0, None, 1000),))

    world = lived(paid_call(), plan, Faults(), funds_micros, 1)

    [cdr] = world.records.values()
    assert (cdr.charged_micros, cdr.unfunded_micros) == (funds_micros, 0)
    [leg] = world.legs
    assert leg.ended_s is not None
    assert leg.answered_s is not None
    assert leg.ended_s - leg.answered_s == pytest.approx(funds_micros / 10_000 - 0.3, abs=0.02)
