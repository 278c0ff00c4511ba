"""Calls that went on or ended while the service was away, or a line of it was cut: with the real Asterisk."""

import asyncio
import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from charging.cdr import Cdr, EndSource
from rating.plan import Plan
from tests.e2e import sipp
from tests.e2e.cut_desks import MakeCutDesk, cut_desks
from tests.e2e.desk import Desk, wait_until
from tests.e2e.line import Line, own_line
from tests.e2e.office import SECOND_PRICED, fill_store
from tests.e2e.pbx import MARGIN, running_pbx, settings_text
from tollgate.office.instance import AsteriskInstance

MakeDesk = Callable[..., Desk]
LONG_SLICES = f"first_slice_s = 30\nslice_s = 10\nleast_slice_s = 1\nrenew_lead_s = 5\n{MARGIN}"
SAME_END = timedelta(milliseconds=500)
"""Asterisk's own moments of one end lie within milliseconds; a machine that stands still puts more between them."""


def talking(desk: Desk, count: int) -> list[Any]:
    """Return the sessions that are answered, once there are so many."""

    def answered() -> list[Any]:
        found = [session for session in desk.sessions() if session.paid_until_ms]
        return found if len(found) == count else []

    return list(wait_until(answered, f"{count} calls talk"))


def newest_report(desk: Desk, cause: str, count: int = 1) -> dict[str, Any]:
    """Return the newest report of this cause, once there are so many."""

    def found() -> dict[str, Any] | None:
        listed = json.loads(desk.tollgate("reconciliations", "--json").stdout)["reconciliations"]
        of_cause = [each for each in listed if each["cause"] == cause]
        return of_cause[0] if len(of_cause) >= count else None

    return dict(wait_until(found, f"{count} reports of {cause}"))


def doctors(desk: Desk, name: str) -> dict[str, Any]:
    """Return doctor's line."""
    [check] = [each for each in json.loads(desk.tollgate("doctor", "--json").stdout)["checks"] if each["name"] == name]
    return dict(check)


def wait_idle(desk: Desk, channels: int) -> None:
    wait_until(lambda: len(desk.channels()) == channels, f"{channels} channels are left")


def assert_settled(cdr: Cdr, source: EndSource, carrier: sipp.Sipp) -> None:
    """Assert that a call ended when its carrier heard of it, and is charged for just that."""
    bye = carrier.seen("BYE", sent=False)[0]
    assert cdr.answered_at is not None
    assert cdr.end_source is source
    assert abs(cdr.ended_at - bye.at) < SAME_END
    assert_charged_for_its_seconds(cdr)


