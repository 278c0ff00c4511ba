"""Legs that began and ended around the gate while nobody looked: each that was answered has exactly one record."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from charging.cdr import Cdr, Disposition, EndSource
from dialplan.contract import AROUND_RECORDS_FAMILY
from rating.destination import DestinationClass
from rating.plan import Plan
from store.alerts import AlertKind
from tests.e2e import sipp
from tests.e2e.cut_desks import MakeCutDesk, cut_desks
from tests.e2e.desk import Desk, wait_until
from tests.e2e.line import Line
from tests.e2e.office import INCLUDED
from tollgate.office.instance import AsteriskInstance

MakeDesk = Callable[..., Desk]

GREENLAND = "299321212"
STRAIGHT, THROUGH_LOCAL, AS_IT_IS = "*90", "*91", "*92"
METER, ALERT, HANG_UP = (f'ungated_legs = "{value}"' for value in ("meter", "alert", "hang_up"))
SAME = timedelta(milliseconds=400)
SECOND = timedelta(seconds=1)


def unseen(desk: Desk) -> None:
    """Wait until all is over, and have a service come that saw none of it."""
    wait_until(lambda: not desk.channels(), "all is over")
    desk.start_service()


def one_record(desk: Desk, carrier: sipp.Sipp) -> Cdr:
    """Return the only record, also for a later service: from the leg's true answer to its true end."""
    desk.wait_cdrs(1)
    desk.stop_service()
    desk.start_service()
    [cdr] = desk.cdrs()
    [answer], [bye] = carrier.seen("SIP/2.0 200", sent=True)[:1], carrier.seen("BYE")[:1]
    assert cdr.answered_at is not None
    assert abs(cdr.answered_at - answer.at) < SAME
    assert abs(cdr.ended_at - bye.at) < SAME
    assert (cdr.end_source, cdr.disposition) == (EndSource.HANDLER, Disposition.ANSWERED)
    return cdr


