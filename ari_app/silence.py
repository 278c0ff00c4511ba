"""Which of the nodes that share a store are silent, told without comparing clocks.

A node counts as lost when its sign of life has stayed the same for a while, measured by this node's own monotonic
clock. The time that a sign names is its node's and is never compared with ours, so clocks may differ by any amount.

Only time in which this node itself could write and read the store counts: where the store was away, others could not
write their signs either. So whoever could not look for a while begins anew and gives everybody the whole time again.
"""

from collections.abc import Iterable

from store.nodes import NodeInfo


class SilenceWatch:
    """Looks at the nodes' signs again and again, and remembers since when each has not changed."""

    def __init__(self, own_node: str, *, lost_after_s: float, longest_gap_s: float) -> None:
        """Begin without having seen anybody.

        Args:
            own_node: This node's name; it is never judged.
            lost_after_s: How long a sign must have stayed the same.
            longest_gap_s: Two looks further apart than this do not belong together.
        """
        self._own_node = own_node
        self._lost_after_s = lost_after_s
        self._longest_gap_s = longest_gap_s
        self._unchanged_since: dict[str, tuple[int | None, float]] = {}
        self._looked_at_s: float | None = None

    def look(self, nodes: Iterable[NodeInfo], now_s: float) -> list[NodeInfo]:
        """Take a look and return the nodes that are lost.

        Args:
            now_s: The monotonic clock, at which the signs were read.
        """
        if self._looked_at_s is None or now_s - self._looked_at_s > self._longest_gap_s:
            self._unchanged_since.clear()
        self._looked_at_s = now_s
        before, self._unchanged_since = self._unchanged_since, {}
        lost = []
        for node in nodes:
            if node.name == self._own_node:
                continue
            sign, since_s = before.get(node.name, (node.seen_at_ms, now_s))
            if sign != node.seen_at_ms:
                since_s = now_s
            self._unchanged_since[node.name] = (node.seen_at_ms, since_s)
            if now_s - since_s >= self._lost_after_s:
                lost.append(node)
        return lost

    def forget(self) -> None:
        """Begin anew: this node could not show itself, so it does not judge others."""
        self._looked_at_s = None
