"""``extension``, ``plan`` and ``rates``."""

import csv
import io
from pathlib import Path

import pytest

from tests.integration.cli.terminal import Terminal

NO_LIMITS = {
    "daily_cap": None,
    "monthly_cap": None,
    "max_calls": None,
    "max_rate": None,
    "longest_call_s": None,
    "allow": None,
    "deny": None,
    "hours": None,
}


def test_extension_added_is_shown_with_its_defaults(office: Terminal) -> None:
    added = office.json("extension", "add", "101")
    assert added == {
        "extension": "101",
        "endpoint": "PJSIP/101",
        "account": "main",
        "plan": None,
        "prepaid": True,
        "language": "en",
        "name": None,
        **NO_LIMITS,
    }
    nothing_spent = {"spent_today": "0.00", "spent_month": "0.00", "currency": "EUR"}
    assert office.json("extension", "show", "101") == {**added, **nothing_spent}
    assert office.json("extension", "list") == {"extensions": [added]}
    assert office.json("account", "show")["extensions"] == ["101"]


def test_extension_set_changes_only_what_is_given(office: Terminal) -> None:
    office.done("account", "add", "sales")
    office.done("extension", "add", "101", "--name", "Ana", "--language", "es", "--endpoint", "PJSIP/desk.1")
    changed = office.json("extension", "set", "101", "--plan", "fr-office", "--prepaid", "off", "--account", "sales")
    assert changed == {
        "extension": "101",
        "endpoint": "PJSIP/desk.1",
        "account": "sales",
        "plan": "fr-office",
        "prepaid": False,
        "language": "es",
        "name": "Ana",
        **NO_LIMITS,
    }
    back = office.json("extension", "set", "101", "--plan", "default", "--prepaid", "on", "--name", "")
    assert (back["plan"], back["prepaid"], back["name"]) == (None, True, None)
    assert office.json("extension", "list", "--account", "main") == {"extensions": []}


@pytest.mark.parametrize(
    "arguments",
    [
        ("add", "1o1"),
        ("add", "1" * 16),
        ("add", "112"),
        ("add", "101", "--endpoint", "no endpoint"),
        ("add", "101", "--endpoint", "SIP/101"),
        ("add", "101", "--endpoint", "PJSIP/101@carrier"),
        ("add", "101", "--endpoint", "PJSIP/-101"),
        ("add", "101", "--endpoint", "PJSIP/101\n"),
        ("set", "101", "--endpoint", "Local/101"),
        ("add", "101", "--prepaid", "maybe"),
        ("add", "101", "--language", "french"),
        ("set", "101"),
        ("add",),
    ],
)
def test_extension_with_bad_input_is_bad_input(office: Terminal, arguments: tuple[str, ...]) -> None:
    office.fails(2, "extension", *arguments)


def test_extension_that_cannot_be_is_refused(office: Terminal) -> None:
    office.done("extension", "add", "101")
    assert "there already" in office.fails(1, "extension", "add", "101")
    assert "there already" in office.fails(1, "extension", "add", "102", "--endpoint", "PJSIP/101")
    assert "no extension 999" in office.fails(1, "extension", "show", "999")
    assert "no extension 999" in office.fails(1, "extension", "set", "999", "--prepaid", "on")
    assert "no plan" in office.fails(1, "extension", "set", "101", "--plan", "nosuch")
    assert "no account" in office.fails(1, "extension", "set", "101", "--account", "nosuch")


def test_extensions_go_out_and_in_by_csv(office: Terminal) -> None:
    office.done("extension", "add", "101", "--name", "Ana, Zoë")
    Path("in.csv").write_text("\ufeffextension,prepaid,name\n101,off,\n102,on,Luc\n103,,\n", encoding="utf-8")
    assert office.json("extension", "import", "in.csv") == {"added": 2, "changed": 1, "bad_rows": []}
    rows = list(csv.DictReader(io.StringIO(office.done("extension", "export").out)))
    assert [(row["extension"], row["prepaid"], row["name"]) for row in rows] == [
        ("101", "off", "Ana, Zoë"),
        ("102", "on", "Luc"),
        ("103", "on", "none"),
    ]
    assert office.done("extension", "export", "--output", "out.csv").out == ""
    assert office.json("extension", "export") == office.json("extension", "list")
    again = office.json("extension", "import", "out.csv")
    assert (again["added"], again["changed"]) == (0, 3)


