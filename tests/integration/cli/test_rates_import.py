"""``rates import`` of carriers' files: what is said before, prices loaded ahead, workbooks, options."""

from datetime import date
from pathlib import Path

import openpyxl
import pytest

from tests.integration.cli.terminal import Terminal

LIST = """Destination;Code;Rate;Effective date
Atlantis;4420;0,50;{at}
Atlantis mobile;44207;0,80;{at}
"""
NOW = """Destination;Code;Rate;Effective date
Atlantis;4420;0,10;
Atlantis mobile;44207;0,90;
"""


@pytest.fixture
def carrier(office: Terminal) -> Terminal:
    """The command line with a deck ``carrier`` of two prices."""
    Path("now.csv").write_text(NOW)
    office.done("rates", "import", "now.csv", "--deck", "carrier")
    return office


def test_rates_import_of_later_prices_leaves_those_of_today(carrier: Terminal) -> None:
    Path("later.csv").write_text(LIST.format(at="01.12.2030"))
    report = carrier.json("rates", "import", "later.csv", "--deck", "carrier")
    assert (report["changes"]["raised"], report["changes"]["lowered"]) == (1, 1)
    assert report["largest_raises"] == [
        {
            "prefix": "4420",
            "destination": "Atlantis",
            "from_per_minute": "0.10",
            "to_per_minute": "0.50",
            "from": "0.10, 1/1",
            "to": "0.50, 1/1",
            "at": "2030-12-01T00:00:00.000+01:00",
        }
    ]
    found = carrier.json("rates", "lookup", "+442083661177", "--deck", "carrier")
    assert (found["rate"]["per_minute"], found["rate"]["effective_until"]) == ("0.10", "2030-12-01T00:00:00.000+01:00")
    assert [later["per_minute"] for later in found["later"]] == ["0.50"]
    then = carrier.json("rates", "lookup", "+442083661177", "--deck", "carrier", "--at", "2030-12-01")
    assert (then["rate"]["per_minute"], then["later"]) == ("0.50", [])
    said = carrier.done("rates", "lookup", "+442083661177", "--deck", "carrier").out
    assert "4420 from 2030-12-01T00:00:00.000+01:00: 0.50 per minute" in said


def test_rates_import_replaced_by_later_prices_says_what_has_none_now(carrier: Terminal) -> None:
    Path("later.csv").write_text(LIST.format(at="01.12.2030"))
    arguments = ("rates", "import", "later.csv", "--deck", "carrier", "--replace", "--dry-run")
    assert carrier.json(*arguments)["without_a_price_now"] == 2
    assert "2 prefixes have no price before a later date" in carrier.done(*arguments).out


def test_rates_import_writes_every_change_where_it_is_told(carrier: Terminal) -> None:
    Path("later.csv").write_text(LIST.format(at="01.12.2030"))
    carrier.done("rates", "import", "later.csv", "--deck", "carrier", "--dry-run", "--changes", "changes.csv")
    lines = Path("changes.csv").read_text().splitlines()
    assert lines[0] == "prefix,destination,change,at,from,to"
    assert '4420,Atlantis,raised,2030-12-01T00:00:00.000+01:00,"0.10, 1/1","0.50, 1/1"' in lines
    assert sum(",lowered," in line for line in lines) == 1
    assert "cannot be written" in carrier.fails(
        2, "rates", "import", "later.csv", "--deck", "carrier", "--changes", "nowhere/changes.csv"
    )


def test_rates_import_says_before_it_is_applied_what_changes(carrier: Terminal) -> None:
    Path("new.csv").write_text(NOW.replace("0,10", "0,20") + "Lemuria;4498;0,01;\n")
    said = carrier.done("rates", "import", "new.csv", "--deck", "carrier", "--dry-run").out
    assert "3 rows, 0 bad; 3 rates for 3 destinations" in said
    assert "1 new, 1 raised, 0 lowered, 0 removed, 0 barred, 1 unchanged" in said
    assert "largest raises" in said
    assert "nothing was changed" in said


def test_rates_import_dry_run_with_bad_rows_fails(carrier: Terminal) -> None:
    Path("bad.csv").write_text(NOW + "Lemuria;4.49E+03;0,01;\n")
    answer = carrier("rates", "import", "bad.csv", "--deck", "carrier", "--dry-run", "--json")
    assert answer.status == 1
    assert [row["line"] for row in answer.document["bad_rows"]] == [4]
    assert carrier("rates", "import", "bad.csv", "--deck", "carrier", "--dry-run", "--skip-bad").status == 0


