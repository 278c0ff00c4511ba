"""Checks of the PBXs that share the store, and of the state of their open calls."""

from collections.abc import Iterable
from datetime import datetime

from store.damaged_calls import is_damaged
from store.nodes import NodeInfo
from store.records import OpenSession
from tollgate.cli.checks.check import Check, ok, warn
from tollgate.cli.node_states import NodeState, ago, state_of
from tollgate.settings import Settings

_MOST_NAMED = 5


def check_nodes(nodes: list[NodeInfo], settings: Settings, now: datetime) -> Check:
    """Check that every node with calls gives signs of life."""
    if not nodes:
        return ok("nodes", "no service has run on this store yet")
    states = [state_of(node, now, settings.node_lost_s) for node in nodes]
    shown = "; ".join(_words(state, settings, now) for state in states)
    away = [state.node.name for state in states if state.is_silent and state.has_calls]
    if not away:
        return ok("nodes", shown)
    return warn(
        "nodes",
        shown,
        f"start the service of {', '.join(away)} again, its calls are settled by their true ends then; "
        f"if it never comes back under that name: tollgate nodes retire {away[0]}",
    )


def check_sessions(sessions: Iterable[OpenSession]) -> list[Check]:
    """Name the open calls whose saved state cannot be read; nothing where there are none."""
    damaged = [row for row in sessions if is_damaged(row)]
    if not damaged:
        return []
    shown = ", ".join(f"{row.call_id} of {row.node}" for row in damaged[:_MOST_NAMED])
    if len(damaged) > _MOST_NAMED:
        shown = f"{shown} and {len(damaged) - _MOST_NAMED} more"
    return [
        warn(
            "sessions",
            f"the saved state of {shown} cannot be read",
            "a running service charges what they hold once it is past; `tollgate funds adjust` gives money back",
        )
    ]


def _words(state: NodeState, settings: Settings, now: datetime) -> str:
    node = state.node
    name = f"{node.name} (this one)" if node.name == settings.node else node.name
    facts = [f"silent, last seen {ago(state.last_seen_at, now)}" if state.is_silent else "serves"]
    facts.append(f"{node.open_calls} open")
    if node.provisional_calls:
        facts.append(f"{node.provisional_calls} lost calls charged provisionally")
    return f"{name}: {', '.join(facts)}"
