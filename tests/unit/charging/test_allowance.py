"""An allowance pays first: what is asked for, when a call ends with it, and what its record says."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from charging import commands as cmd
from charging import events as ev
from charging.call import AllowanceShare, Call
from charging.policy import MeteringPolicy
from charging.saved import dump_session, load_session
from rating.decision import Denial, DenyReason
from rating.deck import PricedHours, Rate
from rating.hours import parse_hours
from tests.unit.charging.story import LEG, NORMAL, PER_MINUTE, PER_SECOND, T0, TRUNK, Story, at, paid_call

SHARE = AllowanceShare(plan="minutes", name="domestic", extension="", limit_s=72_000)
NO_PREPAID = Denial(DenyReason.PREPAID_OFF, "extension 101: prepaid is off")
POLICY = MeteringPolicy()


def minutes_call(rate: Rate | None = PER_SECOND, **changes: Any) -> Call:
    """Return a call whose allowance pays first."""
    after = None if rate is not None else NO_PREPAID
    return paid_call(rate, allowance=SHARE, after_allowance=after, funded_by=("allowance", "account"), **changes)


def talking(call: Call, paid_s: int, held_micros: int, allowance_s: int) -> Story:
    """Return a call that answered at 2 s, its first slice as given, its deadline verified."""
    story = Story(call)
    story.after(
        ev.SessionOpened(at(0.05), ev.Slice(paid_s, held_micros, allowance_s)),
        ev.CallerAdmitted(at(0.1)),
        ev.LegAnswered(at(2), LEG, TRUNK),
        ev.DeadlineArmed(at(2.5), LEG, at(2 + paid_s) - POLICY.margin),
    )
    return story


def ended(story: Story, seconds: float) -> Story:
    story.after(ev.LegEnded(at(seconds), LEG, TRUNK, NORMAL))
    return story


def test_begin_asks_for_the_allowance_and_names_the_money_in_its_stead() -> None:
    assert Story(minutes_call()).commands == (cmd.OpenSession(100_000, 10, allowance_want_s=10),)


def test_begin_without_money_asks_for_the_allowance_alone() -> None:
    assert Story(minutes_call(None)).commands == (cmd.OpenSession(0, 0, allowance_want_s=10),)


def test_opened_call_is_admitted_for_the_seconds_it_was_given() -> None:
    story = Story(minutes_call(None))
    opened = ev.SessionOpened(at(0.1), ev.Slice(4, 0, 4))
    assert story.after(opened) == (cmd.AdmitCaller(slice_ms=3_700),)


def test_call_without_money_is_metered_and_cut_where_the_allowance_ends() -> None:
    story = talking(minutes_call(None), 60, 0, 60)
    story.after(ev.SliceDenied(at(47), 2, DenyReason.NO_FUNDS, "no funds"))
    wanted = story.sleep_until(70)
    assert cmd.HangUpLeg(LEG) in wanted
    record = ended(story, 61.7).cdr
    assert (record.billable_s, record.allowance_s, record.charged_micros) == (60, 60, 0)
    assert record.funded_by == ("allowance",)
    assert record.rate is None


def test_renewal_is_asked_for_ahead_of_the_end_of_the_allowance() -> None:
    story = talking(minutes_call(), 60, 0, 60)
    assert story.wake_s == 47
    assert story.wake() == (cmd.RenewSlice(2, 45),)


def test_short_slice_of_an_allowance_is_followed_by_the_next_request_at_once() -> None:
    story = talking(minutes_call(), 60, 0, 60)
    story.wake()
    # One second was left of the month.
    story.after(ev.SliceGranted(at(47.01), 2, 61, 0, 61))
    story.after(ev.DeadlineArmed(at(47.02), LEG, at(63) - POLICY.margin))
    assert story.wake_s is not None
    assert story.wake_s < 50
    assert story.wake(47.02) == (cmd.RenewSlice(3, 45),)


@pytest.mark.parametrize(
    ("ended_s", "allowance_s", "billable_s", "charged_micros", "funded_by"),
    [
        (2.0, 1, 1, 0, ("allowance",)),  # answered and gone: one second at least
        (61.0, 59, 59, 0, ("allowance",)),
        (62.0, 60, 60, 0, ("allowance",)),
        (62.001, 60, 61, 10_000, ("allowance", "account")),
        (72.0, 60, 70, 100_000, ("allowance", "account")),
    ],
)
def test_money_is_charged_from_the_second_after_the_allowance(
    ended_s: float, allowance_s: int, billable_s: int, charged_micros: int, funded_by: tuple[str, ...]
) -> None:
    record = ended(talking(minutes_call(), 90, 300_000, 60), ended_s).cdr
    assert (record.allowance_s, record.billable_s) == (allowance_s, billable_s)
    assert (record.charged_micros, record.unfunded_micros) == (charged_micros, 0)
    assert record.funded_by == funded_by


def test_increments_and_connect_fee_begin_with_the_money() -> None:
    call = minutes_call(PER_MINUTE)
    assert ended(talking(call, 180, 2_050_000, 60), 62).cdr.charged_micros == 0
    record = ended(talking(call, 180, 2_050_000, 60), 62.5).cdr
    assert (record.billable_s, record.allowance_s, record.charged_micros) == (120, 60, 1_050_000)


def test_money_after_an_allowance_is_priced_by_the_moment_it_starts() -> None:
    # T0 is 10:00 in Paris; the allowance lasts until 10:01:02, when the cheap hours have begun.
    cheap = PricedHours("cheap", parse_hours("mon 10:01-24:00"), 60_000)
    call = minutes_call(replace(PER_SECOND, periods=(cheap,)), timezone="Europe/Paris")
    assert ended(talking(call, 90, 300_000, 60), 72).cdr.charged_micros == 10_000


def test_second_leg_is_no_part_of_the_allowance() -> None:
    story = talking(minutes_call(), 60, 0, 60)
    story.after(ev.LegAnswered(at(3), "second", TRUNK), ev.LegEnded(at(4), "second", TRUNK, NORMAL))
    [surplus] = [settle.cdr for settle in story.of_kind(cmd.Settle)]
    assert (surplus.billable_s, surplus.allowance_s, surplus.charged_micros) == (0, 0, 0)
    assert surplus.unfunded_micros == 10_000


def test_allowance_no_longer_than_the_margin_is_not_enough_to_begin() -> None:
    story = Story(minutes_call(None), MeteringPolicy(cutoff_margin_ms=1_500))
    story.after(ev.SessionOpened(at(0.1), ev.Slice(1, 0, 1)))
    assert story.of_kind(cmd.RefuseCaller) == [cmd.RefuseCaller(DenyReason.NO_FUNDS)]
    assert "margin" in (story.cdr.deny_rule or "")


def test_what_is_talked_beyond_an_allowance_that_no_money_follows_is_written_down() -> None:
    call = minutes_call(None, unfunded_rate=PER_SECOND)
    record = ended(talking(call, 60, 0, 60), 72).cdr
    assert (record.billable_s, record.charged_micros, record.unfunded_micros) == (60, 0, 100_000)
    assert (record.funded_by, record.rate) == (("allowance",), None)


def test_account_that_held_nothing_paid_nothing() -> None:
    record = ended(talking(minutes_call(), 60, 0, 60), 63).cdr
    assert (record.charged_micros, record.unfunded_micros, record.funded_by) == (0, 10_000, ("allowance",))


def test_metered_call_never_rings_without_the_store() -> None:
    story = Story(minutes_call())
    story.after(ev.SessionDenied(at(2), DenyReason.STORE_DOWN, "the store did not answer"))
    assert story.of_kind(cmd.RefuseCaller) == [cmd.RefuseCaller(DenyReason.STORE_DOWN)]


def test_price_in_force_at_the_answer_is_kept() -> None:
    dearer = replace(PER_SECOND, per_minute_micros=1_200_000)
    change_ms = int((T0 + timedelta(seconds=30)).timestamp() * 1000)
    call = paid_call(PER_SECOND, later_rates=((change_ms, dearer),))
    story = Story(call)
    # Held for the dearer one, since it may be the one at the answer.
    assert story.commands == (cmd.OpenSession(200_000, 10),)
    story.after(ev.SessionOpened(at(0.1)), ev.CallerAdmitted(at(0.2)), ev.LegAnswered(at(29.9), LEG, TRUNK))
    assert story.session.call.rate == PER_SECOND
    assert ended(story, 39.9).cdr.charged_micros == 100_000

    story = Story(call)
    story.after(ev.SessionOpened(at(0.1)), ev.CallerAdmitted(at(0.2)), ev.LegAnswered(at(30), LEG, TRUNK))
    assert ended(story, 40).cdr.charged_micros == 200_000
    assert story.cdr.rate == dearer


def test_first_hold_covers_the_dearest_hours_while_it_may_ring() -> None:
    # T0 is 10:00 in Paris, the dear hours begin two minutes later.
    dear = PricedHours("dear", parse_hours("mon 10:02-12:00"), 6_000_000)
    call = paid_call(replace(PER_SECOND, periods=(dear,)), timezone="Europe/Paris")
    story = Story(call)
    assert story.commands == (cmd.OpenSession(1_000_000, 10),)
    story.after(ev.SessionOpened(at(0.1)), ev.CallerAdmitted(at(0.2)), ev.LegAnswered(at(2), LEG, TRUNK))
    assert ended(story, 12).cdr.charged_micros == 100_000


def test_saved_session_comes_back_with_its_allowance_and_its_prices() -> None:
    hours = PricedHours("cheap", parse_hours("mon 10:01-24:00"), 60_000)
    rate = replace(PER_SECOND, periods=(hours,), effective_from_ms=5)
    for call in (minutes_call(None), minutes_call(rate, later_rates=((7, PER_MINUTE),))):
        session = Story(call).session
        assert load_session(dump_session(session)) == session


def test_first_hold_looks_as_far_ahead_as_the_call_may_ring() -> None:
    dear = PricedHours("dear", parse_hours("mon 10:12-12:00"), 6_000_000)
    call = paid_call(replace(PER_SECOND, periods=(dear,)), timezone="Europe/Paris", trunks=3)
    assert Story(call, MeteringPolicy(ring_limit_s=120)).commands == (cmd.OpenSession(100_000, 10),)
    assert Story(call, MeteringPolicy(ring_limit_s=300)).commands == (cmd.OpenSession(1_000_000, 10),)


def test_call_knows_its_accounts_month() -> None:
    call = minutes_call(timezone="Europe/Paris", month_day=15)
    assert call.period(datetime(2026, 11, 14, 23, tzinfo=UTC)).first_day.isoformat() == "2026-11-15"
