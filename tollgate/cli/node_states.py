"""How a node that shares the store is, as a person is told.

The command line looks once, so it goes by the time that a node's last sign names: it may be wrong by as much as the
clocks differ. The services themselves do not (:mod:`ari_app.silence`).
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from store.cdr_rows import from_ms
from store.nodes import NodeInfo


@dataclass(frozen=True, slots=True)
class NodeState:
    """A node as seen now; ``last_seen_at`` is None where it never gave a sign of life."""

    node: NodeInfo
    last_seen_at: datetime | None
    is_silent: bool

    @property
    def has_calls(self) -> bool:
        """Whether it has open or lost calls."""
        return bool(self.node.open_calls or self.node.provisional_calls)


def state_of(node: NodeInfo, now: datetime, node_lost_s: int) -> NodeState:
    """Return how a node is; it is silent when its last sign is older than ``node_lost_s``."""
    if node.seen_at_ms is None:
        return NodeState(node, None, is_silent=True)
    last_seen_at = from_ms(node.seen_at_ms)
    return NodeState(node, last_seen_at, is_silent=now - last_seen_at > timedelta(seconds=node_lost_s))


def ago(at: datetime | None, now: datetime) -> str:
    """Write how long ago something was: ``12 s ago``, ``3 h ago``, ``never``."""
    if at is None:
        return "never"
    seconds = max(0, (now - at) // timedelta(seconds=1))
    for unit_s, unit in ((86_400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 2 * unit_s:
            return f"{seconds // unit_s} {unit} ago"
    return f"{seconds} s ago"
