"""The promises of prices that change by the hour, on the days on which clocks change."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from rating.deck import PricedHours, Rate
from rating.hours import MINUTES_PER_WEEK, WeeklyHours, format_hours, parse_hours
from rating.money import ceil_div
from rating.price import LONGEST_PAID_S, affordable_s, aligned_s, charge_micros, dearest, grow_s
from tests.effort import EFFORT

# Days around changes of the clock, and one far from any. Mexico City has had none since October 2022.
DAYS = {
    "Europe/Paris": ((2026, 3, 28), (2026, 10, 24), (2026, 7, 1)),
    "America/Mexico_City": ((2022, 4, 2), (2022, 10, 29), (2026, 4, 4)),
    "America/New_York": ((2026, 3, 7), (2026, 10, 31), (2026, 7, 1)),
    "Australia/Lord_Howe": ((2026, 4, 4), (2026, 10, 3), (2026, 7, 1)),
}


@st.composite
def moments(draw: st.DrawFn) -> datetime:
    """Draw an instant within two days of a special day, in its zone, often on a whole quarter of an hour."""
    zone = draw(st.sampled_from(sorted(DAYS)))
    day = datetime(*draw(st.sampled_from(DAYS[zone])), tzinfo=UTC)
    minutes = draw(st.integers(min_value=0, max_value=192).map((15).__mul__) | st.integers(min_value=0, max_value=2880))
    beyond = draw(st.just(0) | st.integers(min_value=-90_000_000, max_value=90_000_000))
    return (day + timedelta(minutes=minutes, microseconds=beyond)).astimezone(ZoneInfo(zone))


@st.composite
def weekly_hours(draw: st.DrawFn) -> WeeklyHours:
    """Draw any hours, most of them at quarters of an hour, in the small hours of a weekend or anywhere."""
    minute = st.integers(min_value=0, max_value=672).map((15).__mul__) | st.integers(min_value=0, max_value=10_080)
    weekend = st.integers(min_value=5 * 1440, max_value=7 * 1440)
    edges = sorted(draw(st.sets(minute | weekend, min_size=2, max_size=8)))
    return WeeklyHours(tuple(zip(edges[::2], edges[1::2], strict=False)))


prices_micros = st.just(0) | st.integers(min_value=0, max_value=2_000_000)
increments_s = st.sampled_from([1, 6, 30, 60]) | st.integers(min_value=1, max_value=7_200)
rates = st.builds(
    Rate,
    prefix=st.just("44"),
    destination=st.just("Anywhere"),
    per_minute_micros=prices_micros,
    connect_fee_micros=st.just(0) | prices_micros,
    initial_increment_s=increments_s,
    increment_s=increments_s,
    minimum_charge_micros=st.just(0) | prices_micros,
    periods=st.lists(
        st.builds(PricedHours, st.just("hours"), weekly_hours(), prices_micros), min_size=1, max_size=3
    ).map(tuple),
)
seconds = st.integers(min_value=0, max_value=20_000) | st.integers(min_value=0, max_value=100_000)


def increments(rate: Rate, seconds: int) -> Iterator[tuple[int, int]]:
    """Yield the start and the length of each increment of a call of so many seconds."""
    start_s, length_s = 0, rate.initial_increment_s
    while start_s < seconds:
        yield start_s, min(length_s, seconds - start_s)
        start_s, length_s = start_s + length_s, rate.increment_s


def naive_price_micros(rate: Rate, local: datetime) -> int:
    """Return the price of a minute that begins at this moment, by the wall clock."""
    minute = local.weekday() * 1440 + local.hour * 60 + local.minute
    price_micros = rate.per_minute_micros
    for period in reversed(rate.periods):
        if any(begin <= minute < end for begin, end in period.hours.spans):
            price_micros = period.per_minute_micros
    return price_micros


def naive_charge_micros(rate: Rate, seconds: int, starts_at: datetime) -> int:
    """Price a call one increment after the other, by the wall clock at its start; a clock changes on whole minutes."""
    if seconds == 0:
        return 0
    spoken = 0
    price_micros: dict[int, int] = {}
    first = starts_at.astimezone(UTC).replace(second=0, microsecond=0)
    for start_s, length_s in increments(rate, seconds):
        minute = (starts_at.second + start_s) // 60
        if minute not in price_micros:
            local = (first + timedelta(minutes=minute)).astimezone(starts_at.tzinfo)
            price_micros[minute] = naive_price_micros(rate, local)
        spoken += length_s * price_micros[minute]
    return max(rate.connect_fee_micros + ceil_div(spoken, 60), rate.minimum_charge_micros)


@given(hours=weekly_hours())
def test_hours_written_and_read_are_the_same(hours: WeeklyHours) -> None:
    assert parse_hours(format_hours(hours)) == hours


@given(hours=weekly_hours(), at=moments())
def test_next_change_is_the_first_minute_at_which_the_hours_turn(hours: WeeklyHours, at: datetime) -> None:
    change = hours.next_change(at)
    if hours.spans == ((0, MINUTES_PER_WEEK),):
        assert change is None
        return
    assert change is not None
    held = hours.hold(at)
    assert hours.hold(change) is not held
    instant, end = at.astimezone(UTC), change.astimezone(UTC)
    assert instant < end
    while instant < end:
        assert hours.hold(instant.astimezone(at.tzinfo)) is held
        instant = min(end, instant.replace(second=0, microsecond=0) + timedelta(minutes=1))


@settings(max_examples=300 * EFFORT)
@given(rate=rates, seconds=seconds, starts_at=moments())
def test_charge_is_that_of_one_increment_after_the_other(rate: Rate, seconds: int, starts_at: datetime) -> None:
    assume(seconds // rate.increment_s < 30_000)
    assert charge_micros(rate, seconds, starts_at) == naive_charge_micros(rate, seconds, starts_at)


@settings(max_examples=300 * EFFORT)
@given(rate=rates, funds_micros=st.integers(min_value=0, max_value=500_000_000), starts_at=moments())
def test_affordable_seconds_fit_the_funds_and_one_more_increment_does_not(
    rate: Rate, funds_micros: int, starts_at: datetime
) -> None:
    paid_s = affordable_s(rate, funds_micros, starts_at)
    assert 0 <= paid_s <= LONGEST_PAID_S
    assert paid_s in {0, aligned_s(rate, paid_s)}
    assert charge_micros(rate, paid_s, starts_at) <= funds_micros
    next_s = grow_s(rate, paid_s, 1)
    assert next_s > LONGEST_PAID_S or charge_micros(rate, next_s, starts_at) > funds_micros


@given(rate=rates, earlier_s=seconds, later_s=seconds, starts_at=moments())
def test_charge_never_falls_with_time(rate: Rate, earlier_s: int, later_s: int, starts_at: datetime) -> None:
    assume(earlier_s <= later_s)
    assert charge_micros(rate, earlier_s, starts_at) <= charge_micros(rate, later_s, starts_at)


@given(rate=rates, seconds=seconds, funds_micros=st.integers(min_value=0, max_value=10**9), starts_at=moments())
def test_without_a_moment_a_charge_is_never_less_and_seconds_are_never_more(
    rate: Rate, seconds: int, funds_micros: int, starts_at: datetime
) -> None:
    assert charge_micros(rate, seconds) >= charge_micros(rate, seconds, starts_at)
    assert affordable_s(rate, funds_micros) <= affordable_s(rate, funds_micros, starts_at)


@given(rate=rates, starts_at=moments(), ahead_s=seconds, ringing_s=seconds)
def test_dearest_price_of_the_ringing_and_the_call_covers_it(
    rate: Rate, starts_at: datetime, ahead_s: int, ringing_s: int
) -> None:
    """Whenever a phone is answered within ``ringing_s``, its first ``ahead_s`` cost no more than what was foreseen."""
    answered_at = (starts_at.astimezone(UTC) + timedelta(seconds=ringing_s // 2)).astimezone(starts_at.tzinfo)
    until_at = (starts_at.astimezone(UTC) + timedelta(seconds=ringing_s + ahead_s)).astimezone(starts_at.tzinfo)
    flat = dearest(rate, starts_at, until_at)
    assert not flat.periods
    assert charge_micros(flat, ahead_s) >= charge_micros(rate, ahead_s, answered_at)
