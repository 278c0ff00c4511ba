"""One caller of each kind, while the store is away: what becomes of their calls, and of their records afterwards."""

from charging.cdr import Disposition
from rating.decision import DenyReason
from tests.chaos.conftest import ChaosDesk
from tests.e2e import sipp
from tests.e2e.office import INCLUDED, SECOND_PRICED


def check_paid_refused_others_ring(desk: ChaosDesk) -> None:
    """Have one caller of each kind call while the store is away; see that only the paid call is refused."""
    paid = desk.phone(sipp.calls_and_is_refused(SECOND_PRICED, 503), extension="102")
    emergency = desk.phone(sipp.calls("112", 300), extension="103")
    included = desk.phone(sipp.calls(INCLUDED, 300), extension="104")
    for phone in (emergency, paid, included):
        phone.wait()


def check_their_records(desk: ChaosDesk, of_all: int = 3) -> None:
    """Check the records of these three, once those of all calls are there."""
    records = {(cdr.dialled, cdr.extension): cdr for cdr in desk.wait_cdrs(of_all)}
    assert records[SECOND_PRICED, "102"].deny_reason is DenyReason.STORE_DOWN
    assert records["112", "103"].disposition is Disposition.ANSWERED
    assert records[INCLUDED, "104"].disposition is Disposition.ANSWERED
