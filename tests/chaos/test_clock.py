"""The machine's clock is set by an hour while a call talks: the service's and Asterisk's, at the same moment.

Asterisk runs under libfaketime, which reads from a file by how much its clock is off; the service's clock reads the
same file. The phones and carriers keep the true time.
"""

import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from charging.cdr import EndSource
from rating.plan import Plan
from store.alerts import AlertKind
from tests.chaos.conftest import ChaosDesk, MakeDesk, check_books, check_record, talks_of
from tests.chaos.test_killed_steps import LONG_FIRST_SLICE
from tests.e2e import sipp
from tests.e2e.line import Line, own_line
from tests.e2e.office import SECOND_PRICED
from tests.e2e.pbx import running_pbx
from tollgate.office.asterisk import find_asterisk
from tollgate.office.binary import AsteriskBinary
from tollgate.office.faketime import find_faketime
from tollgate.office.instance import AsteriskInstance

HOUR = timedelta(hours=1)


class MachineClock:
    """By how much the clock of Asterisk and of the service is off."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "clock"
        self.set(timedelta())

    def set(self, shift: timedelta) -> None:
        """Set the clock, at one moment for all who read it."""
        new = self.file.with_suffix(".new")
        new.write_text(f"{shift.total_seconds():+.0f}\n", encoding="ascii")
        new.rename(self.file)

    def binary(self) -> AsteriskBinary:
        """Return an Asterisk that goes by this clock."""
        binary, library = find_asterisk(), find_faketime()
        assert binary is not None, "no suitable Asterisk: `make asterisk` prepares one"
        assert library is not None, "libfaketime is missing: `make tools` prepares it"
        variables = (f"FAKETIME_TIMESTAMP_FILE={self.file}", "FAKETIME_NO_CACHE=1", "FAKETIME_DONT_FAKE_MONOTONIC=1")
        program, *rest = binary.argv_prefix
        if rest:  # a private root's loader, which has libraries of its own
            command = ("env", *variables, program, "--preload", str(library), *rest)
        else:
            command = ("env", *variables, f"LD_PRELOAD={library}", program)
        return replace(binary, argv_prefix=command)


@pytest.fixture(scope="module")
def machine_clock(tmp_path_factory: pytest.TempPathFactory) -> MachineClock:
    """The clock of this module's PBX and services."""
    return MachineClock(tmp_path_factory.mktemp("clock"))


@pytest.fixture(scope="module")
def line() -> Iterator[Line]:
    """Addresses of this module's own."""
    with own_line() as found:
        yield found


@pytest.fixture(scope="module")
def pbx(
    line: Line, plan: Plan, machine_clock: MachineClock, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[AsteriskInstance]:
    """An Asterisk whose clock can be set."""
    folder = tmp_path_factory.mktemp("pbx-shifted")
    with running_pbx(line, plan, folder, binary=machine_clock.binary()) as instance:
        yield instance


@pytest.mark.parametrize("jump", [HOUR, -HOUR], ids=["forward", "back"])
def test_clock_set_by_an_hour_while_a_call_talks_charges_the_true_seconds(
    make_desk: MakeDesk, machine_clock: MachineClock, jump: timedelta
) -> None:
    machine_clock.set(timedelta())
    program = (sys.executable, "-m", "tests.chaos.service_in_shifted_time", str(machine_clock.file))
    desk = make_desk(program=program)
    carrier = desk.carrier(sipp.answers())
    phone = desk.phone(sipp.calls(SECOND_PRICED, 7_300))
    desk.wait_armed()
    machine_clock.set(jump)
    desk.wait_logged("alert")
    phone.wait()
    [talk] = talks_of(carrier)
    [cdr] = desk.wait_cdrs(1)
    check_record(cdr, talk, EndSource.EVENT)
    assert desk.alert_kinds() == [AlertKind.CLOCK_JUMPED]

    phone = desk.phone(sipp.calls(SECOND_PRICED, 5_300))
    phone.wait()
    after = desk.wait_cdrs(2)[-1] if jump > timedelta() else desk.wait_cdrs(2)[0]
    assert after.answered_at is not None
    true = replace(after, answered_at=after.answered_at - jump, ended_at=after.ended_at - jump)
    check_record(true, talks_of(carrier)[1], EndSource.EVENT)
    check_books(desk)


def desk_by(machine_clock: MachineClock, make_desk: MakeDesk) -> ChaosDesk:
    """Return a desk whose service goes by this clock, and may be away for a while before a call is cut."""
    machine_clock.set(timedelta())
    program = (sys.executable, "-m", "tests.chaos.service_in_shifted_time", str(machine_clock.file))
    return make_desk(program=program, metering=LONG_FIRST_SLICE)


def test_clock_set_back_while_the_service_is_away_leaves_the_call_its_seconds_and_no_more(
    make_desk: MakeDesk, machine_clock: MachineClock
) -> None:
    """By the new clock the call will be answered in an hour, and Asterisk's deadline is an hour late."""
    desk = desk_by(machine_clock, make_desk)
    carrier = desk.carrier(sipp.answers())
    phone = desk.phone(sipp.calls(SECOND_PRICED, 17_500))
    desk.wait_answer_saved()
    desk.kill_service()
    machine_clock.set(-HOUR)
    desk.start_service()
    phone.wait()

    [talk] = talks_of(carrier)
    [cdr] = desk.wait_cdrs(1)
    check_record(cdr, talk, EndSource.EVENT)
    check_books(desk)


def test_clock_set_forward_while_the_service_is_away_charges_the_true_seconds(
    make_desk: MakeDesk, machine_clock: MachineClock
) -> None:
    """Asterisk's deadline has come by the new clock: it ends the call, and its handler stamps the end an hour late."""
    desk = desk_by(machine_clock, make_desk)
    carrier = desk.carrier(sipp.answers())
    phone = desk.phone(sipp.calls_until_cut(SECOND_PRICED))
    desk.wait_answer_saved()
    desk.kill_service()
    machine_clock.set(HOUR)
    phone.wait()
    desk.start_service()

    [talk] = talks_of(carrier)
    [cdr] = desk.wait_cdrs(1)
    check_record(cdr, talk, EndSource.HANDLER)
    check_books(desk)
