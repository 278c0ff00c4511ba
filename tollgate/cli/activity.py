"""``activity``: call detail records and what they sum up to, per extension."""

import csv
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from enum import StrEnum
from pathlib import Path
from typing import Annotated, TextIO

import typer

from ari_app.clock import epoch_ms
from charging.cdr import Cdr, Disposition
from rating.destination import DestinationClass
from rating.money import format_money
from rating.written_time import iso, local_time
from store.call_reads import CdrFilter
from store.records import Account
from store.store import Store
from tollgate.cli.context import MAIN_ACCOUNT, AccountOption, JsonOption, require_account, with_store
from tollgate.cli.errors import BadInputError
from tollgate.cli.files import output_to
from tollgate.cli.output import Document, console, say, table, write_json, write_json_stream
from tollgate.cli.rate_document import rate_document
from tollgate.cli.streams import closing
from tollgate.cli.times import parse_instant, zone
from tollgate.cli.topic import topic

activity_app = topic()

LONGEST_TABLE = 100
"""Calls that a table shows, the latest; JSON and CSV have all."""


class Format(StrEnum):
    """How the records are written."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which records, and how."""

    account: Account
    which: CdrFilter
    from_: datetime | None
    to: datetime | None

    @property
    def zone(self) -> tzinfo:
        """The account's calendar."""
        return zone(self.account.timezone)


@activity_app.command()
def activity(
    ctx: typer.Context,
    extension: Annotated[str | None, typer.Option(metavar="E", help="Only this extension's.")] = None,
    destination_class: Annotated[
        DestinationClass | None, typer.Option("--class", help="Only calls of this class.")
    ] = None,
    from_: Annotated[str | None, typer.Option("--from", metavar="T", help="Started at or after this time.")] = None,
    to: Annotated[str | None, typer.Option(metavar="T", help="Started before this time.")] = None,
    form: Annotated[Format, typer.Option("--format", help="How to write it.")] = Format.TABLE,
    output: Annotated[Path | None, typer.Option(metavar="F", help="Write here instead of stdout.")] = None,
    account: AccountOption = MAIN_ACCOUNT,
    as_json: JsonOption = False,
) -> None:
    """Show who called where, when and what it cost, with totals per extension.

    Times are dates or date-times in the account's time zone; --to is not included. Calls that no account could be
    found for are shown with the account main. Calls between extensions that never reach the gate have no record.

    \b
    Examples:
      tollgate activity --from 2026-11-01 --to 2026-12-01
      tollgate activity --extension 101 --class international --json
      tollgate activity --format csv --output november.csv
    """
    chosen = Format.JSON if as_json else form

    async def work(store: Store) -> int:
        payer = await require_account(store, account)
        wanted = _wanted(payer, extension, destination_class, from_, to)
        async with closing(_records(store, wanted)) as records:
            with output_to(output) as file:
                return await _WRITERS[chosen](records, wanted, file)

    count = with_store(ctx, work)
    if output is not None:
        _say_written(output, count, as_json=as_json)


def _say_written(output: Path, count: int, *, as_json: bool) -> None:
    if as_json:
        write_json({"output": str(output), "records": count})
    else:
        say(f"{count} records written to {output}")


def _wanted(
    payer: Account,
    extension: str | None,
    destination_class: DestinationClass | None,
    from_: str | None,
    to: str | None,
) -> Wanted:
    account_zone = zone(payer.timezone)
    begin = None if from_ is None else parse_instant(from_, account_zone)
    end = None if to is None else parse_instant(to, account_zone)
    if begin is not None and end is not None and end < begin:
        raise BadInputError("--to is before --from", "exchange them")
    which = CdrFilter(
        # Records without account are the main account's to show; the others' are left out one by one.
        account_id=None if payer.name == MAIN_ACCOUNT else payer.id,
        extension=extension,
        destination_class=destination_class,
        from_ms=None if begin is None else epoch_ms(begin),
        to_ms=None if end is None else epoch_ms(end),
    )
    return Wanted(account=payer, which=which, from_=begin, to=end)


async def _records(store: Store, wanted: Wanted) -> AsyncIterator[Cdr]:
    async with closing(store.cdrs(wanted.which)) as cdrs:
        async for cdr in cdrs:
            if cdr.account_id in {wanted.account.id, None}:
                yield cdr


@dataclass(slots=True)
class _Totals:
    """What records sum up to. A call of several legs counts once: its records follow one another."""

    calls: int = 0
    answered_calls: int = 0
    billable_s: int = 0
    charged_micros: int = 0
    unfunded_micros: int = 0
    _last_call: str | None = None
    _last_answered: str | None = None

    def add(self, cdr: Cdr) -> None:
        self.calls += cdr.call_id != self._last_call
        self._last_call = cdr.call_id
        if cdr.disposition is Disposition.ANSWERED:
            self.answered_calls += cdr.call_id != self._last_answered
            self._last_answered = cdr.call_id
        self.billable_s += cdr.billable_s
        self.charged_micros += cdr.charged_micros
        self.unfunded_micros += cdr.unfunded_micros

    def document(self) -> Document:
        return {
            "calls": self.calls,
            "answered_calls": self.answered_calls,
            "billable_s": self.billable_s,
            "charged": format_money(self.charged_micros),
            "unfunded": format_money(self.unfunded_micros),
        }


@dataclass(slots=True)
class _Sums:
    """Totals per extension and over all, gathered while the records go by."""

    by_extension: dict[str, _Totals] = field(default_factory=dict)
    all: _Totals = field(default_factory=_Totals)

    def add(self, cdr: Cdr) -> None:
        self.by_extension.setdefault(cdr.extension, _Totals()).add(cdr)
        self.all.add(cdr)

    def document(self) -> Document:
        extensions = [
            {"extension": extension, **totals.document()} for extension, totals in sorted(self.by_extension.items())
        ]
        return {"totals": extensions, "total": self.all.document()}


