"""Funds that expire, as the command line shows them, with the clock in the test's hand."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.integration.cli.terminal import Terminal
from tollgate.cli import funds

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


class Clock:
    """What the commands take for the present."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    stopped = Clock()
    monkeypatch.setattr(funds, "utc_now", stopped)
    return stopped


def test_unspent_rest_expires_at_the_midnight_of_its_day(office: Terminal, clock: Clock) -> None:
    office.done("funds", "add", "10.00", "--reference", "r1", "--at", "2026-11-21")
    clock.now = datetime(2027, 11, 20, 22, 59, 59, 999_000, tzinfo=UTC)
    assert office.json("balance")["available"] == "10.00"

    clock.now += timedelta(milliseconds=1)

    balance = office.json("balance")
    assert (balance["available"], balance["total"], balance["expired"], balance["lots"]) == (
        "0.00",
        "0.00",
        "10.00",
        [],
    )
    (lot,) = office.json("funds", "list")["lots"]
    assert lot == {
        "reference": "r1",
        "purchased_at": "2026-11-21T00:00:00.000+01:00",
        "expires_at": "2027-11-21T00:00:00.000+01:00",
        "amount": "10.00",
        "remaining": "0.00",
        "expired": "10.00",
        "state": "expired",
    }
    assert "10.00 EUR, unspent when its day came" in office.done("balance").out
    assert office.json("verify") == {"ok": True, "differences": []}


def test_states_of_lots_are_told(office: Terminal, clock: Clock) -> None:
    office.done("funds", "add", "1", "--reference", "old", "--at", "2020-02-29")
    office.done("funds", "add", "2", "--reference", "used")
    office.done("funds", "adjust", "-2", "--reference", "fix", "--reason", "x")
    office.done("funds", "add", "3", "--reference", "new", "--expires-at", "never")
    lots = office.json("funds", "list")["lots"]
    assert [(lot["reference"], lot["state"]) for lot in lots] == [
        ("old", "expired"),
        ("used", "spent"),
        ("new", "open"),
    ]
    assert [lot["expires_at"] for lot in lots] == [
        "2021-02-28T00:00:00.000+01:00",
        "2027-11-22T00:00:00.000+01:00",
        None,
    ]
    table = office.done("funds", "list").out
    assert "never" in table
    assert "spent" in table


def test_funds_added_say_when_they_expire(office: Terminal, clock: Clock) -> None:
    def said(*options: str) -> str:
        return office.done("funds", "add", "1", "--reference", " ".join(options) or "r", *options).out

    assert "which expires on 2027-11-22" in said()
    assert "which never expires" in said("--expires-at", "never")
    assert "which expired on 2021-03-01" in said("--at", "2020-03-01")
    assert "available: 2.00 EUR" in office.done("funds", "add", "1", "--reference", "r").out


def test_default_expiry_is_a_setting(office: Terminal, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOLLGATE_FUNDS_EXPIRE_MONTHS", "3")
    assert office.json("funds", "add", "1", "--reference", "a")["expires_at"] == "2027-02-22T00:00:00.000+01:00"
    monkeypatch.setenv("TOLLGATE_FUNDS_EXPIRE_MONTHS", "0")
    assert office.json("funds", "add", "1", "--reference", "b")["expires_at"] is None
    office.done("funds", "adjust", "1", "--reference", "c", "--reason", "x")
    assert [lot["expires_at"] is None for lot in office.json("funds", "list")["lots"]] == [False, True, True]
    monkeypatch.setenv("TOLLGATE_FUNDS_EXPIRE_MONTHS", "-1")
    assert "funds_expire_months" in office.fails(2, "balance")


def test_adjustment_finds_what_is_due_expired(office: Terminal, clock: Clock) -> None:
    office.done("funds", "add", "10", "--reference", "r1")
    clock.now += timedelta(days=366)
    line = office.fails(1, "funds", "adjust", "-1", "--reference", "a1", "--reason", "x")
    assert "only 0.00 EUR are available" in line


def test_notices_are_recorded_once_by_whichever_command_comes_first(office: Terminal, clock: Clock) -> None:
    office.done("funds", "add", "10", "--reference", "r1", "--expires-at", "2027-01-10")
    assert office.json("notices") == {"notices": []}
    assert "no notices" in office.done("notices").out
    for day in (
        datetime(2026, 12, 12, tzinfo=UTC),
        datetime(2027, 1, 4, tzinfo=UTC),
        datetime(2027, 1, 10, tzinfo=UTC),
    ):
        clock.now = day
        office.done("balance")
        office.done("funds", "list")

    found = office.json("notices", "--account", "main")["notices"]

    assert found == [
        {
            "account": "main",
            "currency": "EUR",
            "kind": "lot_expired",
            "at": "2027-01-10T01:00:00.000+01:00",
            "reference": "r1",
            "expired": "10.00",
            "expires_at": "2027-01-10T00:00:00.000+01:00",
        },
        {
            "account": "main",
            "currency": "EUR",
            "kind": "lot_expires",
            "at": "2027-01-04T01:00:00.000+01:00",
            "reference": "r1",
            "remaining": "10.00",
            "expires_at": "2027-01-10T00:00:00.000+01:00",
            "days": 7,
        },
        {
            "account": "main",
            "currency": "EUR",
            "kind": "lot_expires",
            "at": "2026-12-12T01:00:00.000+01:00",
            "reference": "r1",
            "remaining": "10.00",
            "expires_at": "2027-01-10T00:00:00.000+01:00",
            "days": 30,
        },
    ]
    table = office.done("notices").out
    assert "10.00 EUR of r1 expire on 2027-01-10" in table
    assert "10.00 EUR of r1 expired on 2027-01-10" in table


def test_days_of_warnings_are_a_setting(office: Terminal, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOLLGATE_WARN_BEFORE_EXPIRY_DAYS", "[90]")
    office.done("funds", "add", "10", "--reference", "r1", "--at", "2026-01-01", "--expires-at", "2027-01-10")
    assert [notice["days"] for notice in office.json("notices")["notices"]] == [90]
    monkeypatch.setenv("TOLLGATE_WARN_BEFORE_EXPIRY_DAYS", "[0]")
    assert "warn_before_expiry_days" in office.fails(2, "balance")


def test_accounts_expire_at_their_own_midnights(office: Terminal, clock: Clock) -> None:
    """One instant is 23 November on Kiritimati and 22 November in Los Angeles: 22 hours lie between their days."""
    for name, timezone in (("east", "Pacific/Kiritimati"), ("west", "America/Los_Angeles")):
        office.done("account", "add", name, "--timezone", timezone)
        office.done("funds", "add", "5", "--reference", "r1", "--account", name, "--expires-at", "2027-11-22")
    east, west = datetime(2027, 11, 21, 10, tzinfo=UTC), datetime(2027, 11, 22, 8, tzinfo=UTC)
    for at, left in (
        (east - timedelta(milliseconds=1), ("5.00", "5.00")),
        (east, ("0.00", "5.00")),
        (west - timedelta(milliseconds=1), ("0.00", "5.00")),
        (west, ("0.00", "0.00")),
    ):
        clock.now = at
        assert tuple(office.json("balance", "--account", name)["available"] for name in ("east", "west")) == left
    assert {notice["account"] for notice in office.json("notices", "--account", "east")["notices"]} == {"east"}
