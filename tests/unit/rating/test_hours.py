"""Hours of the week: read and written, and on wall clocks that jump."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from rating.hours import MINUTES_PER_WEEK, HoursError, WeeklyHours, format_hours, parse_hours

DAY = 1440
PARIS = ZoneInfo("Europe/Paris")


@pytest.mark.parametrize(
    ("text", "spans", "written"),
    [
        ("always", ((0, MINUTES_PER_WEEK),), "always"),
        (" Always ", ((0, MINUTES_PER_WEEK),), "always"),
        ("mon-sun", ((0, MINUTES_PER_WEEK),), "always"),
        ("mon 00:00-24:00", ((0, DAY),), "mon 00:00-24:00"),
        ("MON", ((0, DAY),), "mon 00:00-24:00"),
        ("tue 08:00-20:30", ((DAY + 480, DAY + 1230),), "tue 08:00-20:30"),
        ("tue-wed,fri 08:00-09:00", ((1920, 1980), (3360, 3420), (6240, 6300)), "tue-wed,fri 08:00-09:00"),
        ("tue , thu 08:00 - 09:00", ((1920, 1980), (4800, 4860)), "tue,thu 08:00-09:00"),
        ("mon 08:00-12:00, 14:00-18:00", ((480, 720), (840, 1080)), "mon 08:00-12:00, 14:00-18:00"),
        ("mon 08:00-12:00, 12:00-18:00", ((480, 1080),), "mon 08:00-18:00"),
        ("mon 14:00-18:00; mon 08:00-15:00", ((480, 1080),), "mon 08:00-18:00"),
        ("fri 22:00-06:00", ((4 * DAY + 1320, 5 * DAY + 360),), "fri 22:00-06:00"),
        ("sun 22:00-06:00", ((0, 360), (6 * DAY + 1320, 7 * DAY)), "sun 22:00-06:00"),
        ("sun 22:00-24:00", ((6 * DAY + 1320, 7 * DAY),), "sun 22:00-24:00"),
        ("sat-mon", ((0, DAY), (5 * DAY, 7 * DAY)), "mon,sat-sun 00:00-24:00"),
        ("fri 18:00-24:00; sat", ((4 * DAY + 1080, 6 * DAY),), "fri 18:00-24:00; sat 00:00-24:00"),
        ("sun; mon 00:00-12:00", ((0, 720), (6 * DAY, 7 * DAY)), "mon 00:00-12:00; sun 00:00-24:00"),
        ("wed 10:00-24:00; thu 00:00-10:00", ((3480, 4920),), "wed 10:00-24:00; thu 00:00-10:00"),
        ("mon 00:00-06:00, 20:00-24:00; tue 00:00-05:00", ((0, 360), (1200, 1740)), "mon 00:00-06:00, 20:00-05:00"),
    ],
)
def test_parse_hours_spans_and_written_again(text: str, spans: tuple[tuple[int, int], ...], written: str) -> None:
    hours = parse_hours(text)
    assert hours.spans == spans
    assert format_hours(hours) == written
    assert parse_hours(written) == hours


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "are no hours"),
        ("never", "are no hours"),
        ("08:00-20:00", "are no hours"),
        ("mon;", "are no hours"),
        ("mon 08:00-20:00; ", "are no hours"),
        ("lundi 08:00-20:00", "are no hours"),
        ("mon-tue-wed 08:00-20:00", "is no day"),
        ("mon-xyz 08:00-20:00", "is no day"),
        ("mon 8-20", "are no times"),
        ("mon 8:00-20:00", "are no times"),
        ("mon 08:00-20:00,", "are no times"),
        ("mon 08:00-24:01", "are no times of a day"),
        ("mon 24:00-08:00", "are no times of a day"),
        ("mon 08:60-09:00", "are no times of a day"),
        ("mon 08:00-09:60", "are no times of a day"),
        ("mon 08:00-08:00", "begin and end at once"),
        ("mon 00:00-00:00", "begin and end at once"),
        ("mon ٠٨:٠٠-٠٩:٠٠", "are no hours"),
    ],
)
def test_parse_hours_anything_else_refused(text: str, reason: str) -> None:
    with pytest.raises(HoursError, match=reason):
        parse_hours(text)


@pytest.mark.parametrize(
    ("spans", "reason"),
    [
        ((), "never hold"),
        (((5, 5),), "end before they begin"),
        (((9, 5),), "end before they begin"),
        (((-1, 5),), "within one week"),
        (((0, MINUTES_PER_WEEK + 1),), "within one week"),
        (((5, 9), (0, 3)), "in order"),
        (((0, 5), (5, 9)), "in order"),
    ],
)
def test_weekly_hours_not_in_form_refused(spans: tuple[tuple[int, int], ...], reason: str) -> None:
    with pytest.raises(HoursError, match=reason):
        WeeklyHours(spans)


@pytest.mark.parametrize(
    ("at", "held"),
    [
        ("2026-11-02T07:59:59.999999", False),
        ("2026-11-02T08:00:00", True),
        ("2026-11-02T19:59:59.999999", True),
        ("2026-11-02T20:00:00", False),
        ("2026-11-07T08:30:00", False),
        ("2026-11-07T09:00:00", True),
        ("2026-11-08T10:00:00", False),
    ],
)
def test_hold_by_the_wall_clock(at: str, held: bool) -> None:
    hours = parse_hours("mon-fri 08:00-20:00; sat 09:00-13:00")
    assert hours.hold(datetime.fromisoformat(at).replace(tzinfo=PARIS)) is held


def changes(text: str, at: str, zone: str, number: int) -> list[str]:
    hours, found = parse_hours(text), []
    local: datetime | None = datetime.fromisoformat(at).astimezone(ZoneInfo(zone))
    for _ in range(number):
        assert local is not None
        held, local = hours.hold(local), hours.next_change(local)
        assert local is not None
        assert hours.hold(local) is not held
        found.append(local.isoformat())
    return found


@pytest.mark.parametrize(
    ("text", "at", "zone", "expected"),
    [
        (
            "mon-fri 08:00-20:00",
            "2026-11-05T23:30:00.5+01:00",
            "Europe/Paris",
            ["2026-11-06T08:00:00+01:00", "2026-11-06T20:00:00+01:00", "2026-11-09T08:00:00+01:00"],
        ),
        # Exactly on a boundary: it has been crossed already.
        ("sun 22:00-06:00", "2026-11-08T22:00:00+01:00", "Europe/Paris", ["2026-11-09T06:00:00+01:00"]),
        # A whole week, but for a minute: the change before last is nearly a week ago.
        (
            "mon-sat; sun 00:00-23:59",
            "2026-11-09T00:00:00+01:00",
            "Europe/Paris",
            ["2026-11-15T23:59:00+01:00", "2026-11-16T00:00:00+01:00"],
        ),
        # Put forward over a begin (2:30 is skipped): the hours begin at the jump.
        (
            "sun 02:30-04:00",
            "2026-03-29T00:00:00+01:00",
            "Europe/Paris",
            ["2026-03-29T03:00:00+02:00", "2026-03-29T04:00:00+02:00"],
        ),
        # Put forward over an end.
        ("sun 01:00-02:30", "2026-03-29T01:30:00+01:00", "Europe/Paris", ["2026-03-29T03:00:00+02:00"]),
        # Put forward over the whole of the hours: there are none on that day.
        ("sun 02:10-02:50", "2026-03-29T01:00:00+01:00", "Europe/Paris", ["2026-04-05T02:10:00+02:00"]),
        # Put back over a begin: the hours begin, are over, and begin again.
        (
            "sun 02:30-04:00",
            "2026-10-25T00:00:00+02:00",
            "Europe/Paris",
            [
                "2026-10-25T02:30:00+02:00",
                "2026-10-25T02:00:00+01:00",
                "2026-10-25T02:30:00+01:00",
                "2026-10-25T04:00:00+01:00",
            ],
        ),
        # Put back within the hours: they last an hour longer.
        ("sun 01:00-04:00", "2026-10-25T01:00:00+02:00", "Europe/Paris", ["2026-10-25T04:00:00+01:00"]),
        # The end coincides with the moment at which the clock is put back to within the hours.
        ("sun 02:00-03:00", "2026-10-25T02:00:00+02:00", "Europe/Paris", ["2026-10-25T03:00:00+01:00"]),
        # A clock that is put back by half an hour, in the middle of the hours.
        (
            "sun 01:45-02:15",
            "2026-04-05T00:00:00+11:00",
            "Australia/Lord_Howe",
            [
                "2026-04-05T01:45:00+11:00",
                "2026-04-05T01:30:00+10:30",
                "2026-04-05T01:45:00+10:30",
                "2026-04-05T02:15:00+10:30",
            ],
        ),
        ("mon 08:00-20:00", "2026-11-02T03:00:00-05:00", "America/New_York", ["2026-11-02T08:00:00-05:00"]),
    ],
)
def test_next_change_in_real_time(text: str, at: str, zone: str, expected: list[str]) -> None:
    assert changes(text, at, zone, len(expected)) == expected


def test_next_change_of_always_never_comes() -> None:
    assert parse_hours("always").next_change(datetime(2026, 11, 2, tzinfo=UTC)) is None
