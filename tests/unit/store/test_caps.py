"""What caps leave, of what is spent and held."""

from rating.caps import Caps, CapScope, CapSpan, CapUse, TooManyCalls
from rating.decision import DenyReason
from store.caps import Hold, SpendDay, Spending, SpendLimits, Spent, room_left

EUR = 1_000_000
TODAY = SpendDay("2026-11-30", "2026-11-15", "2026-12-15")
TOMORROW = SpendDay("2026-12-01", "2026-11-15", "2026-12-15")
NO_CAPS = Caps()


def spending(extension: Caps = NO_CAPS, account: Caps = NO_CAPS, *days: SpendDay) -> Spending:
    return Spending(extension="101", days=days or (TODAY,), limits=SpendLimits(extension, account))


def test_no_caps_leave_all() -> None:
    room = room_left(spending(), [Spent("101", TODAY.day, 5)], [])
    assert (room.extension, room.account) == (None, None)
    assert room.blocking(10**12) is None


def test_daily_cap_counts_what_is_spent_and_held_on_the_day() -> None:
    spent = [Spent("101", "2026-11-29", 7 * EUR), Spent("101", TODAY.day, 2 * EUR), Spent("", TODAY.day, 9 * EUR)]
    holds = [Hold("101", {TODAY.day: EUR}, is_answered=True), Hold("102", {TODAY.day: EUR}, is_answered=True)]

    room = room_left(spending(Caps(daily_micros=5 * EUR)), spent, holds)

    assert room.extension == CapUse(CapScope.EXTENSION, CapSpan.DAILY, 5 * EUR, 3 * EUR)
    assert room.blocking(2 * EUR) is None
    assert room.blocking(2 * EUR + 1) == room.extension


def test_monthly_cap_counts_the_accounts_own_month() -> None:
    spent = [
        Spent("", "2026-11-14", 100 * EUR),
        Spent("", "2026-11-15", 3 * EUR),
        Spent("", "2026-12-14", 4 * EUR),
        Spent("", "2026-12-15", 100 * EUR),
        Spent("101", "2026-11-15", 3 * EUR),
    ]
    room = room_left(spending(account=Caps(monthly_micros=10 * EUR)), spent, [])
    assert room.account == CapUse(CapScope.ACCOUNT, CapSpan.MONTHLY, 10 * EUR, 7 * EUR)


def test_tightest_of_several_caps_blocks() -> None:
    spent = [Spent("", TODAY.day, 9 * EUR), Spent("101", TODAY.day, EUR)]
    room = room_left(spending(Caps(5 * EUR, 50 * EUR), Caps(10 * EUR, 90 * EUR)), spent, [])
    assert room.extension == CapUse(CapScope.EXTENSION, CapSpan.DAILY, 5 * EUR, EUR)
    assert room.account == CapUse(CapScope.ACCOUNT, CapSpan.DAILY, 10 * EUR, 9 * EUR)
    assert room.blocking(2 * EUR) == room.account


def test_first_hold_that_may_count_today_or_tomorrow_counts_on_both_days_and_once_a_month() -> None:
    ringing = Hold("101", {TODAY.day: 2 * EUR, TOMORROW.day: 2 * EUR}, is_answered=False)
    for day in (TODAY, TOMORROW):
        room = room_left(spending(Caps(5 * EUR, 9 * EUR), NO_CAPS, day), [], [ringing])
        assert room.extension == CapUse(CapScope.EXTENSION, CapSpan.DAILY, 5 * EUR, 2 * EUR)
    monthly = room_left(spending(Caps(monthly_micros=9 * EUR)), [], [ringing])
    assert monthly.extension == CapUse(CapScope.EXTENSION, CapSpan.MONTHLY, 9 * EUR, 2 * EUR)
    talking = ringing._replace(is_answered=True)
    monthly = room_left(spending(Caps(monthly_micros=9 * EUR)), [], [talking])
    assert monthly.extension == CapUse(CapScope.EXTENSION, CapSpan.MONTHLY, 9 * EUR, 4 * EUR)


def test_slice_that_may_count_on_two_days_fits_into_both() -> None:
    spent = [Spent("101", TOMORROW.day, 4 * EUR)]
    room = room_left(spending(Caps(daily_micros=5 * EUR), NO_CAPS, TODAY, TOMORROW), spent, [])
    assert room.extension == CapUse(CapScope.EXTENSION, CapSpan.DAILY, 5 * EUR, 4 * EUR)


def test_cap_below_what_is_spent_leaves_nothing() -> None:
    use = CapUse(CapScope.ACCOUNT, CapSpan.MONTHLY, 5 * EUR, 6 * EUR)
    assert use.left_micros == 0


def test_limits_name_their_rule_and_reason() -> None:
    daily = CapUse(CapScope.EXTENSION, CapSpan.DAILY, 5 * EUR, 4_800_000)
    assert daily.rule("101", "main") == "extension 101: daily cap 5.00, 4.80 is spent or held"
    assert daily.reason is DenyReason.CAP_REACHED
    assert (
        CapUse(CapScope.ACCOUNT, CapSpan.MONTHLY, 0, 0).rule("101", "main")
        == "account main: monthly cap 0.00, 0.00 is spent or held"
    )
    assert TooManyCalls(2).rule("101", "main") == "extension 101: 2 paid calls at a time"
    assert TooManyCalls(2).reason is DenyReason.TOO_MANY_CALLS
