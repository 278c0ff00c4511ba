"""Legs that never passed the gate while the service dies or AMI is away: each is found, and has exactly one record."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from ari_app.clock import utc_now
from charging.cdr import Cdr, Disposition, EndSource, HangupSide
from rating.destination import DestinationClass
from rating.plan import Plan
from store.alerts import AlertKind
from tests.e2e import sipp
from tests.e2e.cut_desks import MakeCutDesk, cut_desks
from tests.e2e.desk import Desk, assert_cut_within_paid, wait_until
from tests.e2e.line import Line
from tests.e2e.pbx import MARGIN
from tests.e2e.relay import Relay
from tests.e2e.test_restart import newest_report
from tollgate.office.instance import AsteriskInstance

MakeDesk = Callable[..., Desk]

GREENLAND = "299321212"
STRAIGHT = f"*90{GREENLAND}"
METER, ALERT, HANG_UP = (f'ungated_legs = "{value}"' for value in ("meter", "alert", "hang_up"))
SOON = timedelta(seconds=1.5)
"""A second, and what a busy machine may take."""
SAME = timedelta(milliseconds=400)
SECOND = timedelta(seconds=1)


def originate(desk: Desk, number: str) -> None:
    """Have a leg dialled behind which nobody is."""
    desk.pbx.cli(f"channel originate PJSIP/{number}@carrier1 extension 199@phones-internal")


def wait_marked(desk: Desk, count: int = 1) -> None:
    """Wait until a leg carries all that its record needs."""

    def marks() -> int:
        names = [line.partition("!")[0] for line in desk.channels() if "carrier1" in line]
        shown = [desk.pbx.cli(f"core show channel {name}") for name in names]
        return sum("TOLLGATE_ANSWERED=" in text for text in shown)

    wait_until(lambda: marks() >= count, "the leg is marked")


def one_record(desk: Desk, carrier: sipp.Sipp, source: EndSource) -> Cdr:
    """Return the only record, once it is there: from the leg's true answer to its true end."""
    [cdr] = desk.wait_cdrs(1)
    [answer] = carrier.seen("SIP/2.0 200", sent=True)[:1]
    [bye] = carrier.wait_seen("BYE")
    assert cdr.answered_at is not None
    assert abs(cdr.answered_at - answer.at) < SAME
    assert abs(cdr.ended_at - bye.at) < SAME
    assert (cdr.end_source, cdr.disposition, cdr.ungated) == (source, Disposition.ANSWERED, True)
    return cdr


# --- kill -9 of a service that follows a leg for nobody's account --------------------------------------------


@pytest.mark.parametrize("setting", [ALERT, HANG_UP])
def test_leg_of_nobody_that_ended_while_the_service_was_dead_has_one_record(make_desk: MakeDesk, setting: str) -> None:
    desk = make_desk(settings=setting)
    number = f"+{GREENLAND}" if setting == ALERT else "112"
    carrier = desk.carrier(sipp.answers(ring_ms=50, hangs_up_after_ms=4000))
    originate(desk, number)
    wait_marked(desk)
    desk.kill_service()
    carrier.wait_seen("BYE")
    wait_until(lambda: not desk.channels(), "its handler has run")
    desk.start_service()

    cdr = one_record(desk, carrier, EndSource.HANDLER)
    assert (cdr.account_id, cdr.extension, cdr.dialled) == (None, "", number)
    assert cdr.charged_micros == 0
    emergency = DestinationClass.EMERGENCY
    assert (cdr.destination_class is emergency) == (number == "112")
    desk.stop_service()
    desk.start_service()
    assert len(desk.cdrs()) == 1


@pytest.mark.parametrize("number", [f"+{GREENLAND}", "112"])
def test_leg_of_nobody_that_talks_while_the_service_dies_is_followed_to_its_end(
    make_desk: MakeDesk, number: str
) -> None:
    desk = make_desk(settings=ALERT)
    carrier = desk.carrier(sipp.answers(ring_ms=50))
    originate(desk, number)
    wait_marked(desk)
    desk.kill_service()
    desk.start_service()
    desk.pbx.cli("channel request hangup all")

    cdr = one_record(desk, carrier, EndSource.EVENT)
    assert (cdr.account_id, cdr.dialled) == (None, number)
    assert (cdr.destination_class is DestinationClass.EMERGENCY) == (number == "112")


def test_leg_of_nobody_is_hung_up_by_the_next_service_where_that_is_set(make_desk: MakeDesk) -> None:
    desk = make_desk(settings=ALERT)
    carrier = desk.carrier(sipp.answers(ring_ms=50))
    originate(desk, f"+{GREENLAND}")
    wait_marked(desk)
    desk.kill_service()
    text = desk.settings_file.read_text(encoding="utf-8")
    desk.settings_file.write_text(text.replace(ALERT, HANG_UP), encoding="utf-8")
    desk.start_service()

    cdr = one_record(desk, carrier, EndSource.EVENT)
    assert (cdr.hangup_side, cdr.account_id) == (HangupSide.TOLLGATE, None)


