"""``nodes``: the PBXs that share the store, and how to retire one."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from ari_app.clock import utc_now
from rating.money import format_money
from rating.written_time import iso
from store.lost_calls import settle_as_charged
from store.nodes import NodeInfo, forget_node
from store.store import Store
from tollgate.cli.context import JsonOption, settings_of, with_store
from tollgate.cli.counted import counted
from tollgate.cli.errors import RefusedError
from tollgate.cli.node_states import NodeState, ago, state_of
from tollgate.cli.output import Document, print_table, say, show
from tollgate.cli.topic import topic
from tollgate.settings import Settings

nodes_app = topic(alone=True)


@nodes_app.callback()
def nodes(ctx: typer.Context, as_json: JsonOption = False) -> None:
    """Show the PBXs that share this store, when each was last heard of, and its calls.

    Lost calls are those of a silent PBX that were charged what they held; the difference is refunded when it is back.

    \b
    Examples:
      tollgate nodes
      tollgate nodes --json
      tollgate nodes retire pbx2
    """
    if ctx.invoked_subcommand is not None:
        return
    settings, now = settings_of(ctx), utc_now()
    found = [state_of(node, now, settings.node_lost_s) for node in with_store(ctx, lambda store: store.nodes())]
    document = {"nodes": [_document(state, settings) for state in found]}
    show(document, lambda: _print(found, settings, now), as_json=as_json)


@nodes_app.command("retire", short_help="Forget a PBX that does not come back.")
def retire(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NODE", help="Its name, as `tollgate nodes` shows it.")],
    as_json: JsonOption = False,
) -> None:
    """Forget a PBX that does not come back, or not under this name. What its lost calls were charged is final.

    Refused while it was heard of lately, and while it has calls that are not charged yet.

    \b
    Examples:
      tollgate nodes retire pbx2
    """
    settings = settings_of(ctx)
    settled, charged_micros = with_store(ctx, lambda store: _retire(store, name, settings))
    document = {"node": name, "settled_calls": settled, "charged": format_money(charged_micros)}
    show(
        document,
        lambda: say(f"node {name} is forgotten; settled for good: {counted(settled, 'lost call')}"),
        as_json=as_json,
    )


async def _retire(store: Store, name: str, settings: Settings) -> tuple[int, int]:
    """Settle the node's lost calls and forget it; return how many there were and what they were charged."""
    node = next((each for each in await store.nodes() if each.name == name), None)
    if node is None:
        raise RefusedError(f"there is no node {name}", "`tollgate nodes` shows them")
    _refuse_living(node, settings)
    lost = [row for row in await store.open_sessions(node=name) if row.is_lost]
    settled = charged_micros = 0
    for row in lost:
        if await store.apply(settle_as_charged(call_id=row.call_id)):
            settled += 1
            charged_micros += row.provisional_micros
    if not await store.apply(forget_node(name=name)):
        raise RefusedError(f"node {name} has open calls", "`tollgate calls` shows them")
    return settled, charged_micros


def _refuse_living(node: NodeInfo, settings: Settings) -> None:
    now = utc_now()
    state = state_of(node, now, settings.node_lost_s)
    if not state.is_silent:
        raise RefusedError(f"node {node.name} was heard of {ago(state.last_seen_at, now)}", "stop its service first")
    if node.open_calls:
        verb = "is" if node.open_calls == 1 else "are"
        raise RefusedError(
            f"node {node.name} has {counted(node.open_calls, 'call')} that {verb} not charged yet",
            "a service on this store charges what they hold once that is past; try again then",
        )


def _document(state: NodeState, settings: Settings) -> Document:
    return {
        "node": state.node.name,
        "this_one": state.node.name == settings.node,
        "last_seen_at": None if state.last_seen_at is None else iso(state.last_seen_at, UTC),
        "silent": state.is_silent,
        "open_calls": state.node.open_calls,
        "lost_calls": state.node.provisional_calls,
    }


def _print(found: list[NodeState], settings: Settings, now: datetime) -> None:
    if not found:
        say("no service has run on this store yet")
        return
    rows = [
        (
            f"{state.node.name} (this one)" if state.node.name == settings.node else state.node.name,
            "silent" if state.is_silent else "serves",
            ago(state.last_seen_at, now),
            state.node.open_calls,
            state.node.provisional_calls,
        )
        for state in found
    ]
    print_table(("node", "state", "last seen", ">open calls", ">lost calls"), rows)