def test_extensions_with_a_bad_row_are_not_imported(office: Terminal) -> None:
    Path("in.csv").write_text("extension,prepaid,plan\n101,on,\n1x,on,\n102,maybe,\n101,on,\n103\n104,on,nosuch\n")
    answer = office("extension", "import", "in.csv", "--json")
    assert answer.status == 1
    assert [(row["line"], row["column"]) for row in answer.document["bad_rows"]] == [
        (3, "extension"),
        (4, "prepaid"),
        (5, "extension"),
        (6, ""),
    ]
    assert answer.err.count("\n") == 1
    Path("in.csv").write_text("extension,endpoint\n101,SIP/101\n")
    bad = office("extension", "import", "in.csv", "--json").document["bad_rows"]
    assert [(row["column"], row["value"]) for row in bad] == [("endpoint", "SIP/101")]
    Path("in.csv").write_text("extension,plan,account\n101,,\n104,nosuch,nosuch\n")
    said = office("extension", "import", "in.csv")
    assert said.status == 1
    assert said.out.count("nosuch") == 2
    assert office.json("extension", "list") == {"extensions": []}


@pytest.mark.parametrize("content", ["", "number\n101\n", "extension,extension\n1,1\n", "extension,colour\n1,red\n"])
def test_extensions_with_a_bad_header_are_bad_input(office: Terminal, content: str) -> None:
    Path("in.csv").write_text(content)
    office.fails(2, "extension", "import", "in.csv")


def test_files_that_cannot_be_read_or_written_are_bad_input(office: Terminal) -> None:
    office.fails(2, "extension", "import", "nosuch.csv")
    office.fails(2, "plan", "import", ".")
    office.fails(2, "rates", "import", "nosuch.csv", "--deck", "d")
    office.fails(2, "rates", "export", "--deck", "example", "--output", "no/such/folder.csv")


def test_plan_that_ships_can_be_loaded_later(office: Terminal) -> None:
    names = [plan["plan"] for plan in office.json("plan", "list", "--shipped")["plans"]]
    assert {"us-office", "mx-domestic-1200", "pay-as-you-go"} <= set(names)
    imported = office.json("plan", "import", "--shipped", "us-office")
    assert imported["plan"] == "us-office"
    assert "this office's is FR" in imported["warnings"][0]
    assert "plan list --shipped" in office.fails(2, "plan", "import", "--shipped", "nosuch")
    office.fails(2, "plan", "import")
    office.fails(2, "plan", "import", "plan.toml", "--shipped", "us-office")


def test_plan_whose_deck_is_in_another_currency_is_refused(office: Terminal) -> None:
    Path("usd.csv").write_text("prefix,destination,per_minute\n44,UK,0.02\n")
    office.done("rates", "import", "usd.csv", "--deck", "usd", "--currency", "USD")
    text = office.done("plan", "show", "fr-office").out
    Path("usd.toml").write_text(text.replace("fr-office", "usd").replace('deck = "example"', 'deck = "usd"'))
    office.done("plan", "import", "usd.toml")
    for command in (
        ("account", "set", "main", "--plan", "usd"),
        ("account", "add", "other", "--plan", "usd"),
        ("extension", "add", "109", "--plan", "usd"),
    ):
        assert "is in USD, and the account is in EUR" in office.fails(1, *command)
    office.done("extension", "add", "101")
    assert "is in USD" in office.fails(1, "extension", "set", "101", "--plan", "usd")
    office.done("account", "add", "dollars", "--currency", "USD", "--plan", "usd")


def test_plan_shown_can_be_imported_again(office: Terminal) -> None:
    text = office.done("plan", "show", "fr-office").out
    Path("plan.toml").write_text(text.replace('name = "fr-office"', 'name = "mine"'))
    imported = office.json("plan", "import", "plan.toml")
    assert imported == {
        "plan": "mine",
        "deck": "example",
        "replaced": False,
        "deck_is_there": True,
        "warnings": [],
    }
    assert "replaced" in office.done("plan", "import", "plan.toml").out
    shown = office.json("plan", "show", "mine")
    assert {"region": "FR", "type": "mobile"} in shown["included"]
    names = [plan["plan"] for plan in office.json("plan", "list")["plans"]]
    assert names == [
        "fr-domestic-120",
        "fr-domestic-1200",
        "fr-domestic-3000",
        "fr-international-600",
        "fr-office",
        "mine",
        "pay-as-you-go",
    ]


def test_plan_that_is_none_is_refused(office: Terminal) -> None:
    Path("plan.toml").write_text("name = 3\n")
    assert "plan.toml is no plan" in office.fails(2, "plan", "import", "plan.toml")
    assert "no plan nosuch" in office.fails(1, "plan", "show", "nosuch")


GOOD_DECK = "prefix,destination,per_minute\n44,United Kingdom,0.02\n447,UK mobile,0.05\n"
BAD_DECK = "prefix;destination;per_minute\n44;United Kingdom;0.02\n4.42E+03;Crewe;0.01\n447;UK mobile;none\n"


