"""``calls``: what lives now, and how to end it."""

import asyncio
from dataclasses import dataclass
from typing import Annotated

import typer

from ari_app.access import AriAccess
from ari_app.clock import utc_now
from ari_app.decode import Channel
from ari_app.errors import AriUnavailableError
from rating.caps import NO_CAPS
from rating.money import format_money
from rating.written_time import iso
from store.caps import SpendLimits
from store.store import Store
from tollgate.cli.ari_http import ari_http
from tollgate.cli.context import JsonOption, on_store, settings_of
from tollgate.cli.errors import RefusedError
from tollgate.cli.live_calls import LiveCall, call_of_session, calls_without_session, channels_of
from tollgate.cli.output import Document, print_table, say, show
from tollgate.cli.spending import caps_leave_micros
from tollgate.cli.times import zone
from tollgate.cli.topic import topic
from tollgate.settings import Settings

calls_app = topic(alone=True)


@calls_app.callback()
def calls(ctx: typer.Context, as_json: JsonOption = False) -> None:
    """Show the calls that live now, of all accounts, or end one.

    Seconds left are those a call could still talk if all that is available were its own.

    \b
    Examples:
      tollgate calls
      tollgate calls --json
      tollgate calls hangup pbx1/1795305600.17-1
    """
    if ctx.invoked_subcommand is not None:
        return
    found = asyncio.run(_look(settings_of(ctx)))
    documents = [_document(call) for call in found.calls]
    document = {"calls": documents, "asterisk_answers": found.fault is None}
    show(document, lambda: _print(found), as_json=as_json)


@calls_app.command("hangup", short_help="End a call.")
def hangup(
    ctx: typer.Context,
    call_id: Annotated[str, typer.Argument(metavar="CALL", help="Its id, as `tollgate calls` shows it.")],
    force: Annotated[bool, typer.Option("--force", help="End it though it is an emergency call.")] = False,
    as_json: JsonOption = False,
) -> None:
    """End a call: its trunk legs, or its caller while it has none. What was talked is charged.

    \b
    Examples:
      tollgate calls hangup pbx1/1795305600.17-1
    """
    ended = asyncio.run(_hang_up(settings_of(ctx), call_id, force=force))
    show(
        {"call_id": call_id, "ended_channels": ended},
        lambda: say(f"call {call_id} ended: {', '.join(ended)}"),
        as_json=as_json,
    )


@dataclass(frozen=True, slots=True)
class _Found:
    """The live calls, and Asterisk's channels; ``fault`` says why those could not be read."""

    calls: list[LiveCall]
    channels: list[Channel]
    fault: AriUnavailableError | None = None

    def call(self, call_id: str) -> LiveCall | None:
        return next((call for call in self.calls if call.call_id == call_id), None)


async def _look(settings: Settings) -> _Found:
    """Read the store's sessions and Asterisk's channels."""
    async with ari_http(settings.ari_access()) as ari:
        channels: list[Channel] = []
        fault = None
        try:
            channels = await ari.channels()
        except AriUnavailableError as error:
            # Calls that hold money are in the store; they are shown whatever Asterisk does.
            fault = error
    return _Found(await on_store(settings, lambda store: _calls(store, channels)), channels, fault)


async def _calls(store: Store, channels: list[Channel]) -> list[LiveCall]:
    accounts = {account.id: account for account in await store.accounts()}
    extensions = {extension.number: extension for extension in await store.extensions()}
    now = utc_now()
    calls = []
    for row in await store.open_sessions():
        account, extension = accounts[row.account_id], extensions.get(row.extension)
        limits = SpendLimits(NO_CAPS if extension is None else extension.caps, account.caps)
        left_micros = await caps_leave_micros(store, account, row.extension, limits, now)
        calls.append(call_of_session(row, account, now, left_micros))
    return [*calls, *calls_without_session(channels, {call.call_id for call in calls})]


async def _hang_up(settings: Settings, call_id: str, *, force: bool) -> list[str]:
    found = await _look(settings)
    if found.fault is not None:
        raise found.fault
    call = found.call(call_id)
    if call is not None and call.is_emergency and not force:
        raise RefusedError(f"call {call_id} is an emergency call", "--force ends it all the same")
    ending = channels_of(call_id, found.channels)
    if not ending:
        raise RefusedError(f"no channel of call {call_id} lives", "`tollgate calls` shows those that do")
    return await _end(settings.ari_access(), ending)


async def _end(access: AriAccess, channel_ids: list[str]) -> list[str]:
    async with ari_http(access) as ari:
        for channel_id in channel_ids:
            if not await ari.hang_up(channel_id):
                raise RefusedError(f"Asterisk does not end channel {channel_id}", "try again")
    return channel_ids


def _document(call: LiveCall) -> Document:
    cost, account = call.cost_micros, call.account
    started = None
    if account is not None and call.started_at is not None:
        started = iso(call.started_at, zone(account.timezone))
    return {
        "call_id": call.call_id,
        "account": None if account is None else account.name,
        "currency": None if account is None else account.currency,
        "extension": call.extension,
        "number": call.number,
        "class": call.destination_class,
        "state": call.state,
        "started_at": started,
        "talked_s": call.talked_s,
        "cost": None if cost is None else format_money(cost),
        "held": format_money(call.held_micros),
        "left_s": call.left_s,
        "node": call.node,
    }


def _print(found: _Found) -> None:
    columns = ["call", "extension", "number", "class", "state", ">seconds", ">cost so far", ">seconds left"]
    by_node = len({call.node for call in found.calls if call.node is not None}) > 1
    if by_node:
        columns.append("node")
    rows = [
        (
            call.call_id,
            call.extension,
            call.number,
            call.destination_class,
            call.state,
            call.talked_s,
            None if call.cost_micros is None else format_money(call.cost_micros),
            call.left_s,
            *((call.node,) if by_node else ()),
        )
        for call in found.calls
    ]
    if rows:
        print_table(columns, rows)
    else:
        say("no call lives")
    if found.fault is not None:
        say("Asterisk does not answer: emergency calls, which have no session, are not shown")