@pytest.mark.parametrize("number", [STRAIGHT, f"*91{GREENLAND}"])
def test_leg_that_was_answered_while_no_service_was_there_is_charged_from_its_true_answer(
    make_desk: MakeDesk, number: str
) -> None:
    desk = make_desk(settings=METER)
    desk.kill_service()
    carrier = desk.carrier(sipp.answers(ring_ms=50))
    phone = desk.phone(sipp.calls_until_cut(number))
    carrier.wait_seen("ACK")
    desk.start_service()
    wait_until(desk.sessions, "it is held for")
    report = newest_report(desk, "start", 2)
    assert (report["alive"], report["ended"], report["unknown"]) == (0, 0, 1)
    desk.pbx.cli("channel request hangup all")
    phone.wait()

    cdr = one_record(desk, carrier, EndSource.EVENT)
    assert (cdr.extension, cdr.unfunded_micros) == ("101", 0)
    assert cdr.charged_micros == 10_000 * cdr.billable_s


@pytest.mark.parametrize(("setting", "number"), [(ALERT, f"+{GREENLAND}"), (HANG_UP, "112"), (METER, STRAIGHT)])
def test_leg_that_rang_when_the_service_died_and_was_answered_and_ended_without_it_has_one_record(
    make_desk: MakeDesk, setting: str, number: str
) -> None:
    desk = make_desk(settings=setting)
    carrier = desk.carrier(sipp.answers(ring_ms=4500, hangs_up_after_ms=3500))
    if number == STRAIGHT:
        desk.phone(sipp.calls_until_cut(number))
    else:
        originate(desk, number)
    wait_until(lambda: desk.alerts(AlertKind.UNGATED_LEG), "it is told of")
    desk.kill_service()
    assert not carrier.seen("SIP/2.0 200", sent=True)
    carrier.wait_seen("BYE")
    wait_until(lambda: not desk.channels(), "its handler has run")
    desk.start_service()

    cdr = one_record(desk, carrier, EndSource.HANDLER)
    assert cdr.charged_micros == (40_000 if setting == METER else 0)
    assert cdr.extension == ("101" if setting == METER else "")


FOUR_SECONDS = "first_slice_s = 4\nring_limit_s = 20"


