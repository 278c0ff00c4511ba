"""The switchboard: every event finds its call, late and repeated ones begin nothing, nobody's leg is left alone."""

from datetime import datetime

import pytest

from ari_app.overload import MOST_CALLS
from charging import commands as cmd
from charging import events as ev
from charging.cdr import Disposition, EndSource, HangupSide
from charging.session import Phase
from rating.decision import DenyReason
from rating.destination import DestinationClass
from tests.unit.ari_app.office import (
    CALL_ID,
    CALLER,
    JERSEY,
    LEG,
    PARIS,
    Desk,
    SomeAmi,
    at,
    caller,
    changed,
    channel,
    desk,
    destroyed,
    entered,
    leg,
    requested,
)
from tests.unit.charging.story import SECOND_LEG, TRUNK

EMERGENCY_MARK = f"emergency|{CALL_ID}|PJSIP/101-00000001|112"
AWAY_MARK = f"away|{CALL_ID}|PJSIP/101-00000001|{PARIS}"
ENTRY = entered(CALL_ID, JERSEY, "", "", "")


async def dialling() -> Desk:
    """Return a desk where extension 101 calls Jersey."""
    office = desk()
    office.board.caller_entered(ENTRY)
    live = office.board.calls[CALL_ID]
    live.post(ev.SessionOpened(at(0.1)))
    live.post(ev.CallerAdmitted(at(0.2)))
    return office


async def test_paid_call_goes_from_its_entry_to_its_record() -> None:
    office = await dialling()
    for event in (
        changed(1, leg("Ringing")),
        changed(2, leg("Up")),
        requested(5, caller()),
        destroyed(5.01, leg("Up")),
        destroyed(5.02, caller()),
    ):
        office.board.channel_event(event)

    [settle] = office.notes.settled()
    assert (settle.cdr.disposition, settle.cdr.billable_s, settle.cdr.trunk) == (Disposition.ANSWERED, 4, "carrier1")
    assert settle.cdr.hangup_side is HangupSide.CALLER
    assert office.notes.watched == [CALL_ID]


async def test_entry_come_twice_begins_one_call() -> None:
    office = desk()
    office.board.caller_entered(ENTRY)
    office.board.caller_entered(ENTRY)

    assert len(office.notes.commands) == 1


async def test_entry_of_a_call_that_has_ended_begins_nothing() -> None:
    office = await dialling()
    live = office.board.calls[CALL_ID]
    office.board.channel_event(changed(2, leg("Up")))
    office.board.channel_event(destroyed(3, leg("Up")))
    live.post(ev.Settled(at(3.1), 1))
    assert office.board.calls == {}
    assert office.board.knows(CALL_ID)
    before = len(office.notes.commands)

    office.board.caller_entered(ENTRY)
    office.board.channel_event(destroyed(3, leg("Up")))
    office.board.channel_event(destroyed(3, caller()))

    assert office.board.calls == {}
    assert len(office.notes.commands) == before


@pytest.mark.parametrize("variable", ["", CALL_ID])
async def test_leg_of_a_call_nobody_knows_is_a_stray(variable: str) -> None:
    office = desk()
    answer = changed(2, leg("Up", variable=variable))

    office.board.channel_event(answer)

    assert office.strays.events == [answer]
    assert office.notes.refused == []


async def test_end_of_a_leg_whose_answer_nobody_heard_is_left_to_what_the_leg_left() -> None:
    office = await dialling()
    missed = list[bool]()
    office.board.answer_missed = lambda: missed.append(True)
    office.board.channel_event(changed(1, leg("Ringing")))
    office.board.channel_event(destroyed(3, leg("Up")))
    office.board.channel_event(destroyed(3.01, caller()))

    session = office.board.calls[CALL_ID].session
    assert missed == [True]
    assert [each.channel_id for each in session.legs] == [LEG], "a comparison finds that it is gone"
    assert not office.notes.settled()