def test_rates_imported_are_in_force(office: Terminal) -> None:
    Path("deck.csv").write_text(GOOD_DECK)
    imported = office.json("rates", "import", "deck.csv", "--deck", "carrier")
    assert imported == {
        "deck": "carrier",
        "currency": "EUR",
        "table": "deck.csv",
        "rows": 2,
        "rates": 2,
        "destinations": 2,
        "changes": {"new": 2, "raised": 0, "lowered": 0, "unchanged": 0, "removed": 0, "barred": 0, "expired": 0},
        "largest_raises": [],
        "without_a_price_now": 0,
        "rounded_up": 0,
        "unused_columns": [],
        "bad_rows": [],
        "dry_run": False,
        "imported": True,
        "used_by": [],
    }
    found = office.json("rates", "lookup", "00447911123456", "--deck", "carrier")
    assert (found["number"], found["rate"]["per_minute"]) == ("+447911123456", "0.05")
    missing = office("rates", "lookup", "+12025550123", "--deck", "carrier", "--json")
    assert (missing.status, missing.document["rate"]) == (1, None)
    assert [deck["deck"] for deck in office.json("rates", "list")["decks"]] == ["carrier", "example"]


def test_rates_imported_say_which_plans_use_them(office: Terminal) -> None:
    Path("deck.csv").write_text(GOOD_DECK)
    said = office.done("rates", "import", "deck.csv", "--deck", "carrier").out
    assert "no plan names it: calls go on with deck example" in said
    text = office.done("plan", "show", "fr-office").out
    for name in ("mine", "other"):
        changed = text.replace('name = "fr-office"', f'name = "{name}"')
        Path("plan.toml").write_text(changed.replace('deck = "example"', 'deck = "carrier"'))
        office.done("plan", "import", "plan.toml")
    again = ("rates", "import", "deck.csv", "--deck", "carrier", "--replace")
    assert office.json(*again)["used_by"] == ["mine", "other"]
    said = office.done(*again).out
    assert "used by the plans mine, other" in said
    assert "no extension is on them: calls go on with deck example" in said
    office.done("extension", "add", "101", "--plan", "mine")
    assert "calls go on" not in office.done(*again).out


def test_rates_of_a_deck_that_is_there_are_added_to_or_replaced(office: Terminal) -> None:
    Path("deck.csv").write_text(GOOD_DECK)
    before = {rate["prefix"]: rate for rate in office.json("rates", "export", "--deck", "example")["rates"]}
    added = office.json("rates", "import", "deck.csv", "--deck", "example")
    assert (added["changes"]["lowered"], added["changes"]["unchanged"], added["changes"]["removed"]) == (1, 1, 0)
    after = {rate["prefix"]: rate for rate in office.json("rates", "export", "--deck", "example")["rates"]}
    assert after.keys() == before.keys()
    assert {prefix for prefix in after if after[prefix]["per_minute"] != before[prefix]["per_minute"]} == {"44"}
    office.fails(1, "rates", "import", "deck.csv", "--deck", "example", "--replace", "--currency", "USD")
    replaced = office.json("rates", "import", "deck.csv", "--deck", "example", "--replace")
    assert replaced["changes"]["removed"] == len(before) - 2
    exported = office.json("rates", "export", "--deck", "example")
    assert [rate["prefix"] for rate in exported["rates"]] == ["44", "447"]


def test_rates_dry_run_changes_nothing(office: Terminal) -> None:
    Path("deck.csv").write_text(GOOD_DECK)
    assert office.json("rates", "import", "deck.csv", "--deck", "new", "--dry-run")["imported"] is False
    assert "no deck new" in office.fails(1, "rates", "export", "--deck", "new")


def test_rates_with_bad_rows_are_all_or_nothing(office: Terminal) -> None:
    Path("deck.csv").write_text(BAD_DECK)
    answer = office("rates", "import", "deck.csv", "--deck", "new", "--json")
    assert answer.status == 1
    assert [(row["line"], row["column"], row["value"]) for row in answer.document["bad_rows"]] == [
        (3, "prefix", "4.42E+03"),
        (4, "per_minute", "none"),
    ]
    assert all(row["reason"] for row in answer.document["bad_rows"])
    assert answer.document["imported"] is False
    said = office("rates", "import", "deck.csv", "--deck", "new")
    assert "4.42E+03" in said.out
    assert said.err.count("\n") == 1
    office.fails(1, "rates", "export", "--deck", "new")


