"""From the digits to the verdict: the first hold, the admission, the refusal, and verdicts that come too late."""

import pytest

from charging import commands as cmd
from charging import events as ev
from charging.cdr import Disposition, HangupSide
from charging.policy import MeteringPolicy
from charging.session import Phase, refuse
from rating.decision import DenyReason
from tests.unit.charging.story import (
    LEG,
    PER_MINUTE,
    T0,
    TRUNK,
    Story,
    at,
    emergency_call,
    free_call,
    paid_call,
)

WITHOUT_STORE = ev.SessionDenied(at(2), DenyReason.STORE_DOWN, "the store did not answer")


def test_begin_paid_call_holds_the_first_slice_and_nothing_else() -> None:
    story = Story(paid_call())

    assert story.commands == (cmd.OpenSession(held_micros=100_000, paid_s=10),)


def test_begin_paid_by_the_minute_holds_the_initial_increment_and_the_connect_fee() -> None:
    story = Story(paid_call(PER_MINUTE))

    assert story.commands == (cmd.OpenSession(held_micros=1_050_000, paid_s=60),)


def test_begin_free_call_opens_a_session_without_a_hold() -> None:
    assert Story(free_call()).commands == (cmd.OpenSession(held_micros=0, paid_s=0),)


def test_opened_paid_call_is_admitted_for_what_is_paid_less_the_margin() -> None:
    story = Story(paid_call())

    assert story.after(ev.SessionOpened(at(0.1))) == (cmd.AdmitCaller(slice_ms=9_700),)
    assert story.session.phase is Phase.ADMITTING


@pytest.mark.parametrize(("longest_s", "slice_ms"), [(None, None), (3600, 3_600_000)])
def test_opened_free_call_is_admitted_with_the_plans_limit_only(longest_s: int | None, slice_ms: int | None) -> None:
    story = Story(free_call(longest_call_s=longest_s))

    assert story.after(ev.SessionOpened(at(0.1))) == (cmd.AdmitCaller(slice_ms),)


def test_opened_paid_call_with_a_shorter_limit_is_admitted_for_the_limit() -> None:
    story = Story(paid_call(longest_call_s=4))

    assert story.after(ev.SessionOpened(at(0.1))) == (cmd.AdmitCaller(slice_ms=4_000),)


def test_denied_for_want_of_funds_is_refused_and_written_down() -> None:
    story = Story(paid_call())

    commands = story.after(ev.SessionDenied(at(0.1), DenyReason.NO_FUNDS, "held 100000, available 99999"))

    assert [type(command) for command in commands] == [cmd.RefuseCaller, cmd.Settle]
    assert commands[0] == cmd.RefuseCaller(DenyReason.NO_FUNDS)
    assert story.cdr.disposition is Disposition.REFUSED
    assert (story.cdr.deny_reason, story.cdr.deny_rule) == (DenyReason.NO_FUNDS, "held 100000, available 99999")
    assert (story.cdr.leg, story.cdr.charged_micros, story.cdr.billable_s, story.cdr.funded_by) == (0, 0, 0, ())


def test_refuse_by_decision_never_opens_a_session() -> None:
    session, commands = refuse(paid_call(), at(0.01), DenyReason.BARRED, "the deck bars 447797")

    assert session.phase is Phase.CLOSING
    assert [type(command) for command in commands] == [cmd.RefuseCaller, cmd.Settle]


def test_store_down_for_a_paid_call_refuses_it() -> None:
    story = Story(paid_call())

    assert cmd.RefuseCaller(DenyReason.STORE_DOWN) in story.after(WITHOUT_STORE)
    assert not story.of_kind(cmd.AdmitCaller)


def test_store_down_for_an_included_call_admits_it() -> None:
    assert Story(free_call()).after(WITHOUT_STORE) == (cmd.AdmitCaller(slice_ms=None, is_in_store=False),)


def test_store_down_for_an_included_call_follows_the_setting() -> None:
    story = Story(free_call(), MeteringPolicy(free_without_store=False))

    assert cmd.RefuseCaller(DenyReason.STORE_DOWN) in story.after(WITHOUT_STORE)