async def test_end_of_a_leg_that_was_thought_to_ring_when_its_call_was_over_is_left_to_what_the_leg_left() -> None:
    office = await dialling()
    live, missed = office.board.calls[CALL_ID], list[bool]()
    office.board.answer_missed = lambda: missed.append(True)
    second = leg("Ringing", channel_id=SECOND_LEG)
    for event in (changed(1, second), changed(2, leg("Up")), destroyed(3, leg("Up"))):
        office.board.channel_event(event)
    live.post(ev.Settled(at(3.1), 1))

    office.board.channel_event(destroyed(4, leg("Up", channel_id=SECOND_LEG)))

    assert missed == [True]
    assert [each.channel_id for each in office.board.calls[CALL_ID].session.legs] == [SECOND_LEG]
    live.post(ev.LegEnded(at(4), SECOND_LEG, TRUNK, 16, EndSource.HANDLER, at(2)))
    assert office.board.calls == {}
    assert [settle.cdr.leg for settle in office.notes.settled()] == [1, 2]


@pytest.mark.parametrize("answered_at", [None, at(2)])
async def test_end_of_a_leg_whose_answer_is_known_needs_no_comparison(answered_at: datetime | None) -> None:
    office = await dialling()
    office.board.answer_missed = lambda: pytest.fail("nothing was missed")
    office.board.channel_event(changed(2, leg("Up" if answered_at is None else "Ringing")))
    office.board.channel_event(destroyed(3, leg("Up", answered_at=answered_at)))

    [settle] = office.notes.settled()
    assert (settle.cdr.disposition, settle.cdr.answered_at) == (Disposition.ANSWERED, at(2))


@pytest.mark.parametrize("soft", [True, False])
async def test_leg_that_is_first_heard_of_when_it_hangs_up_lives_until_its_end_is_known(soft: bool) -> None:
    office = await dialling()
    office.board.channel_event(requested(3, leg("Up"), soft=soft))
    office.board.channel_event(destroyed(3.01, caller()))

    session = office.board.calls[CALL_ID].session
    assert [(each.channel_id, each.far_end_hung_up) for each in session.legs] == [(LEG, not soft)]
    assert session.end_of_dial_at is None, "a comparison reads what the leg left"


async def test_answer_of_a_call_that_has_ended_is_hung_up_and_no_stray() -> None:
    office = await dialling()
    office.board.reconciled = True
    live = office.board.calls[CALL_ID]
    office.board.channel_event(changed(2, leg("Up")))
    office.board.channel_event(destroyed(3, leg("Up")))
    live.post(ev.Settled(at(3.1), 1))

    office.board.channel_event(changed(4, leg("Up", "1793610000.99")))

    assert office.notes.refused == ["1793610000.99"]
    assert office.strays.events == []


async def test_list_of_channels_tells_of_the_legs_that_no_call_answers_for() -> None:
    office = await dialling()
    legs = {
        each.channel_id: each
        for each in (
            leg(),
            caller(),
            leg("Up", "1793610000.10", ""),
            leg("Up", "1793610000.11", "pbx9/1793610000.7-1"),
            leg("Ringing", "1793610000.12", "pbx9/1793610000.8-1"),
        )
    }

    of_nobody = office.board.compared(legs, at(3))
    office.strays.judged = ["1793610000.10"]
    still_of_nobody = office.board.compared(legs, at(33))

    assert office.strays.listed == ["1793610000.10", "1793610000.11", "1793610000.12"] * 2
    assert [each.channel_id for each in of_nobody] == ["1793610000.10", "1793610000.11"]
    assert [each.channel_id for each in still_of_nobody] == ["1793610000.11"]