def test_metered_leg_that_is_answered_when_no_service_is_there_talks_no_longer_than_its_hold(
    make_desk: MakeDesk,
) -> None:
    desk = make_desk(settings=METER, metering=FOUR_SECONDS)
    carrier = desk.carrier(sipp.answers(ring_ms=2500))
    desk.phone(sipp.calls_until_cut(STRAIGHT))
    wait_until(lambda: desk.alerts(AlertKind.UNGATED_LEG), "it is told of")
    desk.kill_service()
    assert not carrier.seen("SIP/2.0 200", sent=True)
    [bye] = carrier.wait_seen("BYE", limit_s=30)
    [answer] = carrier.seen("SIP/2.0 200", sent=True)[:1]
    assert bye.at - answer.at < timedelta(seconds=4), "it talked past its hold"
    wait_until(lambda: not desk.channels(), "its handler has run")
    desk.start_service()

    cdr = one_record(desk, carrier, EndSource.HANDLER)
    assert cdr.answered_at is not None
    assert (cdr.charged_micros, cdr.unfunded_micros) == (10_000 * -(-(cdr.ended_at - cdr.answered_at) // SECOND), 0)


def test_metered_leg_that_rings_on_when_no_service_is_there_is_ended_when_its_hold_is_over(
    make_desk: MakeDesk,
) -> None:
    desk = make_desk(settings=METER, metering=FOUR_SECONDS)
    carrier = desk.carrier(sipp.rings_for_ever())
    desk.phone(sipp.calls_or_is_refused(STRAIGHT, 20_000))
    wait_until(lambda: desk.alerts(AlertKind.UNGATED_LEG), "it is told of")
    desk.kill_service()
    killed_at = utc_now()
    [cancel] = carrier.wait_seen("CANCEL", limit_s=30)
    assert cancel.at - killed_at < timedelta(seconds=4)


@pytest.mark.parametrize("is_restarted", [False, True])
def test_metered_leg_that_rings_longer_than_its_hold_is_ended_by_the_paid_end_alone(
    make_desk: MakeDesk, is_restarted: bool
) -> None:
    desk = make_desk(funds="0.06", settings=METER, metering=f"{FOUR_SECONDS}\n{MARGIN}")
    desk.carrier(sipp.answers(ring_ms=11_000))
    phone = desk.phone(sipp.calls_until_cut(STRAIGHT))
    wait_until(lambda: desk.alerts(AlertKind.UNGATED_LEG), "it is told of")
    if is_restarted:
        desk.kill_service()
        desk.start_service()
    phone.wait()

    [cdr] = desk.wait_cdrs(1)
    assert_cut_within_paid(cdr, 6)
    assert (cdr.charged_micros, cdr.ungated) == (60_000, True)


def test_metered_leg_that_nobody_answers_is_ended_at_its_ring_limit(make_desk: MakeDesk) -> None:
    desk = make_desk(settings=METER, metering="first_slice_s = 3\nring_limit_s = 2")
    carrier = desk.carrier(sipp.rings_for_ever())
    desk.phone(sipp.calls_or_is_refused(STRAIGHT, 20_000))

    [invite], [cancel] = carrier.wait_seen("INVITE"), carrier.wait_seen("CANCEL")
    assert timedelta(seconds=6.5) < cancel.at - invite.at < timedelta(seconds=10), "two seconds and the grace"
    [cdr] = desk.wait_cdrs(1)
    assert (cdr.answered_at, cdr.charged_micros, cdr.unfunded_micros) == (None, 0, 0)


@pytest.mark.parametrize("setting", [ALERT, METER])
def test_leg_that_rang_when_the_service_died_and_was_never_answered_has_no_charge(
    make_desk: MakeDesk, setting: str
) -> None:
    desk = make_desk(settings=setting)
    desk.carrier(sipp.rings_for_ever())
    desk.phone(sipp.calls_and_cancels(STRAIGHT, 6000))
    wait_until(lambda: desk.alerts(AlertKind.UNGATED_LEG), "it is told of")
    desk.kill_service()
    wait_until(lambda: not desk.channels(), "it is over")
    desk.start_service()

    cdrs = desk.wait_cdrs(1) if setting == METER else desk.cdrs()
    assert all((cdr.answered_at, cdr.charged_micros, cdr.unfunded_micros) == (None, 0, 0) for cdr in cdrs)
    assert "leg_record_damaged" not in desk.log()


# --- AMI is away ---------------------------------------------------------------------------------------------


@pytest.fixture
def cut_desk(tmp_path: Path, line: Line, pbx: AsteriskInstance, plan: Plan) -> Iterator[MakeCutDesk]:
    """Make a desk one of whose lines to Asterisk, ``http`` or ``ami``, goes through a relay."""
    with cut_desks(tmp_path, line, pbx, plan) as make:
        yield make


def cut(desk: Desk, relay: Relay) -> None:
    """Cut the line to AMI, and wait until the service knows."""
    relay.cut()
    wait_until(lambda: "ami_lost" in desk.log(), "AMI is lost")


@pytest.mark.parametrize(("setting", "rule"), [(HANG_UP, "never passed the gate"), (METER, "AMI is not connected")])
def test_leg_around_the_gate_is_hung_up_within_a_second_while_ami_is_away(
    cut_desk: MakeCutDesk, setting: str, rule: str
) -> None:
    desk, relay = cut_desk("ami", more=setting)
    cut(desk, relay)
    carrier = desk.carrier(sipp.answers(ring_ms=100))
    desk.phone(sipp.calls_until_cut(STRAIGHT)).wait()

    [invite], [bye] = carrier.seen("INVITE"), carrier.wait_seen("BYE")
    assert bye.at - invite.at < SOON
    [cdr] = desk.wait_cdrs(1)
    assert (cdr.ungated, cdr.extension, cdr.hangup_side) == (True, "101", HangupSide.TOLLGATE)
    assert rule in (cdr.deny_rule or "")
    [alert] = desk.alerts(AlertKind.UNGATED_LEG)
    assert alert.detail["extension"] == "101"


def test_leg_of_nobody_found_while_ami_was_away_is_marked_when_it_is_back(
    cut_desk: MakeCutDesk,
) -> None:
    desk, relay = cut_desk("ami", more=ALERT)
    cut(desk, relay)
    carrier = desk.carrier(sipp.answers(ring_ms=50, hangs_up_after_ms=12_000))
    originate(desk, f"+{GREENLAND}")
    wait_until(lambda: desk.alerts(AlertKind.UNGATED_LEG), "it is told of")
    relay.mend()
    wait_marked(desk)
    desk.kill_service()
    carrier.wait_seen("BYE")
    wait_until(lambda: not desk.channels(), "its handler has run")
    desk.start_service()

    one_record(desk, carrier, EndSource.HANDLER)
