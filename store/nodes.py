"""Nodes: the services that share the store, each with its own Asterisk, and their signs of life.

A node is judged by whether its sign changes, not by the time that the sign names: nodes' clocks differ.
"""

from dataclasses import dataclass

from sqlalchemy import bindparam, case, delete, exists, func, insert, select, true, update

from store import schema
from store.operation import Operation, Sql
from store.reads import Reads

_NODE = schema.node.c
_SESSION = schema.session.c
_CDR = schema.cdr.c

UPDATE_SEEN = Sql(
    update(schema.node)
    .where(_NODE.name == bindparam("of_name"))
    .values(seen_at_ms=bindparam("at_ms"))
    .returning(_NODE.name)
)
INSERT_NODE = Sql(insert(schema.node).values(name=bindparam("name"), seen_at_ms=bindparam("at_ms")))
SELECT_SEEN = Sql(select(_NODE.seen_at_ms).where(_NODE.name == bindparam("of_name")))
DELETE_NODE = Sql(delete(schema.node).where(_NODE.name == bindparam("of_name")).returning(_NODE.name))
COUNT_SESSIONS = Sql(select(func.count()).select_from(schema.session).where(_SESSION.node == bindparam("of_node")))

IS_PROVISIONAL = exists().where(_CDR.call_id == _SESSION.call_id, _CDR.provisional == true()).correlate(schema.session)
"""Of a session: its call is lost and was charged provisionally, also where that was nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeInfo:
    """A node and its calls; ``seen_at_ms`` is None where it has sessions but never gave a sign."""

    name: str
    seen_at_ms: int | None
    open_calls: int
    """Calls that hold money or talk."""
    provisional_calls: int
    """Lost calls, charged provisionally."""


def seen(*, name: str, at_ms: int) -> Operation[None]:
    """Write down a node's sign of life."""
    if not (yield UPDATE_SEEN(of_name=name, at_ms=at_ms)):
        yield INSERT_NODE(name=name, at_ms=at_ms)


def forget_node(*, name: str) -> Operation[bool]:
    """Delete a node that has no session; answer whether it is gone, False where it has some still."""
    sessions = yield COUNT_SESSIONS(of_node=name)
    if sessions[0][0]:
        return False
    yield DELETE_NODE(of_name=name)
    return True


def read_seen_at_ms(name: str) -> Operation[int | None]:
    """Answer a node's last sign of life, None where it never gave one."""
    rows = yield SELECT_SEEN(of_name=name)
    return int(rows[0][0]) if rows else None


class NodeReads(Reads):
    """Read methods of nodes."""

    async def nodes(self) -> list[NodeInfo]:
        """Answer every node that gave a sign of life or has sessions, by name."""
        is_lost = case((IS_PROVISIONAL, 1), else_=0)
        rows = select(_SESSION.node.label("name"), is_lost.label("is_lost")).subquery()
        calls = select(rows.c.name, func.count().label("calls"), func.sum(rows.c.is_lost).label("lost")).group_by(
            rows.c.name
        )
        async with self._reading() as connection:
            seen_at_ms = {row.name: row.seen_at_ms for row in await connection.execute(select(schema.node))}
            counts = {name: (int(count), int(lost)) for name, count, lost in await connection.execute(calls)}
        return [
            NodeInfo(
                name=name,
                seen_at_ms=seen_at_ms.get(name),
                open_calls=counts.get(name, (0, 0))[0] - counts.get(name, (0, 0))[1],
                provisional_calls=counts.get(name, (0, 0))[1],
            )
            for name in sorted(seen_at_ms.keys() | counts.keys())
        ]
