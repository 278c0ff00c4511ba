"""The service is replaced while fifty calls talk and ten ring: none is dropped, none is unbilled."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from charging.cdr import Disposition, EndSource
from tests.e2e import sipp
from tests.e2e.desk import Desk, wait_until
from tests.e2e.office import SECOND_PRICED

MakeDesk = Callable[..., Desk]

METERING = "first_slice_s = 20\nslice_s = 20\nleast_slice_s = 2\nrenew_lead_s = 8"
"""A call lasts 20 s by what its first service held: one that talks longer was renewed by the second."""
TALKING, RINGING = 50, 10
TALK_S, LATER_TALK_S, RING_S = 24, 22, 4
FUNDS_MICROS = 100_000_000
NEAR = timedelta(seconds=1)


@pytest.mark.parametrize("is_killed", [False, True], ids=["stopped", "killed"])
def test_upgrade_under_fifty_live_calls_drops_none_and_charges_each_exactly(
    make_desk: MakeDesk, *, is_killed: bool
) -> None:
    desk = make_desk(funds="100.00", metering=METERING)
    carrier = desk.carrier(sipp.answers(ring_ms=RING_S * 1000))
    talking = desk.phone(sipp.calls(SECOND_PRICED, TALK_S * 1000), calls=TALKING, rate=25)
    wait_until(lambda: desk.log().count('"event_type": "LegAnswered"') == TALKING, "all talk")
    ringing = desk.phone(sipp.calls(SECOND_PRICED, LATER_TALK_S * 1000), extension="102", calls=RINGING)
    carrier.wait_seen("INVITE", TALKING + RINGING)

    (desk.kill_service if is_killed else desk.stop_service)()
    assert len(desk.sessions()) == TALKING + RINGING
    assert all(session.held_micros for session in desk.sessions())
    desk.start_service()
    talking.wait()
    ringing.wait()

    cdrs = desk.wait_cdrs(TALKING + RINGING)
    assert len(cdrs) == TALKING + RINGING == len({cdr.call_id for cdr in cdrs})
    for cdr in cdrs:
        assert (cdr.disposition, cdr.end_source) == (Disposition.ANSWERED, EndSource.EVENT)
        assert cdr.answered_at is not None
        talked = cdr.ended_at - cdr.answered_at
        asked_s = TALK_S if cdr.extension == "101" else LATER_TALK_S
        assert abs(talked - timedelta(seconds=asked_s)) < NEAR
        assert cdr.billable_s == -(-talked // timedelta(seconds=1))
        assert (cdr.charged_micros, cdr.unfunded_micros) == (cdr.billable_s * 10_000, 0)
    wait_until(lambda: not desk.sessions(), "every session is closed")
    account = desk.account()
    assert account.reserved_micros == 0
    assert account.available_micros == FUNDS_MICROS - sum(cdr.charged_micros for cdr in cdrs)