def test_rates_import_shows_the_first_of_many_bad_rows(carrier: Terminal) -> None:
    Path("bad.csv").write_text(NOW + "Lemuria;x;0,01;\n" * 60)
    assert "and 10 more bad rows" in carrier("rates", "import", "bad.csv", "--deck", "carrier").out


def test_rates_import_of_a_workbook(office: Terminal) -> None:
    book = openpyxl.Workbook()
    book.worksheets[0].append(["Read me"])
    sheet = book.create_sheet("Rates")
    for row in (["Code", "Name", "Rate", "Start", "Trunk"], [4420, "Atlantis", 0.5, date(2026, 1, 1), "a"]):
        sheet.append(row)
    book.save("deck.xlsx")
    report = office.json("rates", "import", "deck.xlsx", "--deck", "carrier")
    assert (report["table"], report["rates"], report["unused_columns"]) == ("Rates", 1, ["Trunk"])
    found = office.json("rates", "lookup", "+442083661177", "--deck", "carrier")["rate"]
    assert (found["per_minute"], found["effective_from"]) == ("0.50", "2026-01-01T00:00:00.000+01:00")
    office.fails(2, "rates", "import", "deck.xlsx", "--deck", "carrier", "--sheet", "Read")
    office.fails(2, "rates", "import", "deck.xlsx", "--deck", "carrier", "--sheet", "Sheet")


def test_rates_import_with_what_the_file_does_not_tell(office: Terminal) -> None:
    Path("deck.csv").write_text(
        "Code;Name;Tag;Peak;Off-Peak;Setup;From;To\n201,202;NY;x;1.234;0.001;5;01/02/2026;01/03/2026\n"
    )
    told = (
        *("--column", "unused=Tag", "--price-unit", "cent/second", "--fee-unit", "cent", "--decimal", "point"),
        *("--date-order", "mdy", "--code-separator", ",", "--timezone", "America/New_York", "--last-day"),
        *("--peak", "mon-fri 08:00-20:00", "--weekend", "sun", "--round-up", "--currency", "USD"),
    )
    report = office.json("rates", "import", "deck.csv", "--deck", "us", *told)
    assert (report["currency"], report["rates"]) == ("USD", 2)
    (first, second) = office.json("rates", "export", "--deck", "us")["rates"]
    assert (first["prefix"], second["prefix"], first["connect_fee"]) == ("201", "202", "0.05")
    assert (first["per_minute"], first["periods"][0]["per_minute"]) == ("0.0006", "0.7404")
    assert first["effective_from"].startswith("2026-01-02T05:00:00")
    assert first["effective_until"].startswith("2026-01-04T05:00:00")


@pytest.mark.parametrize(
    "told",
    [
        ("--column", "colour=Code"),
        ("--column", "price"),
        ("--column", "price=Nosuch"),
        ("--price-unit", "hour"),
        ("--fee-unit", "euro"),
        ("--decimal", "dot"),
        ("--date-order", "ymd"),
        ("--timezone", "Mars/Base"),
        ("--peak", "sometimes"),
        ("--sheet", "Rates"),
    ],
)
def test_rates_import_with_an_option_of_no_use_is_bad_input(carrier: Terminal, told: tuple[str, str]) -> None:
    carrier.fails(2, "rates", "import", "now.csv", "--deck", "carrier", *told)


def test_rates_with_periods_are_shown_and_exported_as_they_were(office: Terminal) -> None:
    Path("deck.csv").write_text("Code,Name,Off-Peak,Peak,From\n4420,Atlantis,0.01,0.02,2026-01-01\n")
    office.done("rates", "import", "deck.csv", "--deck", "peak", "--peak", "mon-fri 08:00-20:00")
    assert "peak 0.02 mon-fri 08:00-20:00" in office.done("rates", "lookup", "+442083661177", "--deck", "peak").out
    office.done("rates", "export", "--deck", "peak", "--output", "out.csv")
    report = office.json("rates", "import", "out.csv", "--deck", "peak", "--replace")
    assert report["changes"]["unchanged"] == 1
    assert (
        office.json("rates", "export", "--deck", "peak")["rates"][0]["effective_from"]
        == "2025-12-31T23:00:00.000+00:00"
    )