@pytest.mark.parametrize("mark", [EMERGENCY_MARK, AWAY_MARK])
async def test_answer_of_a_call_that_the_dialplan_let_through_is_never_hung_up(mark: str) -> None:
    office = desk()
    office.board.reconciled = True
    office.board.channel_event(changed(1, leg(variable=mark)))
    office.board.calls[CALL_ID].post(ev.CallerGone(at(1.5)))
    office.board.calls[CALL_ID].post(ev.LegEnded(at(1.6), LEG, "carrier1", 34))
    office.board.calls[CALL_ID].post(ev.Settled(at(1.7), 0))

    office.board.channel_event(changed(2, leg("Up", "1793610000.99", mark)))

    assert office.notes.refused == []


async def test_answer_of_a_leg_that_became_an_emergency_caller_is_never_hung_up() -> None:
    office = desk()
    office.board.reconciled = True

    office.board.channel_event(
        changed(2, channel(LEG, "PJSIP/carrier1-00000002", "Up", leg_variable=CALL_ID, context="tg-emergency"))
    )

    assert office.notes.refused == []


async def test_emergency_that_the_dialplan_let_through_is_followed_to_its_record() -> None:
    office = desk()
    office.board.reconciled = True
    for event in (
        changed(1, leg("Ringing", variable=EMERGENCY_MARK)),
        changed(2, leg("Up", variable=EMERGENCY_MARK)),
        destroyed(62, leg("Up", variable=EMERGENCY_MARK)),
    ):
        office.board.channel_event(event)

    [settle] = office.notes.settled()
    assert (settle.cdr.destination_class, settle.cdr.extension) == (DestinationClass.EMERGENCY, "101")
    assert (settle.cdr.billable_s, settle.cdr.charged_micros) == (60, 0)


async def test_end_that_tells_of_an_unseen_answer_is_charged() -> None:
    office = await dialling()

    office.board.channel_event(destroyed(8, leg("Up", answered_at=at(3))))

    [settle] = office.notes.settled()
    assert (settle.cdr.answered_at, settle.cdr.billable_s) == (at(3), 5)


async def test_caller_that_is_a_leg_of_another_call_is_both() -> None:
    office = await dialling()
    office.board.channel_event(changed(2, leg("Up")))
    second = f"{LEG}-1"
    office.board.caller_entered(entered(second, PARIS, "PJSIP/102-00000003", by=leg("Up")))

    office.board.channel_event(requested(5, leg("Up")))
    office.board.channel_event(destroyed(5.1, leg("Up")))

    [first_record] = [settle.cdr for settle in office.notes.settled() if settle.cdr.call_id == CALL_ID]
    assert (first_record.hangup_side, first_record.billable_s) == (HangupSide.CALLEE, 4)
    assert office.board.calls[second].session.caller_gone


async def test_outside_party_that_calls_through_the_gate_is_the_caller_and_no_leg_of_its_own_call() -> None:
    outsider = channel(CALLER, "PJSIP/carrier2-00000001", "Up", leg_variable=CALL_ID)
    office = desk()
    office.board.reconciled = True
    office.board.caller_entered(entered(CALL_ID, JERSEY, "PJSIP/101-00000001", by=outsider))
    live = office.board.calls[CALL_ID]
    for event in (ev.SessionOpened(at(0.1)), ev.CallerAdmitted(at(0.2)), ev.LegAnswered(at(2), LEG, "carrier1")):
        live.post(event)

    office.board.channel_event(requested(5, outsider))
    office.board.channel_event(destroyed(5.1, outsider))

    assert office.board.trunk_of(outsider) is None
    assert [leg.channel_id for leg in live.session.legs] == [LEG]
    assert live.session.caller_gone
    assert office.notes.settled() == []


async def test_transferred_leg_that_calls_an_emergency_is_exempt_from_its_cut() -> None:
    office = await dialling()
    office.board.channel_event(changed(2, leg("Up")))

    office.board.caller_entered(entered(f"{LEG}-1", "112", "PJSIP/101-00000001", by=leg("Up")))

    talking = office.board.calls[CALL_ID].session.talking_leg
    assert talking is not None
    assert talking.exempt
    assert cmd.ClearDeadline(LEG) in office.notes.commands


