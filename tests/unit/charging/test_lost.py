"""Lost calls: when what they hold is past, and what their provisional record says."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from charging import events as ev
from charging.adoption import adopted
from charging.call import AllowanceShare
from charging.cdr import Disposition, EndSource
from charging.events import Slice
from charging.lost import CLOCK_MARGIN, lost_record
from charging.session import Session, begin, step
from rating.destination import DestinationClass
from tests.unit.charging.story import (
    LEG,
    PER_MINUTE,
    POLICY,
    T0,
    TRUNK,
    at,
    emergency_call,
    free_call,
    paid_call,
)

MARGIN_S = CLOCK_MARGIN.total_seconds()
RING_S = 125 + 3
"""The ring limit of one trunk, and what a verdict may take."""


def after(session: Session, *events: ev.Event) -> Session:
    """Return the session after these events, as another node finds it in the store."""
    for event in events:
        session, _ = step(session, event, POLICY)
    return adopted(
        session,
        held_micros=session.held_micros,
        paid_s=session.paid_s,
        allowance_s=session.allowance_s,
        slice_no=session.slice_no,
    )


def talking(session: Session, opened: ev.SessionOpened | None = None) -> Session:
    answered = ev.LegAnswered(at(5), LEG, TRUNK)
    return after(session, opened or ev.SessionOpened(at(0)), ev.CallerAdmitted(at(0)), answered)


def lost(session: Session, seconds: float, last_seen_at: datetime = T0) -> object:
    return lost_record(session, POLICY, last_seen_at=last_seen_at, at=at(seconds))


def test_talking_call_is_lost_once_its_paid_end_is_past_by_the_margin() -> None:
    session = talking(begin(paid_call(), POLICY)[0])

    assert lost(session, 15 + MARGIN_S - 0.001) is None
    record = lost_record(session, POLICY, last_seen_at=at(7), at=at(15 + MARGIN_S))

    assert record is not None
    assert record.provisional
    assert (record.answered_at, record.ended_at, record.end_source) == (at(5), at(15), EndSource.LAST_SEEN)
    assert (record.leg, record.billable_s, record.charged_micros) == (1, 10, 100_000)
    assert (record.disposition, record.hangup_side, record.trunk) == (Disposition.ANSWERED, None, TRUNK)
    assert record.funded_by == ("account",)


def test_call_that_nobody_saw_answered_is_charged_as_if_it_was_at_the_last_moment() -> None:
    session = after(begin(paid_call(), POLICY)[0])

    assert lost(session, RING_S + 10 + MARGIN_S - 0.001) is None
    record = lost_record(session, POLICY, last_seen_at=T0, at=at(RING_S + 10 + MARGIN_S))

    assert record is not None
    assert (record.answered_at, record.ended_at) == (at(RING_S), at(RING_S + 10))
    assert (record.leg, record.billable_s, record.charged_micros) == (1, 10, 100_000)
    assert (record.disposition, record.trunk) == (Disposition.ANSWERED, None)


def test_call_of_several_trunks_may_have_rung_on_each_of_them() -> None:
    session = after(begin(paid_call(trunks=3), POLICY)[0])

    assert lost(session, RING_S + 2 * 120 + 10 + MARGIN_S - 0.001) is None
    assert lost(session, RING_S + 2 * 120 + 10 + MARGIN_S) is not None


def test_record_charges_all_that_is_held_though_its_seconds_cost_less() -> None:
    session = talking(begin(paid_call(PER_MINUTE), POLICY)[0], ev.SessionOpened(at(0), Slice(60, 1_070_000, 0)))

    record = lost_record(session, POLICY, last_seen_at=T0, at=at(1000))

    assert record is not None
    assert (record.charged_micros, record.unfunded_micros, record.billable_s) == (1_070_000, 0, 60)


def test_price_of_an_unseen_answer_is_the_one_in_force_at_the_last_moment() -> None:
    later = replace(PER_MINUTE, per_minute_micros=2_000_000)
    call = paid_call(PER_MINUTE, later_rates=((int(at(60).timestamp() * 1000), later),))

    record = lost_record(after(begin(call, POLICY)[0]), POLICY, last_seen_at=T0, at=at(1000))

    assert record is not None
    assert record.rate == later


def test_call_on_its_allowance_alone_uses_it_up_and_costs_nothing() -> None:
    share = AllowanceShare(plan="p", name="a", extension="", limit_s=600)
    session = talking(begin(paid_call(allowance=share), POLICY)[0], ev.SessionOpened(at(0), Slice(10, 0, 10)))

    record = lost_record(session, POLICY, last_seen_at=T0, at=at(1000))

    assert record is not None
    assert (record.billable_s, record.allowance_s, record.charged_micros) == (10, 10, 0)
    assert record.funded_by == ("allowance",)


def test_free_call_ends_when_its_node_was_last_heard_of() -> None:
    session = talking(begin(free_call(), POLICY)[0])

    assert lost(session, 5 + MARGIN_S - 0.001, at(21.5)) is None
    record = lost_record(session, POLICY, last_seen_at=at(21.5), at=at(5 + MARGIN_S))

    assert record is not None
    assert record.provisional
    assert (record.ended_at, record.billable_s, record.charged_micros) == (at(21.5), 17, 0)


@pytest.mark.parametrize(
    ("session", "last_moment_s"),
    [
        (begin(free_call(), POLICY)[0], RING_S),
        (begin(emergency_call(), POLICY)[0], 3),
        (begin(free_call(destination_class=DestinationClass.INTERNAL), POLICY)[0], 3),
    ],
)
def test_free_call_that_nobody_saw_answered_was_not(session: Session, last_moment_s: float) -> None:
    assert lost(after(session), last_moment_s + MARGIN_S - 0.001, at(60)) is None
    record = lost_record(after(session), POLICY, last_seen_at=at(60), at=at(last_moment_s + MARGIN_S))

    assert record is not None
    assert (record.leg, record.disposition, record.hangup_side) == (0, Disposition.NO_ANSWER, None)
    assert (record.answered_at, record.ended_at, record.end_source) == (None, at(60), EndSource.LAST_SEEN)
    assert (record.billable_s, record.charged_micros) == (0, 0)


def test_record_never_ends_before_it_begins_though_the_last_sign_is_older() -> None:
    record = lost_record(talking(begin(free_call(), POLICY)[0]), POLICY, last_seen_at=at(-60), at=at(1000))
    unanswered = lost_record(after(begin(free_call(), POLICY)[0]), POLICY, last_seen_at=at(-60), at=at(1000))

    assert record is not None
    assert (record.ended_at, record.billable_s) == (at(5), 0)
    assert unanswered is not None
    assert unanswered.ended_at - T0 == timedelta()