def test_rates_skip_bad_imports_the_good_rows(office: Terminal) -> None:
    Path("deck.csv").write_text(BAD_DECK)
    answer = office("rates", "import", "deck.csv", "--deck", "new", "--skip-bad", "--json")
    assert (answer.status, answer.document["rates"], answer.document["imported"]) == (0, 1, True)


@pytest.mark.parametrize("content", ["", "prefix,destination,per_minute\n", "nothing\nof use\n"])
def test_rates_without_any_rate_are_refused(office: Terminal, content: str) -> None:
    Path("deck.csv").write_text(content)
    status = 1 if "prefix" in content else 2
    assert office("rates", "import", "deck.csv", "--deck", "new", "--skip-bad").status == status
    office.fails(1, "rates", "export", "--deck", "new")


def test_rates_exported_can_be_imported_again(office: Terminal) -> None:
    office.done("rates", "export", "--deck", "example", "--output", "out.csv")
    imported = office.json("rates", "import", "out.csv", "--deck", "copy")
    assert imported["rates"] == len(office.json("rates", "export", "--deck", "example")["rates"])
    before = office.json("rates", "export", "--deck", "example")["rates"]
    assert office.json("rates", "export", "--deck", "copy")["rates"] == before


def test_rates_with_bad_input_are_bad_input(office: Terminal) -> None:
    Path("deck.csv").write_text(GOOD_DECK)
    for name in ("", "a b", "a/b", "d\u00e9ck", "a" * 61):
        assert "- _ ." in office.fails(2, "rates", "import", "deck.csv", "--deck", name)
    office.fails(2, "rates", "import", "deck.csv", "--deck", "d", "--currency", "x")
    office.fails(2, "rates", "import", "deck.csv")
    office.fails(2, "rates", "lookup", "abc")
    assert office.json("rates", "lookup", "3631")["number"] == "FR:3631"
    assert office.json("rates", "lookup", "FR:3631")["rate"]["prefix"].startswith("FR:")


def test_rates_looked_up_say_barred_as_an_export_does(office: Terminal) -> None:
    shown = office.done("rates", "lookup", "FR:3631").out
    assert ["barred", "no"] in [line.split() for line in shown.splitlines()]
    assert office.json("rates", "lookup", "FR:3631")["rate"]["barred"] is False


@pytest.mark.parametrize("name", ["", " ", "north office", "a" * 65, "caf\u00e9", "a/b", "a\n"])
def test_account_with_a_name_that_cannot_be_is_bad_input(office: Terminal, name: str) -> None:
    assert "letters" in office.fails(2, "account", "add", "--", name)


def test_environment_with_a_list_that_is_none_is_one_line(office: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOLLGATE_WARN_BEFORE_EXPIRY_DAYS", "x")
    assert "WARN_BEFORE_EXPIRY_DAYS is no list" in office.fails(2, "balance")
    answer = office("balance", "--json")
    assert (answer.status, answer.document["hint"]) == (2, "write JSON such as [30, 7]")


def test_account_with_the_longest_name_is_added(office: Terminal) -> None:
    name = ("North_office-2.fr" * 4)[:64]
    assert office.json("account", "add", name)["account"] == name


def test_account_added_and_set_shows_its_caps(office: Terminal) -> None:
    assert office.done("account", "add", "sales", "--daily-cap", "5").out.endswith("; daily cap 5.00\n")
    changed = office.done("account", "set", "sales", "--monthly-cap", "50").out
    assert changed.endswith("; daily cap 5.00; monthly cap 50.00\n")
    assert "cap" not in office.done("account", "set", "main", "--month-day", "1").out


def test_plan_list_shows_a_deck_in_another_currency_than_an_account_that_uses_it(office: Terminal) -> None:
    office.done("extension", "add", "101")
    assert {plan["fault"] for plan in office.json("plan", "list")["plans"]} == {None}
    text = office.done("plan", "show", "fr-office").out
    Path("late.toml").write_text(text.replace("fr-office", "late").replace('deck = "example"', 'deck = "late"'))
    office.done("plan", "import", "late.toml")
    office.done("account", "add", "mexico", "--currency", "MXN", "--plan", "late")
    office.done("extension", "set", "101", "--plan", "late")
    Path("late.csv").write_text("prefix,destination,per_minute\n447797,Jersey mobile,0.19\n")
    office.done("rates", "import", "late.csv", "--deck", "late", "--currency", "USD")
    faults = {plan["plan"]: plan["fault"] for plan in office.json("plan", "list")["plans"] if plan["fault"]}
    assert faults == {"late": "deck late is in USD, account main in EUR, account mexico in MXN"}
    assert "deck late is in USD" in office.done("plan", "list").out
