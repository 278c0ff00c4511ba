"""Emergency calls that a comparison finds over: nothing is done to their legs, so the caller's record tells of them."""

from datetime import timedelta

import pytest

from ari_app.decode import ChannelDestroyed
from ari_app.gate import observed_call
from charging import events as ev
from charging.cdr import Disposition, EndSource
from charging.session import begin, observe, step
from dialplan.contract import LegMark, MarkKind
from tests.unit.ari_app.morning import POLICY, TRUNK, Morning, ago, asterisk_since, epoch, leg_channel
from tests.unit.ari_app.office import CALL_ID, CALLER, LEG, SETTINGS, leg, until
from tests.unit.charging.story import SECOND_LEG, emergency_call


def emergency_left(morning: Morning, ended_ago_s: float, talked_ms: str) -> None:
    """Leave the record of an emergency call on its caller."""
    mark = f"emergency|{CALL_ID}|PJSIP/101-00000001|112"
    morning.ami.emergencies = {f"2026110209/{CALLER}": f"{mark},{epoch(ago(ended_ago_s))},{talked_ms},16"}


async def test_emergency_call_that_ends_before_the_first_comparison_has_the_record_of_its_session(
    morning: Morning,
) -> None:
    """The end of its leg is the first that is heard of it, and nothing is done to such a leg that would say more."""
    mark = LegMark(MarkKind.EMERGENCY, CALL_ID, "PJSIP/101-00000001", "112")
    began_at, answered_at, ended_at = ago(60), ago(50), ago(0.5)
    observed = observe(observed_call(mark, began_at, morning.desk.board.catalog, SETTINGS), began_at)
    observed, _ = step(observed, ev.LegAnswered(answered_at, LEG, TRUNK), POLICY)
    morning.store.sessions = [observed]
    text = f"emergency|{CALL_ID}|PJSIP/101-00000001|112"
    morning.ami.emergencies = {f"2026110209/{LEG}": f"{text},{epoch(ended_at)},50000,16"}

    morning.desk.board.channel_event(ChannelDestroyed(ended_at, leg("Up", variable=text), 16))
    found = await morning.compare()

    [settle] = morning.desk.notes.settled()
    assert (settle.cdr.started_at, settle.cdr.answered_at) == (began_at, answered_at)
    assert (settle.cdr.disposition, settle.cdr.end_source) == (Disposition.ANSWERED, EndSource.HANDLER)
    assert settle.cdr.ended_at - ended_at < timedelta(milliseconds=1)
    assert found.ended == {CALL_ID: EndSource.HANDLER}


async def test_emergency_call_that_is_first_heard_of_at_its_end_was_answered_before_that(morning: Morning) -> None:
    morning.desk.board.reconciled = True
    text = f"emergency|{CALL_ID}|PJSIP/101-00000001|112"
    emergency_left(morning, ended_ago_s=0.5, talked_ms="9500")

    morning.desk.board.channel_event(ChannelDestroyed(ago(0.5), leg("Up", variable=text), 16))
    await morning.compare()

    [settle] = morning.desk.notes.settled()
    assert settle.cdr.answered_at is not None
    assert settle.cdr.answered_at < settle.cdr.started_at, "nobody knows when it began"
    assert settle.cdr.billable_s == 10


@pytest.mark.parametrize("legs", [(), (ev.LegSeen(ago(64), LEG, TRUNK),)], ids=["no leg was seen", "its leg rang"])
async def test_emergency_call_that_was_answered_while_the_service_was_away_has_its_record(
    morning: Morning, legs: tuple[ev.Event, ...]
) -> None:
    """It passed the gate, since it was dialled in a way that the dialplan does not know."""
    called = begin(emergency_call(started_at=ago(66)), POLICY)[0]
    for event in (ev.SessionOpened(ago(66)), ev.CallerAdmitted(ago(66)), *legs):
        called = step(called, event, POLICY)[0]
    morning.store.sessions = [called]
    emergency_left(morning, ended_ago_s=10, talked_ms="49500")

    found = await morning.compare()

    [settle] = morning.desk.notes.settled()
    assert (settle.cdr.disposition, settle.cdr.billable_s) == (Disposition.ANSWERED, 50)
    assert found.ended == {CALL_ID: EndSource.HANDLER}