async def test_second_call_of_one_caller_has_its_own_events() -> None:
    office = await dialling()
    office.board.caller_entered(entered(f"{CALLER}-2", PARIS))

    office.board.channel_event(destroyed(9, caller()))

    assert [live.session.caller_gone for live in office.board.calls.values()] == [True, True]


@pytest.mark.parametrize(
    "event",
    [
        changed(1, channel("x.1", "PJSIP/102-00000005", "Up")),
        changed(1, channel("x.1", "PJSIP/carrier1-00000005", "Up")),
        changed(1, channel("x.1", "PJSIP/stranger-00000005", "Up", leg_variable=CALL_ID)),
    ],
)
async def test_event_of_a_channel_that_is_none_of_ours_changes_nothing(event: object) -> None:
    office = await dialling()
    office.board.reconciled = True
    before = office.board.calls[CALL_ID].session

    office.board.channel_event(event)  # type: ignore[arg-type]  # one of them, which parametrize hides

    assert office.board.calls[CALL_ID].session == before
    assert office.notes.refused == []


async def test_soft_hang_up_of_the_caller_is_not_the_callers() -> None:
    office = await dialling()

    office.board.channel_event(requested(1, caller(), soft=True))

    assert not office.board.calls[CALL_ID].session.caller_hung_up


@pytest.mark.parametrize(("ended_s", "hung_up"), [(3.02, True), (4.5, False)], ids=["silent", "transferred"])
async def test_caller_who_was_given_up_by_asterisk_ended_the_leg_that_ends_with_it(
    ended_s: float, hung_up: bool
) -> None:
    office = await dialling()
    live = office.board.calls[CALL_ID]
    office.board.channel_event(changed(2, leg("Up")))

    office.board.channel_event(requested(3, caller(), by_driver=True))
    office.board.channel_event(destroyed(3.01, caller()))
    office.board.channel_event(destroyed(ended_s, leg("Up")))

    assert live.session.caller_hung_up is hung_up


async def test_entry_that_is_not_our_dialplans_is_ended() -> None:
    office = desk()
    office.board.caller_entered(entered("only-one"))

    assert office.notes.refused == [CALLER]
    assert office.board.calls == {}


async def test_refused_call_is_written_down_and_remembered() -> None:
    office = desk()
    office.board.caller_entered(entered(CALL_ID, "00870773123456"))
    assert [type(command) for command in office.notes.commands] == [cmd.RefuseCaller, cmd.Settle]

    office.board.calls[CALL_ID].post(ev.Settled(at(1), 0))

    assert office.board.knows(CALL_ID)


async def test_paid_call_without_ami_is_refused_and_the_others_are_not() -> None:
    office = desk()
    office.lines.some_ami = SomeAmi(connected=False)

    office.board.caller_entered(ENTRY)
    office.board.caller_entered(entered(f"{CALLER}-2", PARIS))
    office.board.caller_entered(entered(f"{CALLER}-3", "112"))

    refusals = [command for command in office.notes.commands if isinstance(command, cmd.RefuseCaller)]
    assert refusals == [cmd.RefuseCaller(DenyReason.OVERLOAD)]
    assert [live.session.phase for live in office.board.calls.values()] == [
        Phase.CLOSING,
        Phase.OPENING,
        Phase.OPENING,
    ]


async def test_too_many_calls_refuse_a_paid_one_and_never_an_emergency() -> None:
    office = desk()
    office.board.caller_entered(entered(f"{CALLER}-1", PARIS))
    [live] = office.board.calls.values()
    office.board.calls.update({f"filler-{index}": live for index in range(MOST_CALLS)})

    office.board.caller_entered(entered(f"{CALLER}-2", JERSEY))
    office.board.caller_entered(entered(f"{CALLER}-3", "112"))

    assert office.board.calls[f"{CALLER}-2"].session.phase is Phase.CLOSING
    assert office.board.calls[f"{CALLER}-3"].session.phase is Phase.OPENING
