"""``balance``, ``funds`` and ``account``."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from tests.integration.cli.terminal import Terminal
from tollgate.cli import funds


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stop the clock, so that what these tests buy never expires while they are run."""
    monkeypatch.setattr(funds, "utc_now", lambda: datetime(2026, 11, 22, 12, tzinfo=UTC))


def test_funds_added_once_are_available(office: Terminal) -> None:
    added = office.json("funds", "add", "10.00", "--reference", "r1", "--at", "2026-11-21T14:30")
    assert added["already_there"] is False
    assert office.json("balance") == {
        "account": "main",
        "currency": "EUR",
        "available": "10.00",
        "reserved": "0.00",
        "total": "10.00",
        "expired": "0.00",
        "lots": [
            {
                "reference": "r1",
                "purchased_at": "2026-11-21T14:30:00.000+01:00",
                "expires_at": "2027-11-21T00:00:00.000+01:00",
                "amount": "10.00",
                "remaining": "10.00",
            }
        ],
    }
    assert office.json("verify") == {"ok": True, "differences": []}


def test_funds_added_twice_under_a_reference_count_once(office: Terminal) -> None:
    first = office.json("funds", "add", "10", "--reference", "r1")
    again = office.json("funds", "add", "10.0", "--reference", "r1", "--at", "2020-01-01")
    assert again == {**first, "already_there": True}
    assert "was there already" in office.done("funds", "add", "10", "--reference", "r1").out
    assert Decimal(office.json("balance")["available"]) == 10


def test_funds_added_under_a_reference_of_another_amount_are_refused(office: Terminal) -> None:
    office.done("funds", "add", "10", "--reference", "r1")
    line = office.fails(1, "funds", "add", "11", "--reference", "r1")
    assert "10.00 EUR, not 11.00 EUR" in line
    assert Decimal(office.json("balance")["available"]) == 10


@pytest.mark.parametrize("amount", ["0", "-5", "0.00", "abc", "1e3", "1,5", "nan", "0.0000001", "1" * 13, ""])
def test_funds_add_of_no_positive_amount_is_bad_input(office: Terminal, amount: str) -> None:
    said = office.fails(2, "funds", "add", amount, "--reference", "r1")
    assert "such as 10" in said or said.endswith("; write a point and no comma: 1.5\n")


@pytest.mark.parametrize(
    "options",
    [
        ("--reference", ""),
        ("--reference", "a\nb"),
        ("--reference", "r", "--at", "yesterday"),
        ("--reference", "r", "--at", "2026-02-30"),
        ("--reference", "r", "--at", "9000-01-01"),
        ("--reference", "r", "--at", "2026-11-21", "--expires-at", "2026-11-21"),
        (),
    ],
)
def test_funds_add_with_a_bad_option_is_bad_input(office: Terminal, options: tuple[str, ...]) -> None:
    office.fails(2, "funds", "add", "5", *options)


def test_purchase_said_again_with_another_expiry_is_refused(office: Terminal) -> None:
    first = office.json("funds", "add", "5", "--reference", "r", "--expires-at", "2099-01-01")
    again = office.json("funds", "add", "5", "--reference", "r", "--expires-at", "2099-01-01")
    assert again["already_there"] is True
    assert again["expires_at"] == first["expires_at"]
    assert office.json("funds", "add", "5", "--reference", "r")["already_there"] is True
    assert "expires at 2099-01-01" in office.fails(1, "funds", "add", "5", "--reference", "r", "--expires-at", "never")


def test_adjustments_are_listed_with_their_reasons(office: Terminal) -> None:
    office.done("funds", "add", "10", "--reference", "r1")
    office.done("funds", "adjust", "-2.50", "--reference", "fix-7", "--reason", "invoice 117 was 47.50")
    office.done("funds", "adjust", "1", "--reference", "kind-1", "--reason", "bad line")
    listed = office.json("funds", "list")["adjustments"]
    assert [(each["reference"], each["amount"], each["reason"]) for each in listed] == [
        ("fix-7", "-2.50", "invoice 117 was 47.50"),
        ("kind-1", "1.00", "bad line"),
    ]
    assert "invoice 117 was 47.50" in office.done("funds", "list").out
    assert "reason" in office.fails(1, "funds", "adjust", "-2.50", "--reference", "fix-7", "--reason", "other")


def test_balance_beyond_what_can_be_counted_is_refused(office: Terminal) -> None:
    office.done("funds", "add", "9" * 12, "--reference", "r1")
    assert "a balance is at most" in office.fails(1, "funds", "add", "9" * 12, "--reference", "r2")
    assert "a balance is at most" in office.fails(1, "funds", "adjust", "2", "--reference", "a", "--reason", "x")
    assert office.json("balance")["total"] == "999999999999.00"


