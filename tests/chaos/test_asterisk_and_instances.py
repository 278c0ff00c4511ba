"""Asterisk dies while calls talk; the service hangs; two services take one application."""

import asyncio
from datetime import timedelta

import aiohttp

from ari_app.clock import utc_now
from charging.cdr import Disposition, EndSource
from rating.decision import DenyReason
from rating.destination import DestinationClass
from tests import processes
from tests.chaos.conftest import NEAR, ChaosDesk, check_books, check_record, check_refused_in_3_s, talks_of
from tests.e2e import sipp
from tests.e2e.office import SECOND_PRICED


def test_asterisk_killed_while_a_call_talks_charges_it_no_longer_than_asterisk_lived(desk: ChaosDesk) -> None:
    carrier = desk.carrier(sipp.answers())
    phone = desk.phone(sipp.calls_until_cut(SECOND_PRICED))
    desk.wait_answer_saved()
    [answer] = carrier.seen("SIP/2.0 200", sent=True)
    desk.pbx.kill()
    killed_at = utc_now()
    phone.stop()
    carrier.stop()
    desk.pbx.start()
    started_at = utc_now()
    desk.wait_logged("service_ready", 2)
    desk.wait_logged("ami_connected", 2)

    [cdr] = desk.wait_cdrs(1)
    assert cdr.answered_at is not None
    assert abs(cdr.answered_at - answer.at) < NEAR
    assert cdr.end_source is EndSource.LAST_SEEN
    # No leg outlives its Asterisk, which says in whole seconds when it was started.
    assert killed_at - timedelta(seconds=1) - NEAR <= cdr.ended_at <= started_at + NEAR
    assert (cdr.charged_micros, cdr.unfunded_micros) == (cdr.billable_s * 10_000, 0)
    after = desk.carrier(sipp.answers())
    desk.phone(sipp.calls(SECOND_PRICED, 1_300)).wait()
    check_record(desk.wait_cdrs(2)[1], talks_of(after)[0], EndSource.EVENT)
    check_books(desk)


def test_service_hung_refuses_after_three_seconds_and_emergencies_ring_at_once(desk: ChaosDesk) -> None:
    carrier = desk.carrier(sipp.answers())
    desk.freeze_service()
    try:
        paid = desk.phone(sipp.calls_and_is_refused(SECOND_PRICED, 503))
        emergency = desk.phone(sipp.calls("112", 300), extension="102")
        emergency.wait()
        paid.wait()
    finally:
        desk.thaw_service()

    check_refused_in_3_s(paid)
    [rang] = carrier.seen("INVITE")
    [dialled] = emergency.seen("INVITE", sent=True)
    assert rang.at - dialled.at < timedelta(milliseconds=500)
    cdrs = {cdr.dialled: cdr for cdr in desk.wait_cdrs(2)}
    late = cdrs[SECOND_PRICED]
    assert (late.disposition, late.deny_reason, late.charged_micros) == (Disposition.REFUSED, DenyReason.GATE_LATE, 0)
    assert cdrs["112"].destination_class is DestinationClass.EMERGENCY
    check_books(desk)


def test_second_service_of_the_same_store_gives_way_and_the_first_goes_on(desk: ChaosDesk) -> None:
    second = desk.tollgate("serve")
    assert second.returncode == 1
    assert "already" in second.stderr
    carrier = desk.carrier(sipp.answers(ring_ms=50))
    desk.phone(sipp.calls(SECOND_PRICED, 500)).wait()
    check_record(desk.wait_cdrs(1)[0], talks_of(carrier)[0], EndSource.EVENT)


def test_application_taken_over_by_another_stops_the_first_cleanly_and_its_call_ends_with_its_hold(
    desk: ChaosDesk,
) -> None:
    carrier = desk.carrier(sipp.answers())
    phone = desk.phone(sipp.calls_until_cut(SECOND_PRICED))
    desk.wait_answer_saved()
    service = desk.service
    assert service is not None
    asyncio.run(_take_application(desk, service))
    assert service.poll() == 1
    assert "Traceback" not in desk.log()
    assert "another instance registered the same ARI application" in desk.log()
    desk.service = None
    phone.wait()
    desk.start_service()
    [cdr] = desk.wait_cdrs(1)
    check_record(cdr, talks_of(carrier)[0], EndSource.HANDLER)
    check_books(desk)


async def _take_application(desk: ChaosDesk, service: processes.Running) -> None:
    """Register the service's application, as another instance would, until the service has ended."""
    url = f"http://127.0.0.1:{desk.line.ports.http}/ari/events?app=tollgate"
    credentials = aiohttp.encode_basic_auth("tollgate", "ari-secret")
    async with (
        aiohttp.ClientSession(headers={"Authorization": credentials}) as http,
        http.ws_connect(url),
    ):
        await asyncio.to_thread(service.wait, 15)