def assert_charged_for_its_seconds(cdr: Cdr) -> None:
    assert cdr.answered_at is not None
    talked = cdr.ended_at - cdr.answered_at
    assert cdr.billable_s == -(-talked // timedelta(seconds=1))
    assert cdr.charged_micros == cdr.billable_s * 10_000


def of(extension: str, desk: Desk) -> Cdr:
    """Return the extension's record, once it is there."""
    found: list[Cdr] = wait_until(
        lambda: [cdr for cdr in desk.cdrs() if cdr.extension == extension], f"a record of {extension}"
    )
    assert len(found) == 1
    return found[0]


def assert_goes_on(desk: Desk, phone: sipp.Sipp) -> None:
    """Assert that 101's call lives, and that its end is heard of as if nothing had been."""
    assert len(desk.channels()) == 2
    desk.pbx.cli("channel request hangup all")
    phone.wait()
    cdr = of("101", desk)
    assert cdr.end_source is EndSource.EVENT, "the events of its channels come again"
    assert_charged_for_its_seconds(cdr)


def test_calls_that_ended_while_the_service_was_stopped_end_when_they_did_and_the_others_go_on(
    make_desk: MakeDesk,
) -> None:
    desk = make_desk(metering=LONG_SLICES)
    carrier = desk.carrier(sipp.answers(ring_ms=50))
    goes_on = desk.phone(sipp.calls_until_cut(SECOND_PRICED))
    ends = desk.phone(sipp.calls(SECOND_PRICED, 3_000), extension="102")
    talking(desk, 2)
    desk.stop_service()
    ends.wait()
    wait_idle(desk, 2)
    desk.start_service()
    ended = of("102", desk)
    assert_settled(ended, EndSource.HANDLER, carrier)

    report = newest_report(desk, "start", 2)
    assert (report["alive"], report["ended"], report["unknown"], report["node"]) == (1, 1, 0, "e2e")
    charged = f"{ended.charged_micros / 1_000_000:.2f}"
    released = f"{(300_000 - ended.charged_micros) / 1_000_000:.2f}"
    assert report["money"] == [
        {"account": "main", "currency": "EUR", "charged": charged, "released": released, "refunded": "0.00"}
    ]
    check = doctors(desk, "reconciliation")
    assert check["status"] == "OK"
    assert f"1 alive, 1 ended, 0 unknown; main: charged {charged}" in check["detail"]
    assert_goes_on(desk, goes_on)
    assert desk.account().reserved_micros == 0


@pytest.fixture
def cut_desk(tmp_path: Path, line: Line, pbx: AsteriskInstance, plan: Plan) -> Iterator[MakeCutDesk]:
    """Make a desk one of whose lines to Asterisk, ``http`` or ``ami``, goes through a relay."""
    with cut_desks(tmp_path, line, pbx, plan) as make:
        yield make


def test_ami_that_is_cut_alone_cuts_no_call_and_its_deadline_is_extended_once_it_is_back(
    cut_desk: MakeCutDesk,
) -> None:
    desk, relay = cut_desk(
        "ami", metering=f"first_slice_s = 12\nslice_s = 6\nleast_slice_s = 1\nrenew_lead_s = 6\n{MARGIN}"
    )
    desk.carrier(sipp.answers(ring_ms=50))
    phone = desk.phone(sipp.calls_until_cut(SECOND_PRICED))
    talking(desk, 1)
    wait_until(lambda: is_verified(desk), "the deadline was read back")
    relay.cut()
    wait_until(lambda: desk.sessions()[0].slice_n > 1, "the call was renewed")
    relay.mend()
    report = newest_report(desk, "ami_reconnect")
    assert (report["alive"], report["ended"], report["unknown"], report["money"]) == (1, 0, 0, [])
    wait_until(lambda: desk.sessions()[0].slice_n > 2, "the call lives past the slice that it had when AMI was cut")
    assert_goes_on(desk, phone)


def test_ari_that_is_cut_ends_no_call_and_what_ended_meanwhile_is_settled_by_its_record(
    cut_desk: MakeCutDesk,
) -> None:
    desk, relay = cut_desk("http", metering=LONG_SLICES)
    carrier = desk.carrier(sipp.answers(ring_ms=50))
    goes_on = desk.phone(sipp.calls_until_cut(SECOND_PRICED))
    ends = desk.phone(sipp.calls(SECOND_PRICED, 2_000), extension="102")
    talking(desk, 2)
    relay.cut()
    ends.wait()
    wait_idle(desk, 2)
    relay.mend()
    report = newest_report(desk, "ari_reconnect")
    assert (report["alive"], report["ended"], report["unknown"]) == (1, 1, 0)
    assert_settled(of("102", desk), EndSource.HANDLER, carrier)
    assert_goes_on(desk, goes_on)


def is_verified(desk: Desk) -> bool:
    """Return whether the call's deadline has been verified."""
    events = [entry for entry in desk.log_entries() if entry["event"] == "call_event"]
    return any(entry["event_type"] == "DeadlineArmed" for entry in events)


@pytest.fixture
def with_cdrs(tmp_path: Path, plan: Plan, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    """A desk of its own whose settings name the file of Asterisk's CDRs."""
    cdr_file = tmp_path / "asterisk" / "log" / "cdr-custom" / "tollgate.csv"
    monkeypatch.setenv("TOLLGATE_ASTERISK__CDR_FILE", str(cdr_file))
    with own_line() as line, running_pbx(line, plan, tmp_path) as instance:
        url, settings_file = f"sqlite:///{tmp_path / 'tollgate.db'}", tmp_path / "tollgate.toml"
        settings_file.write_text(settings_text(line, url, LONG_SLICES), encoding="utf-8")
        asyncio.run(fill_store(url, plan, "10.00"))
        desk = Desk(tmp_path, line, instance, settings_file, url)
        desk.start_service()
        yield desk
        desk.close()


def test_call_whose_record_is_lost_ends_when_asterisks_own_cdr_says(with_cdrs: Desk) -> None:
    desk = with_cdrs
    assert doctors(desk, "CDR file")["status"] == "WARN"
    carrier = desk.carrier(sipp.answers(ring_ms=50))
    phone = desk.phone(sipp.calls(SECOND_PRICED, 3_000))
    talking(desk, 1)
    desk.kill_service()
    phone.wait()
    wait_idle(desk, 0)
    desk.pbx.cli("database deltree tollgate-legs")
    desk.start_service()

    [cdr] = desk.wait_cdrs(1)
    assert_settled(cdr, EndSource.ASTERISK_CDR, carrier)
    check = doctors(desk, "CDR file")
    assert check["status"] == "OK"
    assert "1 answered leg" in check["detail"]
    assert newest_report(desk, "start", 2)["ended"] == 1


def test_call_of_which_nothing_is_left_is_charged_what_it_held_and_alerted(make_desk: MakeDesk) -> None:
    desk = make_desk(metering=LONG_SLICES)
    desk.carrier(sipp.answers(ring_ms=50))
    phone = desk.phone(sipp.calls(SECOND_PRICED, 1_000))
    talking(desk, 1)
    desk.kill_service()
    phone.wait()
    wait_idle(desk, 0)
    desk.pbx.cli("database deltree tollgate-legs")
    desk.start_service()

    [cdr] = desk.wait_cdrs(1)
    assert cdr.end_source is EndSource.LAST_SEEN
    report = newest_report(desk, "start", 2)
    assert (report["alive"], report["ended"], report["unknown"]) == (0, 1, 0)
    assert report["money"][0]["charged"] == f"{cdr.charged_micros / 1_000_000:.2f}"
    [alert] = wait_until(
        lambda: json.loads(desk.tollgate("alerts", "--json").stdout)["alerts"], "nobody knows when it ended"
    )
    assert (alert["kind"], alert["call_id"]) == ("lost_call", cdr.call_id)
    assert doctors(desk, "alerts")["status"] == "WARN"
