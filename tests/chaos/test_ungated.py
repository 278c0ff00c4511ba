"""Legs that never passed the gate while the store is locked: what cannot be held for within a second is hung up."""

from datetime import timedelta

import pytest

from charging.cdr import Cdr, Disposition, EndSource, HangupSide
from store.alerts import AlertKind
from tests.chaos.conftest import NEAR, ChaosDesk, MakeDesk, check_books, check_times, talks_of
from tests.e2e import sipp
from tests.e2e.desk import wait_until

STRAIGHT = "*90299321212"
"""Greenland, a cent a second, straight to the trunk."""
HOLD_LIMIT = timedelta(seconds=1)


@pytest.fixture
def metering_desk(make_desk: MakeDesk, monkeypatch: pytest.MonkeyPatch) -> ChaosDesk:
    """A desk that meters what found a way around the gate."""
    monkeypatch.setenv("TOLLGATE_UNGATED_LEGS", "meter")
    return make_desk()


def test_leg_around_the_gate_whose_hold_comes_late_is_hung_up_and_the_hold_given_back(metering_desk: ChaosDesk) -> None:
    desk = metering_desk
    carrier = desk.carrier(sipp.answers(ring_ms=100))
    with desk.locked_store():
        desk.phone(sipp.calls_until_cut(STRAIGHT)).wait()
    cdr = _check_hung_up(desk, carrier)
    check_books(desk)
    assert _moved(desk, cdr) == {"slice:1", "release"}


def test_leg_around_the_gate_that_nothing_is_ever_held_for_is_hung_up_and_written_down_later(
    metering_desk: ChaosDesk,
) -> None:
    desk = metering_desk
    carrier = desk.carrier(sipp.answers(ring_ms=100))
    with desk.locked_store():
        desk.phone(sipp.calls_until_cut(STRAIGHT)).wait()
        desk.wait_logged("not_settled_yet")
    cdr = _check_hung_up(desk, carrier)
    check_books(desk)
    assert _moved(desk, cdr) == set()


def _moved(desk: ChaosDesk, cdr: Cdr) -> set[str]:
    """Return what was done with money for a call."""
    return {key.removeprefix(f"{cdr.call_id}:") for key in desk.journal_keys() if key.startswith(cdr.call_id)}


def _check_hung_up(desk: ChaosDesk, carrier: sipp.Sipp) -> Cdr:
    """Check that the leg was ended a second after it was found, and that record and alert say why."""
    [invite], [talk] = carrier.seen("INVITE"), talks_of(carrier)
    assert HOLD_LIMIT <= talk.bye.at - invite.at < HOLD_LIMIT + 2 * NEAR
    [cdr] = desk.wait_cdrs(1)
    check_times(cdr, talk, EndSource.EVENT)
    assert (cdr.ungated, cdr.extension, cdr.disposition) == (True, "101", Disposition.ANSWERED)
    assert (cdr.hangup_side, cdr.deny_rule) == (HangupSide.TOLLGATE, "the store: no answer within 1 s")
    assert (cdr.charged_micros, cdr.unfunded_micros) == (0, 10_000 * cdr.billable_s)
    wait_until(lambda: desk.alerts(AlertKind.UNGATED_LEG), "it is told of")
    [alert] = desk.alerts(AlertKind.UNGATED_LEG)
    assert (alert.call_id, alert.detail["done"]) == (cdr.call_id, "hung_up: the store: no answer within 1 s")
    assert set(desk.alert_kinds()) == {AlertKind.STORE_AWAY, AlertKind.UNGATED_LEG}
    return cdr
