"""What a call asks of the store: the days that its money counts on, and the limits on it."""

import inspect
from collections.abc import Generator
from datetime import UTC, datetime, timedelta
from types import GeneratorType
from typing import Any, cast
from zoneinfo import ZoneInfo

from ari_app.requests import opening, renewal, saving
from charging import commands as cmd
from charging import events as ev
from charging.policy import MeteringPolicy
from rating.caps import Caps
from store.caps import NO_SPEND_LIMITS, SpendDay, Spending, SpendLimits
from tests.unit.charging.story import LEG, TRUNK, Story, at, paid_call

POLICY = MeteringPolicy()
LIMITS = SpendLimits(extension_caps=Caps(daily_micros=5_000_000), max_calls=2)
PARIS = "Europe/Paris"
MIDNIGHT = datetime(2026, 11, 3, tzinfo=ZoneInfo(PARIS)).astimezone(UTC)


def argument(operation: Generator[Any, Any, Any], name: str) -> Any:
    """Return what an operation that has not begun was called with."""
    return inspect.getgeneratorlocals(cast("GeneratorType[Any, Any, Any]", operation))[name]


def opened(started_at: datetime, limits: SpendLimits = LIMITS) -> Spending:
    story = Story(paid_call(timezone=PARIS, month_day=15, started_at=started_at))
    (command,) = story.commands
    assert isinstance(command, cmd.OpenSession)
    spending = argument(opening(story.session, command, 1, POLICY, limits), "spending")
    assert isinstance(spending, Spending)
    return spending


def test_first_hold_counts_on_the_day_and_in_the_accounts_month() -> None:
    spending = opened(MIDNIGHT - timedelta(hours=1))
    assert spending == Spending(
        extension="101", days=(SpendDay("2026-11-02", "2026-10-15", "2026-11-15"),), limits=LIMITS
    )


def test_first_hold_of_a_call_that_may_ring_past_midnight_counts_on_both_days() -> None:
    days = [day.day for day in opened(MIDNIGHT - timedelta(seconds=100)).days]
    assert days == ["2026-11-02", "2026-11-03"]
    days = [day.day for day in opened(MIDNIGHT - timedelta(seconds=134)).days]
    assert days == ["2026-11-02", "2026-11-03"], "it may be answered a second before midnight"
    days = [day.day for day in opened(MIDNIGHT - timedelta(seconds=140)).days]
    assert days == ["2026-11-02"]


def test_slice_ends_with_the_day_and_the_next_is_asked_for_at_once() -> None:
    call = paid_call(timezone=PARIS, started_at=MIDNIGHT - timedelta(seconds=32))
    story = Story(call)
    answered_at = MIDNIGHT - timedelta(seconds=30)
    story.after(
        ev.SessionOpened(call.started_at),
        ev.CallerAdmitted(call.started_at),
        ev.LegAnswered(answered_at, LEG, TRUNK),
    )
    paid_until = answered_at + timedelta(seconds=10)
    operation = renewal(story.session, cmd.RenewSlice(2, 60), POLICY, paid_until, paid_until, LIMITS)
    assert argument(operation, "want_s") == 20
    assert [day.day for day in argument(operation, "spending").days] == ["2026-11-02"]

    story.after(ev.SliceGranted(answered_at, 2, paid_s=30, held_micros=300_000))

    assert story.session.slice_s == POLICY.slice_s, "the renewal's lead is that of a whole slice"
    operation = renewal(story.session, cmd.RenewSlice(3, 60), POLICY, MIDNIGHT, MIDNIGHT, LIMITS)
    assert argument(operation, "want_s") == 60
    assert [day.day for day in argument(operation, "spending").days] == ["2026-11-03"]


def test_answer_decides_on_which_day_the_hold_counts() -> None:
    story = Story.dialling(paid_call(timezone=PARIS))
    (save,) = [each for each in story.after(ev.LegAnswered(at(2), LEG, TRUNK)) if isinstance(each, cmd.SaveSession)]
    operation = saving(story.session, save, at(12), at(2))
    assert argument(operation, "held_by_day") == {"2026-11-02": 100_000}
    assert argument(saving(story.session, cmd.SaveSession(), at(12), at(2)), "held_by_day") is None


def test_call_without_limits_is_asked_for_without() -> None:
    assert opened(MIDNIGHT, NO_SPEND_LIMITS).limits == NO_SPEND_LIMITS
    assert not opened(MIDNIGHT, NO_SPEND_LIMITS).is_capped
