"""The watch for legs that never passed the gate: whom it suspects, and when it judges."""

from typing import Any, cast

import pytest

from ari_app import ungated
from ari_app.decode import ChannelCreated, LegDialled
from ari_app.ungated_verdict import UngatedAction
from tests.unit.ari_app.office import (
    CALL_ID,
    JERSEY,
    LEG,
    at,
    changed,
    channel,
    destroyed,
    entered,
    leg,
    requested,
    until,
)
from tests.unit.ari_app.ungated_office import ALERT, HANG_UP, TARGET, UNGATED_ID, created, stray, watch

# --- who is suspected ----------------------------------------------------------------------------------------


@pytest.mark.usefixtures("quick")
async def test_leg_that_gets_its_call_is_no_suspect_and_never_read() -> None:
    office = watch()
    office.desk.board.caller_entered(entered(CALL_ID, JERSEY))

    await office.sees(created(), changed(0.01, leg("Ringing")))

    assert (office.asterisk.reads, office.told) == (0, [])


@pytest.mark.usefixtures("quick")
async def test_leg_that_is_silent_until_it_is_read_with_its_call_is_left_alone() -> None:
    office = watch()
    office.desk.board.caller_entered(entered(CALL_ID, JERSEY))
    office.asterisk.channels[LEG] = leg("Down")

    await office.sees(created())

    assert (office.asterisk.reads, office.told) == (1, [])


@pytest.mark.usefixtures("quick")
async def test_leg_whose_call_the_snapshot_does_not_tell_is_left_alone() -> None:
    office = watch()
    office.desk.board.caller_entered(entered(CALL_ID, JERSEY))
    office.asterisk.variables[LEG, "TOLLGATE_CALL"] = CALL_ID

    await office.sees(created())

    assert office.told == []


@pytest.mark.usefixtures("quick")
async def test_inbound_leg_is_never_read() -> None:
    office = watch()

    await office.sees(created("Ring"), changed(1, stray("Up", "Dial")), destroyed(9, stray("Up", "Dial")))

    assert (office.asterisk.reads, office.told) == (0, [])


@pytest.mark.usefixtures("quick")
async def test_inbound_leg_that_is_found_talking_is_left_alone() -> None:
    office = watch()
    office.asterisk.channels[LEG] = stray("Up", "Dial")
    office.asterisk.variables[LEG, "CALLERID(dnid)"] = "0145678901"

    office.desk.board.compared(office.asterisk.channels, at(5))
    await office.sees()

    assert office.told == []
    office.desk.board.compared(office.asterisk.channels, at(35))
    await office.sees()
    assert office.asterisk.reads == 1, "it is judged once"


@pytest.mark.usefixtures("quick")
async def test_leg_of_another_nodes_call_is_left_alone() -> None:
    office = watch()
    office.books.rows = ["pbx9/1.2-1"]
    foreign = stray(leg_variable="pbx9/1.2-1")
    office.asterisk.channels[LEG] = foreign

    await office.sees(changed(0, foreign))

    assert office.told == []


@pytest.mark.usefixtures("quick")
async def test_leg_that_ended_before_it_was_judged_and_was_not_answered_leaves_nothing() -> None:
    office = watch()
    del office.asterisk.channels[LEG]

    await office.sees(created(), destroyed(0.2, stray()))

    assert (office.told, office.records) == ([], [])


@pytest.mark.parametrize("setting", [HANG_UP, ALERT])
@pytest.mark.usefixtures("quick")
async def test_leg_that_ended_and_whose_answer_nobody_heard_is_left_to_what_it_left(setting: UngatedAction) -> None:
    office = watch(setting)
    missed = list[bool]()
    office.desk.board.answer_missed = lambda: missed.append(True)
    del office.asterisk.channels[LEG]

    await office.sees(created(), destroyed(0.2, stray("Up")))

    assert missed == [True]
    assert (office.told, office.records) == ([], []), "its record is what tells of it"


async def test_flood_of_legs_is_bounded_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ungated, "MOST_SUSPECTS", 3)
    office = watch()

    for number in range(5):
        office.legs.noticed(ChannelCreated(at(0), channel(f"1.{number}", f"PJSIP/carrier1-0000000{number}", "Down")))
    office.legs.stop()

    assert b'tollgate_dropped_total{queue="ungated"} 2.0' in office.metrics.text()