async def _write_json(records: AsyncIterator[Cdr], wanted: Wanted, file: TextIO) -> int:
    sums = _Sums()
    count = 0

    async def documents() -> AsyncIterator[Document]:
        nonlocal count
        async for cdr in records:
            sums.add(cdr)
            count += 1
            yield _document(cdr, wanted)

    head = {
        "account": wanted.account.name,
        "currency": wanted.account.currency,
        "from": None if wanted.from_ is None else iso(wanted.from_, wanted.zone),
        "to": None if wanted.to is None else iso(wanted.to, wanted.zone),
    }
    async with closing(documents()) as calls:
        await write_json_stream(head, "calls", calls, file, sums.document)
    return count


async def _write_csv(records: AsyncIterator[Cdr], wanted: Wanted, file: TextIO) -> int:
    writer = csv.DictWriter(file, _CSV_COLUMNS, lineterminator="\n")
    writer.writeheader()
    count = 0
    async for cdr in records:
        document = _document(cdr, wanted)
        rate = document.pop("rate") or {}
        document |= {
            "funded_by": " ".join(cdr.funded_by),
            "deck": rate.get("deck"),
            "rate_prefix": rate.get("prefix"),
            "rate_destination": rate.get("destination"),
            **{column: rate.get(column) for column in _PRICE_COLUMNS},
        }
        writer.writerow(document)
        count += 1
    return count


async def _write_table(records: AsyncIterator[Cdr], wanted: Wanted, file: TextIO) -> int:
    sums = _Sums()
    latest: deque[Cdr] = deque(maxlen=LONGEST_TABLE)
    count = 0
    async for cdr in records:
        sums.add(cdr)
        latest.append(cdr)
        count += 1
    target = console(file)
    if count > len(latest):
        target.print(f"the latest {len(latest)} of {count} records; --format csv has all")
    target.print(table(_CALL_COLUMNS, [_call_row(cdr, wanted) for cdr in latest]))
    target.print(table(_TOTAL_COLUMNS, _total_rows(sums), title=f"totals in {wanted.account.currency}, per extension"))
    return count


_WRITERS = {Format.TABLE: _write_table, Format.JSON: _write_json, Format.CSV: _write_csv}

_CALL_COLUMNS = (
    "started",
    "extension",
    "dialled",
    "class",
    "destination",
    "disposition",
    ">seconds",
    ">charged",
    "ended by",
)
_TOTAL_COLUMNS = ("extension", ">calls", ">answered", ">seconds", ">charged", ">unfunded")


def _call_row(cdr: Cdr, wanted: Wanted) -> tuple[object, ...]:
    return (
        local_time(cdr.started_at, wanted.zone),
        cdr.extension,
        cdr.dialled,
        cdr.destination_class,
        None if cdr.rate is None else cdr.rate.destination,
        cdr.disposition if cdr.deny_reason is None else f"{cdr.disposition}: {cdr.deny_reason}",
        cdr.billable_s,
        format_money(cdr.charged_micros),
        cdr.hangup_side,
    )


def _total_rows(sums: _Sums) -> list[list[object]]:
    rows = [
        [extension or "(unknown)", *totals.document().values()]
        for extension, totals in sorted(sums.by_extension.items())
    ]
    return [*rows, ["all", *sums.all.document().values()]]


_PRICE_COLUMNS = ("per_minute", "connect_fee", "initial_increment_s", "increment_s", "minimum_charge")
_CSV_COLUMNS = (
    "call_id",
    "leg",
    "node",
    "account",
    "extension",
    "endpoint",
    "dialled",
    "e164",
    "class",
    "deck",
    "rate_prefix",
    "rate_destination",
    *_PRICE_COLUMNS,
    "started_at",
    "answered_at",
    "ended_at",
    "billable_s",
    "charged",
    "unfunded",
    "funded_by",
    "disposition",
    "deny_reason",
    "deny_rule",
    "hangup_side",
    "hangup_cause",
    "trunk",
    "end_source",
    "provisional",
    "ungated",
)


def _document(cdr: Cdr, wanted: Wanted) -> Document:
    rate = None if cdr.rate is None else {"deck": cdr.deck, **rate_document(cdr.rate)}
    return {
        "call_id": cdr.call_id,
        "leg": cdr.leg,
        "node": cdr.node,
        "account": None if cdr.account_id is None else wanted.account.name,
        "extension": cdr.extension,
        "endpoint": cdr.endpoint,
        "dialled": cdr.dialled,
        "e164": cdr.e164,
        "class": cdr.destination_class,
        "rate": rate,
        "started_at": iso(cdr.started_at, wanted.zone),
        "answered_at": None if cdr.answered_at is None else iso(cdr.answered_at, wanted.zone),
        "ended_at": iso(cdr.ended_at, wanted.zone),
        "billable_s": cdr.billable_s,
        "charged": format_money(cdr.charged_micros),
        "unfunded": format_money(cdr.unfunded_micros),
        "funded_by": list(cdr.funded_by),
        "disposition": cdr.disposition,
        "deny_reason": cdr.deny_reason,
        "deny_rule": cdr.deny_rule,
        "hangup_side": cdr.hangup_side,
        "hangup_cause": cdr.hangup_cause,
        "trunk": cdr.trunk,
        "end_source": cdr.end_source,
        "provisional": cdr.provisional,
        "ungated": cdr.ungated,
    }
