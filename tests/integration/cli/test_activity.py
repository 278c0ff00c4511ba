"""``activity``: records, totals, half-open ranges in the account's time zone."""

import asyncio
import csv
import io
from datetime import UTC, datetime
from pathlib import Path

import pytest

from charging.cdr import Disposition
from rating.destination import DestinationClass
from store.sessions import open_session
from store.settlement import settle_leg
from store.store import Store
from tests.integration.cli.terminal import Terminal
from tests.integration.store.office import make_cdr

MIDNIGHT = datetime(2026, 11, 1, 23, 0, tzinfo=UTC)
"""2 November in Paris."""


async def write_records(folder: Path) -> None:
    """Write four calls: two legs paid at midnight, one refused, one of nobody, one of another account."""
    async with await Store.open(f"sqlite:///{folder}/tollgate.db") as store:
        ids = {account.name: account.id for account in await store.accounts()}
        paid = [
            make_cdr("a", account_id=ids["main"], leg=leg, charged_micros=600_000, started_at=MIDNIGHT)
            for leg in (1, 2)
        ]
        await store.apply(
            open_session(
                call_id="a",
                node="pbx1",
                account_id=ids["main"],
                extension="101",
                held_micros=2_000_000,
                paid_s=200,
                per_minute_micros=600_000,
                state="{}",
                at_ms=0,
            )
        )
        for cdr in paid:
            await store.apply(settle_leg(cdr=cdr, close=cdr.leg == 2, at_ms=0))
        for call_id, account, extension in (("b", "main", "102"), ("c", None, ""), ("d", "sales", "201")):
            record = make_cdr(
                call_id,
                account_id=None if account is None else ids[account],
                leg=0,
                rate=None,
                extension=extension,
                destination_class=DestinationClass.PREMIUM,
                disposition=Disposition.REFUSED,
            )
            await store.apply(settle_leg(cdr=record, close=True, at_ms=0))


@pytest.fixture
def records(office: Terminal, tmp_path: Path) -> Terminal:
    """An office with a few calls."""
    office.done("funds", "add", "10", "--reference", "r1")
    office.done("account", "add", "sales")
    asyncio.run(write_records(tmp_path))
    return office


def test_activity_lists_records_and_totals_per_extension(records: Terminal) -> None:
    document = records.json("activity")
    assert [(call["call_id"], call["leg"], call["account"]) for call in document["calls"]] == [
        ("a", 1, "main"),
        ("a", 2, "main"),
        ("b", 0, "main"),
        ("c", 0, None),
    ]
    assert document["totals"][1:] == [
        {
            "extension": "101",
            "calls": 1,
            "answered_calls": 1,
            "billable_s": 120,
            "charged": "1.20",
            "unfunded": "0.00",
        },
        {
            "extension": "102",
            "calls": 1,
            "answered_calls": 0,
            "billable_s": 0,
            "charged": "0.00",
            "unfunded": "0.00",
        },
    ]
    assert document["total"]["charged"] == "1.20"
    assert (document["account"], document["currency"]) == ("main", "EUR")


def test_activity_writes_a_record_in_full(records: Terminal) -> None:
    first = records.json("activity", "--extension", "101")["calls"][0]
    rate = first.pop("rate")
    assert (rate["deck"], rate["prefix"], rate["per_minute"]) == ("example", "447797", "0.60")
    assert first == {
        "call_id": "a",
        "leg": 1,
        "node": "pbx1",
        "account": "main",
        "extension": "101",
        "endpoint": "PJSIP/101",
        "dialled": "00447797123456",
        "e164": "+447797123456",
        "class": "international",
        "started_at": "2026-11-02T00:00:00.000+01:00",
        "answered_at": "2026-11-02T00:00:00.000+01:00",
        "ended_at": "2026-11-02T00:01:00.000+01:00",
        "billable_s": 60,
        "charged": "0.60",
        "unfunded": "0.00",
        "funded_by": ["account"],
        "disposition": "ANSWERED",
        "deny_reason": None,
        "deny_rule": None,
        "hangup_side": None,
        "hangup_cause": 16,
        "trunk": "carrier",
        "end_source": "event",
        "provisional": False,
        "ungated": False,
    }


@pytest.mark.parametrize(
    ("options", "calls"),
    [
        (("--from", "2026-11-02"), {"a", "b", "c"}),
        (("--from", "2026-11-02", "--to", "2026-11-03"), {"a", "b", "c"}),
        (("--to", "2026-11-02"), set()),
        (("--to", "2026-11-02T00:00:00.001"), {"a"}),
        (("--from", "2026-11-01T23:00:00.001Z"), {"b", "c"}),
        (("--from", "2026-11-02", "--to", "2026-11-02"), set()),
        (("--extension", "102"), {"b"}),
        (("--class", "premium"), {"b", "c"}),
        (("--class", "premium", "--extension", "101"), set()),
        (("--account", "sales"), {"d"}),
    ],
)
def test_activity_of_a_range_or_a_choice(records: Terminal, options: tuple[str, ...], calls: set[str]) -> None:
    assert {call["call_id"] for call in records.json("activity", *options)["calls"]} == calls


def test_activity_as_csv_has_a_line_per_record(records: Terminal) -> None:
    rows = list(csv.DictReader(io.StringIO(records.done("activity", "--format", "csv").out)))
    assert [row["charged"] for row in rows] == ["0.60", "0.60", "0.00", "0.00"]
    assert (rows[0]["rate_prefix"], rows[0]["per_minute"], rows[0]["funded_by"]) == ("447797", "0.60", "account")
    price = ("connect_fee", "initial_increment_s", "increment_s", "minimum_charge")
    known = records.json("activity")["calls"][0]["rate"]
    assert [rows[0][name] for name in price] == [str(known[name]) for name in price]
    assert [rows[2][name] for name in ("rate_prefix", *price)] == [""] * 5


def test_activity_to_a_file_says_how_many(records: Terminal) -> None:
    assert "4 records" in records.done("activity", "--format", "csv", "--output", "out.csv").out
    assert len(Path("out.csv").read_text().splitlines()) == 5
    assert records.json("activity", "--output", "out.json") == {"output": "out.json", "records": 4}
    assert "totals" in records.done("activity", "--format", "json").document


def test_activity_as_a_table_shows_the_latest(records: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    said = records.done("activity").out
    assert "1.20" in said
    assert "(unknown)" in said
    monkeypatch.setattr("tollgate.cli.activity.LONGEST_TABLE", 1)
    assert "the latest 1 of 4" in records.done("activity").out


@pytest.mark.parametrize(
    "options",
    [
        ("--class", "nosuch"),
        ("--format", "xlsx"),
        ("--from", "soon"),
        ("--from", "2026-11-03", "--to", "2026-11-02"),
    ],
)
def test_activity_with_bad_input_is_bad_input(office: Terminal, options: tuple[str, str]) -> None:
    office.fails(2, "activity", *options)