@pytest.mark.parametrize("answers", [(), (ev.LegAnswered(ago(60), SECOND_LEG, "carrier2"),)], ids=["unheard", "heard"])
async def test_emergency_call_that_failed_over_has_one_record_of_the_one_talk(
    morning: Morning, answers: tuple[ev.Event, ...]
) -> None:
    called = begin(emergency_call(started_at=ago(66)), POLICY)[0]
    legs = (ev.LegSeen(ago(64), LEG, TRUNK), ev.LegSeen(ago(62), SECOND_LEG, "carrier2"))
    for event in (ev.SessionOpened(ago(66)), ev.CallerAdmitted(ago(66)), *legs, *answers):
        called = step(called, event, POLICY)[0]
    morning.store.sessions = [called]
    emergency_left(morning, ended_ago_s=10, talked_ms="49500")

    await morning.compare()

    [settle] = morning.desk.notes.settled()
    assert (settle.cdr.leg, settle.cdr.trunk, settle.cdr.end_source) == (1, "carrier2", EndSource.HANDLER)


async def test_emergency_call_that_nobody_answered_ended_when_its_caller_did(morning: Morning) -> None:
    called = begin(emergency_call(started_at=ago(66)), POLICY)[0]
    for event in (ev.SessionOpened(ago(66)), ev.CallerAdmitted(ago(66)), ev.LegSeen(ago(64), LEG, TRUNK)):
        called = step(called, event, POLICY)[0]
    morning.store.sessions = [called]
    emergency_left(morning, ended_ago_s=10, talked_ms="")

    await morning.compare()
    await until(morning.desk.notes.settled)

    [settle] = morning.desk.notes.settled()
    assert settle.cdr.disposition is not Disposition.ANSWERED
    assert abs(settle.cdr.ended_at - ago(10)) < timedelta(seconds=5)


async def test_leg_that_was_seen_to_outlive_its_caller_did_not_end_with_it(morning: Morning) -> None:
    """The caller transferred the emergency away while the service was away; then Asterisk died."""
    mark = f"emergency|{CALL_ID}|PJSIP/101-00000001|112"
    channel = leg_channel()
    channel["channelvars"]["TOLLGATE_CALL"] = mark
    morning.ari.channels = [channel]
    emergency_left(morning, ended_ago_s=300, talked_ms="9000")
    await morning.compare()

    died_at = ago(0)
    morning.reconciler.lost(died_at)
    morning.ari.channels, morning.ari.info = [], asterisk_since(-1)
    morning.reconciler.reconnected()
    await morning.compare()
    await until(morning.desk.notes.settled)

    [settle] = morning.desk.notes.settled()
    assert (settle.cdr.ended_at, settle.cdr.end_source) == (died_at, EndSource.LAST_SEEN)


async def test_leg_that_an_earlier_service_found_talking_after_its_callers_end_did_not_end_with_it(
    morning: Morning,
) -> None:
    mark = LegMark(MarkKind.EMERGENCY, CALL_ID, "PJSIP/101-00000001", "112")
    began_at, found_at = ago(320), ago(200)
    observed = observe(observed_call(mark, began_at, morning.desk.board.catalog, SETTINGS), began_at)
    observed, _ = step(observed, ev.LegAnswered(found_at, LEG, TRUNK), POLICY)
    morning.store.sessions = [observed]
    emergency_left(morning, ended_ago_s=300, talked_ms="9000")

    await morning.compare()
    await until(morning.desk.notes.settled)

    [settle] = morning.desk.notes.settled()
    assert settle.cdr.end_source is EndSource.LAST_SEEN
    assert settle.cdr.ended_at > found_at
