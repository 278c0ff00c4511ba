"""``tollgate demo``: five real calls through the demonstration office, shown as they go.

The calls are placed by the simulated network as the office's extension 100, with its SIP password, so that each takes
the way of a desk phone's call: INVITE, dialplan, gate, trunk, meter, record. Extension 100 has an account of its own,
``demo``, which is set to what the calls before the last paid one cost and about ten seconds of that one.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.table import Table

from ari_app.clock import epoch_ms, utc_now
from charging.cdr import Cdr
from rating.money import format_money
from rating.price import billable_s, charge_micros
from store.answers import Denied
from store.call_reads import CdrFilter
from store.funds import add_funds, adjust_funds
from store.payers import decide_for, empty_catalog, load_catalog
from store.records import Account
from store.store import Store
from tollgate.cli.ari_http import AriHttp, ari_http
from tollgate.cli.live_calls import LiveCall, call_of_session, calls_without_session
from tollgate.cli.output import table, write_json
from tollgate.office.errors import OfficeError
from tollgate.office.guard import simulated_network
from tollgate.office.instance import AsteriskInstance
from tollgate.office.setup import DEMO_ACCOUNT
from tollgate.office.simnet import originate
from tollgate.office.state import DEMO_EXTENSION
from tollgate.settings import Settings

LAST_CALL_S = 10
"""Seconds of talk that are left for the call that runs out of funds."""
_LONGEST_CALL = timedelta(seconds=60)
_POLL_S = 0.25


@dataclass(frozen=True, slots=True)
class Scene:
    """One call of the demonstration."""

    title: str
    number: str
    talk_s: int


INCLUDED = Scene("included in the plan", "0612345678", 3)
PREMIUM = Scene("premium", "0899123456", 3)
INTERNATIONAL = Scene("international, until the money ends", "00299321212", 30)
REFUSED = Scene("international again, without money", "00299321212", 5)
EMERGENCY = Scene("emergency, without money", "112", 3)
SCENES = (INCLUDED, PREMIUM, INTERNATIONAL, REFUSED, EMERGENCY)


class DemoError(OfficeError):
    """The demonstration cannot go on."""


async def run_demo(settings: Settings, as_json: bool) -> None:
    """Place the calls and show what became of them.

    Raises:
        NotSimulatedError: the trunk is not the simulated network; nothing was dialled.
        DemoError: the office is not as `make run` makes it, or a call left no record.
        StoreError, AriUnavailableError: the store or Asterisk does not answer.
    """
    simnet = await simulated_network(settings)
    async with await Store.open(settings.database_url) as store, ari_http(settings.ari_access()) as ari:
        stage = _Stage(settings, store, ari, simnet, _account_id(await store.account(DEMO_ACCOUNT)))
        await stage.set_funds()
        before = await stage.account()
        console = Console(stderr=as_json, markup=False, highlight=False)
        records = [(scene, await stage.play(scene, console)) for scene in SCENES]
        after = await stage.account()
    if as_json:
        write_json(_document(before, after, records))
    else:
        _print_end(console, before, after, records)


def _account_id(account: Account | None) -> int:
    if account is None:
        raise DemoError(f"there is no account {DEMO_ACCOUNT}: remove run/office and start again with `make run`")
    return account.id


@dataclass(frozen=True, slots=True)
class _Stage:
    """What the calls are placed with and watched through."""

    settings: Settings
    store: Store
    ari: AriHttp
    simnet: AsteriskInstance
    account_id: int

    async def account(self) -> Account:
        account = await self.store.account_by_id(self.account_id)
        assert account is not None
        return account

    async def set_funds(self) -> None:
        """Give the account what the premium call costs and ``LAST_CALL_S`` seconds of the international one."""
        account = await self.account()
        now = utc_now()
        reference = f"demo-{now:%Y%m%dT%H%M%S%f}"
        missing_micros = await self._needed_micros(account) - account.available_micros
        if missing_micros > 0:
            await self.store.apply(
                add_funds(
                    account_id=account.id,
                    amount_micros=missing_micros,
                    reference=reference,
                    at_ms=epoch_ms(now),
                    expires_at_ms=epoch_ms(now + timedelta(days=1)),
                )
            )
        elif missing_micros < 0:
            answer = await self.store.apply(
                adjust_funds(
                    account_id=account.id,
                    amount_micros=missing_micros,
                    reference=reference,
                    reason="set for a demonstration",
                    at_ms=epoch_ms(now),
                )
            )
            if isinstance(answer, Denied):
                raise DemoError("another demonstration is running: wait for its end")

    async def _needed_micros(self, account: Account) -> int:
        catalog = await load_catalog(self.store, empty_catalog(self.settings.dial_rules(), self.settings.call_limit_s))
        payer = catalog.payer_for_account(account)
        needed_micros = 0
        for scene, talk_s in ((PREMIUM, PREMIUM.talk_s), (INTERNATIONAL, LAST_CALL_S)):
            decision = decide_for(payer, scene.number, catalog, epoch_ms(utc_now()))
            if decision.rate is None:
                raise DemoError(f"{scene.number} has no price: the demonstration needs the example deck")
            # Half a second more than it talks: the phone and the carrier do not hang up in the same instant.
            needed_micros += charge_micros(
                decision.rate, billable_s(decision.rate, talk_s * 1000 + 500 * (scene is PREMIUM))
            )
        return needed_micros

    async def play(self, scene: Scene, console: Console) -> Cdr:
        """Place one call and show it until its record is written."""
        started = utc_now()
        originate(self.simnet, DEMO_EXTENSION, scene.number, scene.talk_s)
        console.print(f"\n{DEMO_EXTENSION} calls {scene.number}: {scene.title}")
        async with _shown_live(console) as live:
            while utc_now() < started + _LONGEST_CALL:
                if (record := await self._record(scene, started)) is not None:
                    console.print(f"  {_summary(record)}")
                    return record
                live.update(_live_table(await self._live_calls()))
                await asyncio.sleep(_POLL_S)
        raise DemoError(f"the call to {scene.number} left no record: see tollgate.log in the office's folder")

    async def _record(self, scene: Scene, started: datetime) -> Cdr | None:
        wanted = CdrFilter(extension=DEMO_EXTENSION, from_ms=epoch_ms(started) - 1000)
        records = [cdr async for cdr in self.store.cdrs(wanted)]
        return next((cdr for cdr in records if cdr.dialled == scene.number and cdr.started_at >= started), None)

    async def _live_calls(self) -> list[LiveCall]:
        account = await self.account()
        rows = [row for row in await self.store.open_sessions() if row.extension == DEMO_EXTENSION]
        calls = [call_of_session(row, account, utc_now()) for row in rows]
        channels = await self.ari.channels()
        known = {call.call_id for call in calls}
        return [*calls, *calls_without_session(channels, known)]


@asynccontextmanager
async def _shown_live(console: Console) -> AsyncIterator[Live]:
    with Live(console=console, refresh_per_second=8, transient=True) as live:
        yield live


def _live_table(calls: list[LiveCall]) -> Table:
    columns = ("extension", "number", "class", "state", ">seconds", ">cost", ">seconds left")
    rows = [
        (
            call.extension,
            call.number,
            call.destination_class,
            call.state,
            call.talked_s,
            None if call.cost_micros is None else format_money(call.cost_micros),
            call.left_s,
        )
        for call in calls
    ]
    return table(columns, rows)


def _summary(cdr: Cdr) -> str:
    reason = f" ({cdr.deny_reason})" if cdr.deny_reason is not None else ""
    ended_by = f", ended by {cdr.hangup_side}" if cdr.answered_at is not None else ""
    return f"{cdr.disposition}{reason}, {cdr.billable_s} s, {format_money(cdr.charged_micros)}{ended_by}"


def _print_end(console: Console, before: Account, after: Account, records: list[tuple[Scene, Cdr]]) -> None:
    columns = ("call", "number", "class", "outcome", ">seconds", ">cost", "ended by")
    rows = [
        (
            scene.title,
            scene.number,
            cdr.destination_class,
            cdr.deny_reason or cdr.disposition,
            cdr.billable_s,
            format_money(cdr.charged_micros),
            cdr.hangup_side if cdr.answered_at is not None else None,
        )
        for scene, cdr in records
    ]
    console.print()
    console.print(table(columns, rows))
    spent_micros = before.available_micros - after.available_micros
    console.print(
        f"account {after.name}: {format_money(before.available_micros)} {after.currency} before, "
        f"{format_money(after.available_micros)} after, {format_money(spent_micros)} spent"
    )
    console.print(f"its records: tollgate activity --account {after.name}")


def _document(before: Account, after: Account, records: list[tuple[Scene, Cdr]]) -> dict[str, Any]:
    return {
        "account": after.name,
        "currency": after.currency,
        "balance_before": format_money(before.available_micros),
        "balance_after": format_money(after.available_micros),
        "calls": [
            {
                "title": scene.title,
                "number": scene.number,
                "class": cdr.destination_class,
                "disposition": cdr.disposition,
                "deny_reason": cdr.deny_reason,
                "billable_s": cdr.billable_s,
                "charge": format_money(cdr.charged_micros),
                "hangup_side": cdr.hangup_side,
            }
            for scene, cdr in records
        ],
    }