def price(cdr: Cdr) -> int:
    """Return what the leg cost in Greenland, a begun second whole."""
    assert cdr.answered_at is not None
    return 10_000 * -(-(cdr.ended_at - cdr.answered_at) // SECOND)


def records(desk: Desk) -> int:
    """Return how many legs left word that they had gone by the gate."""
    shown = desk.pbx.cli(f"database show {AROUND_RECORDS_FAMILY}")
    return sum(line.startswith(f"/{AROUND_RECORDS_FAMILY}/") for line in shown.splitlines())


# --- one record ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("setting", [METER, HANG_UP, ALERT])
def test_leg_around_the_gate_that_nobody_saw_has_one_record_and_its_price_is_unfunded(
    make_desk: MakeDesk, setting: str
) -> None:
    desk = make_desk(settings=setting)
    desk.kill_service()
    carrier = desk.carrier(sipp.answers(ring_ms=300))
    desk.phone(sipp.calls(f"{STRAIGHT}{GREENLAND}", 2200)).wait()
    unseen(desk)

    cdr = one_record(desk, carrier)
    assert (cdr.ungated, cdr.extension, cdr.e164, cdr.trunk) == (True, "101", f"+{GREENLAND}", "carrier1")
    assert (cdr.charged_micros, cdr.unfunded_micros) == (0, price(cdr))
    assert (cdr.hangup_side, cdr.deny_rule) == (None, None), "nobody hung it up"
    [alert] = desk.alerts(AlertKind.UNGATED_LEG)
    assert (alert.call_id, alert.detail["trunk"], alert.detail["extension"]) == (cdr.call_id, "carrier1", "101")
    assert (alert.detail["number"], str(alert.detail["done"]).partition(":")[0]) == ("+29932…", "followed")


def test_leg_through_a_local_channel_that_nobody_saw_has_one_record(desk: Desk) -> None:
    desk.stop_service()
    carrier = desk.carrier(sipp.answers(ring_ms=300))
    desk.phone(sipp.calls(f"{THROUGH_LOCAL}{GREENLAND}", 1500)).wait()
    unseen(desk)

    cdr = one_record(desk, carrier)
    assert (cdr.ungated, cdr.e164, cdr.charged_micros) == (True, f"+{GREENLAND}", 0)


@pytest.mark.parametrize("target", ["{number}@carrier1", "carrier1/sip:{number}@{host}"])
@pytest.mark.parametrize("number", [f"+{GREENLAND}", "112"])
def test_originated_leg_that_nobody_saw_has_one_record(desk: Desk, number: str, target: str) -> None:
    desk.stop_service()
    carrier = desk.carrier(sipp.answers(ring_ms=50, hangs_up_after_ms=1200))
    dial = target.format(number=number, host=desk.line.carrier("carrier1").host)
    desk.pbx.cli(f"channel originate PJSIP/{dial} extension 199@phones-internal")
    carrier.wait_seen("BYE")
    unseen(desk)

    cdr = one_record(desk, carrier)
    assert (cdr.ungated, cdr.account_id, cdr.dialled) == (True, None, number)
    assert (cdr.destination_class is DestinationClass.EMERGENCY) == (number == "112")


@pytest.mark.parametrize("digits", ["112", "33112"])
def test_emergency_leg_around_the_gate_that_nobody_saw_is_written_down_as_such(desk: Desk, digits: str) -> None:
    desk.stop_service()
    carrier = desk.carrier(sipp.answers(ring_ms=50, hangs_up_after_ms=1200))
    desk.phone(sipp.calls_until_cut(f"{AS_IT_IS}{digits}")).wait()
    unseen(desk)

    cdr = one_record(desk, carrier)
    assert cdr.destination_class is DestinationClass.EMERGENCY
    assert (cdr.charged_micros, cdr.unfunded_micros) == (0, 0)


def test_leg_of_an_outside_party_who_was_transferred_around_the_gate_has_one_record(desk: Desk) -> None:
    desk.stop_service()
    carrier = desk.carrier(sipp.answers(ring_ms=50, hangs_up_after_ms=2000), name="carrier1")
    desk.answering_phone(sipp.answers_and_transfers(f"{STRAIGHT}{GREENLAND}", 300), extension="103")
    desk.outsider(sipp.calls_until_cut("0145678901"), name="carrier2").wait()
    unseen(desk)

    cdr = one_record(desk, carrier)
    assert (cdr.ungated, cdr.e164, cdr.charged_micros) == (True, f"+{GREENLAND}", 0)
    assert (cdr.extension, cdr.unfunded_micros) in {("103", price(cdr)), ("", 0)}, "they may have left before their leg"


def test_leg_that_could_not_be_marked_while_ami_was_away_has_one_record_though_the_service_dies(
    cut_desk: MakeCutDesk,
) -> None:
    desk, relay = cut_desk("ami", more=ALERT)
    relay.cut()
    wait_until(lambda: "ami_lost" in desk.log(), "AMI is lost")
    carrier = desk.carrier(sipp.answers(ring_ms=50))
    desk.phone(sipp.calls(f"{STRAIGHT}{GREENLAND}", 4000))
    wait_until(lambda: desk.alerts(AlertKind.UNGATED_LEG), "it is told of")
    desk.kill_service()
    carrier.wait_seen("BYE")
    relay.mend()
    unseen(desk)

    cdr = one_record(desk, carrier)
    assert (cdr.ungated, cdr.extension, cdr.unfunded_micros) == (True, "101", price(cdr))
    assert len(desk.alerts(AlertKind.UNGATED_LEG)) == 1


@pytest.mark.parametrize(("kind", "number"), [("ungated", f"+{GREENLAND}"), ("emergency", "112")])
def test_leg_whose_service_died_between_its_mark_and_its_handler_has_one_record(
    desk: Desk, kind: str, number: str
) -> None:
    desk.stop_service()
    carrier = desk.carrier(sipp.answers(ring_ms=50, hangs_up_after_ms=2500))
    desk.pbx.cli(f"channel originate PJSIP/{number}@carrier1 extension 199@phones-internal")
    [name, *_, channel_id] = wait_until(lambda: [text.split("!") for text in desk.channels()], "it is there")[0]
    desk.pbx.cli(f"dialplan set chanvar {name} TOLLGATE_CALL {kind}|e2e/ungated-{channel_id}||{number}")
    carrier.wait_seen("BYE")
    unseen(desk)

    cdr = one_record(desk, carrier)
    assert (cdr.call_id, cdr.dialled) == (f"e2e/ungated-{channel_id}", number)
    assert (cdr.destination_class is DestinationClass.EMERGENCY) == (kind == "emergency")


def test_leg_without_asterisks_cdrs_has_one_record_from_when_it_ended(desk: Desk) -> None:
    desk.stop_service()
    desk.pbx.write_files({"cdr.conf": "[general]\nenable = no\n"})
    desk.pbx.cli("module reload cdr")
    try:
        carrier = desk.carrier(sipp.answers(ring_ms=50))
        desk.phone(sipp.calls(f"{STRAIGHT}{GREENLAND}", 1200)).wait()
        wait_until(lambda: not desk.channels(), "all is over")
    finally:
        desk.pbx.write_files({"cdr.conf": "[general]\nenable = yes\n"})
        desk.pbx.cli("module reload cdr")
    desk.start_service()

    [cdr] = desk.wait_cdrs(1)
    assert abs(cdr.ended_at - carrier.seen("BYE")[0].at) < SAME
    assert (cdr.ungated, cdr.answered_at, cdr.unfunded_micros) == (True, cdr.ended_at, 10_000)


# --- none ----------------------------------------------------------------------------------------------------


def test_leg_that_nobody_answered_leaves_nothing(desk: Desk) -> None:
    desk.stop_service()
    desk.carrier(sipp.rings_for_ever())
    desk.phone(sipp.calls_and_cancels(f"{STRAIGHT}{GREENLAND}", 700)).wait()
    unseen(desk)

    assert (records(desk), desk.cdrs(), desk.alerts(AlertKind.UNGATED_LEG)) == (0, [], [])


def test_calls_of_the_dialplan_and_inbound_calls_leave_nothing_of_legs_around_the_gate(desk: Desk) -> None:
    desk.stop_service()
    desk.carrier(sipp.answers(ring_ms=50), name="carrier1")
    desk.answering_phone(sipp.answers(ring_ms=50), extension="103")
    phones = [
        desk.phone(sipp.calls(INCLUDED, 1500)),
        desk.phone(sipp.calls("112", 1500), extension="102"),
        desk.outsider(sipp.calls("0145678901", 1500), name="carrier2"),
    ]
    for phone in phones:
        phone.wait()
    unseen(desk)

    assert records(desk) == 0
    assert [cdr.ungated for cdr in desk.wait_cdrs(2)] == [False, False]
    assert desk.alerts(AlertKind.UNGATED_LEG) == []


@pytest.mark.parametrize("setting", [METER, HANG_UP, ALERT])
def test_leg_that_a_service_saw_has_the_record_of_that_service_alone(make_desk: MakeDesk, setting: str) -> None:
    desk = make_desk(settings=setting)
    desk.carrier(sipp.answers(ring_ms=300, hangs_up_after_ms=1500))
    desk.phone(sipp.calls_until_cut(f"{STRAIGHT}{GREENLAND}")).wait()
    before = desk.wait_cdrs(1)
    desk.stop_service()
    unseen(desk)

    assert desk.cdrs() == before
    assert (before[0].end_source, len(desk.alerts(AlertKind.UNGATED_LEG))) == (EndSource.EVENT, 1)


@pytest.fixture
def cut_desk(tmp_path: Path, line: Line, pbx: AsteriskInstance, plan: Plan) -> Iterator[MakeCutDesk]:
    """Make a desk one of whose lines to Asterisk, ``http`` or ``ami``, goes through a relay."""
    with cut_desks(tmp_path, line, pbx, plan) as make:
        yield make