@pytest.mark.parametrize("reason", [DenyReason.STORE_DOWN, DenyReason.OVERLOAD, DenyReason.NO_FUNDS])
def test_denied_for_any_reason_an_emergency_is_admitted(reason: DenyReason) -> None:
    story = Story(emergency_call(), MeteringPolicy(free_without_store=False))

    assert story.after(ev.SessionDenied(at(2), reason, "")) == (cmd.AdmitCaller(slice_ms=None, is_in_store=False),)


def test_caller_gone_before_the_hold_was_committed_is_not_admitted_and_the_hold_goes_back() -> None:
    story = Story(paid_call())

    story.after(ev.CallerHangupRequested(at(0.1)), ev.CallerGone(at(0.1)), ev.SessionOpened(at(0.2)))

    assert not story.of_kind(cmd.AdmitCaller)
    assert (story.cdr.disposition, story.cdr.hangup_side) == (Disposition.NO_ANSWER, HangupSide.CALLER)
    assert story.cdr.charged_micros == 0


def test_verdict_missed_because_the_caller_left_is_no_answer() -> None:
    story = Story(paid_call())

    story.after(ev.SessionOpened(at(0.1)), ev.CallerGone(at(0.15)), ev.AdmissionMissed(at(0.2)))

    assert (story.cdr.disposition, story.cdr.deny_reason) == (Disposition.NO_ANSWER, None)


def test_verdict_missed_after_the_guard_fired_is_gate_late() -> None:
    story = Story(paid_call())

    story.after(ev.SessionOpened(at(3.0)), ev.AdmissionMissed(at(3.02)))

    assert (story.cdr.disposition, story.cdr.deny_reason) == (Disposition.REFUSED, DenyReason.GATE_LATE)
    assert story.cdr.deny_rule == "the verdict came 3020 ms after the caller"
    assert not story.of_kind(cmd.RefuseCaller), "the dialplan has refused already"


def test_verdict_missed_early_with_the_caller_still_there_failed() -> None:
    story = Story(paid_call())

    story.after(ev.SessionOpened(at(0.1)), ev.AdmissionMissed(at(0.2)))

    assert story.cdr.disposition is Disposition.FAILED


def test_verdict_missed_though_a_leg_rings_keeps_the_hold() -> None:
    story = Story(paid_call())

    story.after(ev.SessionOpened(at(0.1)), ev.LegSeen(at(0.15), LEG, TRUNK), ev.AdmissionMissed(at(2.1)))

    assert story.is_open, "the leg proves that the caller was admitted"


def test_opened_never_reported_gives_up_after_a_while() -> None:
    story = Story(paid_call())

    story.sleep_until(60)

    assert not story.of_kind(cmd.AdmitCaller)
    assert story.of_kind(cmd.RefuseCaller) == [cmd.RefuseCaller(DenyReason.GATE_LATE)]
    assert story.cdr.charged_micros == 0
    assert (story.cdr.ended_at - T0).total_seconds() < 30


def test_admission_never_reported_takes_the_caller_for_admitted_and_keeps_the_hold() -> None:
    story = Story(paid_call())
    story.after(ev.SessionOpened(at(0.1)))

    story.sleep_until(60)
    assert story.session.phase is Phase.DIALLING, "the dialplan may be dialling: the hold stays until that is over"

    story.sleep_until(300)
    assert story.cdr.charged_micros == 0


def test_admission_never_reported_for_an_emergency_that_could_not_be_opened_never_refuses_it() -> None:
    story = Story(emergency_call())

    story.sleep_until(60)

    assert not story.of_kind(cmd.RefuseCaller)
    assert story.of_kind(cmd.AdmitCaller) == [cmd.AdmitCaller(slice_ms=None, is_in_store=False)]


def test_opened_twice_admits_once() -> None:
    story = Story(paid_call())

    assert story.after(ev.SessionOpened(at(0.1)), ev.SessionOpened(at(0.1))) == (cmd.AdmitCaller(9_700),)


def test_denied_after_it_was_opened_changes_nothing() -> None:
    story = Story.dialling(paid_call())
    before = story.session

    assert story.after(WITHOUT_STORE) == ()
    assert story.session == before


def test_leg_answered_before_anything_is_held_is_hung_up() -> None:
    assert Story(paid_call()).after(ev.LegAnswered(at(0.01), LEG, TRUNK)) == (cmd.HangUpLeg(LEG),)


def test_leg_answered_before_a_free_session_is_open_is_left_alone() -> None:
    assert Story(free_call()).after(ev.LegAnswered(at(0.01), LEG, TRUNK)) == ()