def test_quote_of_a_later_moment_counts_no_funds_that_have_expired_by_then(office: Terminal) -> None:
    office.done("funds", "add", "5", "--reference", "r", "--expires-at", "2099-01-01")
    before = office.json("quote", "00447797123456", "--at", "2098-12-31")
    assert before["admitted"] is True
    answer = office("quote", "00447797123456", "--at", "2099-01-02", "--json")
    after = answer.document
    assert (after["admitted"], after["deny_reason"]) == (False, "no_funds")


def test_funds_expire_when_asked_to(office: Terminal) -> None:
    added = office.json(
        "funds", "add", "5", "--reference", "r", "--at", "2026-07-01", "--expires-at", "2026-12-24T12:00:00+00:00"
    )
    assert added["purchased_at"] == "2026-07-01T00:00:00.000+02:00"
    assert added["expires_at"] == "2026-12-24T13:00:00.000+01:00"


def test_funds_adjusted_down_and_up_are_in_the_balance(office: Terminal) -> None:
    office.done("funds", "add", "10", "--reference", "r1")
    down = office.json("funds", "adjust", "-2.50", "--reference", "a1", "--reason", "wrong invoice")
    assert (down["amount"], down["available"]) == ("-2.50", "7.50")
    again = office.json("funds", "adjust", "-2.50", "--reference", "a1", "--reason", "wrong invoice")
    assert (down["already_there"], again) == (False, {**down, "already_there": True})
    said = office.done("funds", "adjust", "-2.50", "--reference", "a1", "--reason", "wrong invoice").out
    assert "a1 was there already" in said
    assert "nothing was changed" in said
    assert "another amount" in office.fails(1, "funds", "adjust", "-1", "--reference", "a1", "--reason", "x")
    assert "another kind" in office.fails(1, "funds", "add", "1", "--reference", "a1")
    up = office.json("funds", "adjust", "0.000001", "--reference", "a2", "--reason", "rounding")
    assert up["available"] == "7.500001"
    lots = office.json("funds", "list")["lots"]
    assert [(lot["reference"], lot["remaining"]) for lot in lots] == [("r1", "7.50"), ("a2", "0.000001")]


def test_funds_adjusted_below_zero_are_refused(office: Terminal) -> None:
    office.done("funds", "add", "1", "--reference", "r1")
    line = office.fails(1, "funds", "adjust", "-1.01", "--reference", "a1", "--reason", "x")
    assert "only 1.00 EUR are available" in line


@pytest.mark.parametrize(
    "arguments",
    [
        ("0", "--reference", "a", "--reason", "x"),
        ("-1", "--reference", "a", "--reason", " "),
        ("-1", "--reference", "a"),
        ("-x", "--reference", "a", "--reason", "x"),
    ],
)
def test_funds_adjust_with_bad_input_changes_nothing(office: Terminal, arguments: tuple[str, ...]) -> None:
    office.fails(2, "funds", "adjust", *arguments)


def test_accounts_have_money_and_calendars_of_their_own(office: Terminal) -> None:
    office.done("account", "add", "mexico", "--currency", "mxn", "--timezone", "America/Mexico_City")
    office.done("funds", "add", "99", "--reference", "r1", "--account", "mexico", "--at", "2026-11-21")
    balance = office.json("balance", "--account", "mexico")
    assert (balance["currency"], balance["total"]) == ("MXN", "99.00")
    assert balance["lots"][0]["purchased_at"] == "2026-11-21T00:00:00.000-06:00"
    names = [account["account"] for account in office.json("account", "list")["accounts"]]
    assert names == ["main", "mexico"]
    assert office.json("account", "show")["extensions"] == []
    assert office.json("balance")["total"] == "0.00"


def test_an_account_of_a_name_that_is_taken_is_refused(office: Terminal) -> None:
    assert "already" in office.fails(1, "account", "add", "main")
    assert "no plan" in office.fails(1, "account", "add", "x", "--plan", "nosuch")
    office.fails(2, "account", "add", " ")
    office.fails(2, "account", "add", "x", "--currency", "QQQ")
    office.fails(2, "account", "add", "x", "--timezone", "Mars/Base")


@pytest.mark.parametrize(
    "command",
    [
        ("balance",),
        ("funds", "add", "1", "--reference", "r"),
        ("funds", "list"),
        ("funds", "adjust", "1", "--reference", "r", "--reason", "x"),
        ("activity",),
        ("quote", "0612345678"),
        ("rates", "list"),
        ("rates", "lookup", "+447797123456"),
        ("extension", "add", "101"),
        ("extension", "list"),
        ("notices",),
    ],
)
def test_commands_on_an_unknown_account_are_refused(office: Terminal, command: tuple[str, ...]) -> None:
    assert "no account nosuch" in office.fails(1, *command, "--account", "nosuch")


def test_tables_show_what_json_says(office: Terminal) -> None:
    office.done("funds", "add", "12.34", "--reference", "r1")
    for command in (("balance",), ("funds", "list"), ("account", "list"), ("account", "show")):
        assert "12.34" in office.done(*command).out
    assert "what the journal says" in office.done("verify").out
