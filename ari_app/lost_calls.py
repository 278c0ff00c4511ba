"""The alert of a call whose true end nobody knows: recorded in the transaction that makes its charge final.

Whatever becomes of the service meanwhile, there is either no final record yet, and whoever settles the call tells of
it, or there are both. What is in the store is told again, so that log and metrics have it too: the alert's key names
the call, so that it is recorded once.
"""

from dataclasses import dataclass

from ari_app.alerts import Alerts
from charging.cdr import Cdr, EndSource
from rating.destination import DestinationClass
from store.alerts import AlertKind, record_alert
from store.operation import Operation, T


@dataclass(frozen=True, slots=True)
class LostCall:
    """A call that was answered, and whose end is not known to anybody."""

    call_id: str
    node: str
    charged_micros: int

    @property
    def key(self) -> str:
        """Names the occasion."""
        return f"lost:{self.call_id}"

    def raise_on(self, alerts: Alerts) -> None:
        """Tell of it."""
        alerts.raise_alert(AlertKind.LOST_CALL, self.key, call_id=self.call_id, charged_micros=self.charged_micros)


def lost_call_of(cdr: Cdr, *, close: bool) -> LostCall | None:
    """Return the call of a record whose end is a guess; None where nobody needs to know.

    That is so with emergency calls, and with a surplus leg, which costs nothing and is not the call's end.

    Args:
        cdr: The record.
        close: Whether its end is the call's.
    """
    if cdr.end_source is not EndSource.LAST_SEEN or cdr.answered_at is None:
        return None
    is_surplus = not (close or cdr.charged_micros or cdr.allowance_s)
    if is_surplus or cdr.destination_class is DestinationClass.EMERGENCY:
        return None
    return LostCall(cdr.call_id, cdr.node, cdr.charged_micros)


def with_alert(operation: Operation[T], lost: LostCall, at_ms: int) -> Operation[T]:
    """Return the operation that makes a lost call's charge final, and records the alert with it."""
    answer = yield from operation
    yield from record_alert(
        key=lost.key,
        node=lost.node,
        kind=AlertKind.LOST_CALL,
        call_id=lost.call_id,
        detail={"charged_micros": lost.charged_micros},
        at_ms=at_ms,
    )
    return answer