# --- hung up -------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("variable", ["", CALL_ID], ids=["without a call", "of an unknown call"])
async def test_ringing_leg_is_hung_up_told_of_once_and_written_down(variable: str) -> None:
    office = watch()
    office.asterisk.channels[LEG] = stray(leg_variable=variable)

    await office.sees(created(), changed(0.1, stray(leg_variable=variable)))
    assert await office.is_hung_up()
    await office.sees(requested(0.7, stray(), soft=True), destroyed(0.7, stray(leg_variable=variable)))

    [record] = office.records
    assert (record.call_id, record.ungated, record.extension, record.answered_at) == (UNGATED_ID, True, "101", None)
    assert office.done == ["hung_up"]
    assert office.told[0]["number"] == "+44779…"


@pytest.mark.usefixtures("quick")
async def test_answered_leg_is_judged_at_its_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ungated, "JUDGED_AFTER_S", 60)
    office = watch()
    office.asterisk.channels[LEG] = stray("Up")

    await office.sees(created(), changed(0.2, stray("Up")))
    assert await office.is_hung_up()
    await office.sees(destroyed(0.7, stray("Up")))

    [record] = office.records
    assert (record.answered_at, record.charged_micros, record.unfunded_micros) == (at(0.2), 0, 10_000)


@pytest.mark.usefixtures("quick")
async def test_leg_that_answered_and_ended_before_it_was_read_is_written_down() -> None:
    office = watch()
    del office.asterisk.channels[LEG]

    await office.sees(
        created(), LegDialled(at(0), stray(), TARGET), changed(0.1, stray("Up")), destroyed(0.4, stray("Up"))
    )

    [record] = office.records
    assert (record.answered_at, record.ended_at, record.e164) == (at(0.1), at(0.4), "+447797123456")


@pytest.mark.usefixtures("quick")
async def test_judging_waits_for_the_sessions_to_be_compared() -> None:
    office = watch()
    office.desk.board.reconciled = False
    await office.sees(changed(0.1, stray()))
    [suspect] = office.legs.suspects
    failures = suspect.failures
    await until(lambda: suspect.failures > failures + 1)
    assert office.told == []

    office.desk.board.reconciled = True
    await office.is_told_of()
    assert office.done == ["hung_up"]


@pytest.mark.usefixtures("quick")
async def test_leg_is_judged_while_ami_is_away() -> None:
    office = watch()
    office.asterisk.connected = False

    await office.sees(changed(0.1, stray()))

    assert await office.is_hung_up()
    assert office.told[0]["extension"] == "101"


@pytest.mark.usefixtures("quick")
async def test_judging_waits_for_an_ari_that_knows_what_channels_there_are() -> None:
    office = watch()
    found = office.asterisk.channels.pop(LEG)
    office.asterisk.status = 500
    await office.sees(changed(0.1, stray()))
    assert office.told == []

    office.asterisk.channels[LEG] = found
    await office.is_told_of()
    assert office.done == ["hung_up"]


async def test_leg_that_could_not_be_judged_is_judged_at_the_next_comparing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ungated, "JUDGED_AFTER_S", 0.01)
    office = watch()
    found = office.asterisk.channels.pop(LEG)
    office.asterisk.status = 500
    await office.sees(changed(0.1, stray()))

    office.asterisk.channels[LEG] = found
    office.desk.board.compared(office.asterisk.channels, at(30))
    await office.is_told_of()

    assert office.done == ["hung_up"]


@pytest.mark.usefixtures("quick")
async def test_leg_that_cannot_be_read_is_left_to_the_next_comparing() -> None:
    office = watch()
    broken, office.asterisk.variables = office.asterisk.variables, cast("Any", None)
    await office.sees(changed(0.1, stray()))
    assert office.told == []

    office.asterisk.variables = broken
    office.desk.board.compared(office.asterisk.channels, at(30))
    await office.is_told_of()

    assert office.done == ["hung_up"]


# --- what a comparison counts --------------------------------------------------------------------------------


@pytest.mark.usefixtures("quick")
async def test_leg_that_a_list_shows_is_of_nobody_until_it_is_judged() -> None:
    office = watch(ALERT)
    office.asterisk.channels[LEG] = stray("Up")
    board = office.desk.board

    assert [leg.channel_id for leg in board.compared(office.asterisk.channels, at(0))] == [LEG]
    await office.is_told_of()
    await until(lambda: UNGATED_ID in board.calls)

    assert board.compared(office.asterisk.channels, at(30)) == []


@pytest.mark.usefixtures("quick")
async def test_leg_that_came_in_is_of_nobody_no_more_once_that_is_known() -> None:
    office = watch()
    office.asterisk.channels[LEG] = stray("Up", "VoiceMail")
    office.asterisk.variables[LEG, "CALLERID(dnid)"] = "0145678900"
    board = office.desk.board
    board.compared(office.asterisk.channels, at(0))
    await until(lambda: not office.legs.suspects)

    assert board.compared(office.asterisk.channels, at(30)) == []
    assert office.told == []
