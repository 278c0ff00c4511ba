"""What becomes of legs that never passed the gate: they are metered, or followed, and written down."""

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from ari_app import ungated_sessions
from ari_app.clock import clock_of
from ari_app.decode import LegDialled
from ari_app.ends import post_records
from ari_app.leg_records import LegRecord
from ari_app.ungated_verdict import UngatedAction
from charging import commands as cmd
from charging.cdr import EndSource
from charging.session import Phase
from dialplan.contract import LegMark, MarkKind
from rating.destination import DestinationClass
from store.answers import Denied
from store.errors import StoreUnavailableError
from tests.unit.ari_app.office import CALLER, LEG, at, changed, destroyed
from tests.unit.ari_app.ungated_office import ALERT, HANG_UP, METER, TARGET, UNGATED_ID, Watch, created, stray, watch

HOUR = timedelta(hours=1)

# --- metered -------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("quick")
async def test_metered_leg_is_held_followed_and_marked() -> None:
    office = watch(METER)

    await office.sees(changed(0.1, stray()))
    assert (office.session.phase, office.session.held_micros) == (Phase.DIALLING, 100_000)
    assert office.asterisk.variables[LEG, "TOLLGATE_CALL"] == UNGATED_ID
    assert office.asterisk.variables[LEG, "CHANNEL(hangup_handler_push)"] == "tg-hang,s,1"
    assert (LEG, "TOLLGATE_ANSWERED") not in office.asterisk.variables
    assert office.asterisk.deadlines == {LEG: 9.7}, "it rings and talks no longer than what is held, whoever is away"

    await office.sees(changed(2, stray("Up")))
    assert office.asterisk.variables[LEG, "TOLLGATE_ANSWERED"] == f"{at(2).timestamp():.3f}"
    await office.sees(destroyed(7, stray("Up", leg_variable=UNGATED_ID)))

    [record] = office.records
    assert (record.charged_micros, record.unfunded_micros, record.ungated) == (50_000, 0, True)
    assert office.done == ["metered"]


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("is_held", [False, True], ids=["judged", "held"])
async def test_call_of_a_leg_goes_by_the_time_of_day_in_which_it_was_judged(is_held: bool) -> None:
    shown, steady_s = at(0.1), 1000.0

    def is_set() -> None:
        nonlocal shown, steady_s
        shown, steady_s = shown + timedelta(seconds=0.5) - HOUR, steady_s + 0.5

    with clock_of(lambda: shown, lambda: steady_s):
        office = watch(METER)
        office.books.meanwhile = is_set if is_held else bool
        office.desk.board.channel_event(changed(0.1, stray()))
        if not is_held:
            is_set()
        await office.sees()
        [live] = office.desk.board.calls.values()

        assert office.session.call.started_at == (at(0.1) if is_held else at(0.1) - HOUR)
        assert live.now() == office.session.call.started_at + timedelta(seconds=0.5)


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("answer", [Denied(0), StoreUnavailableError("away"), TimeoutError()])
async def test_leg_for_which_nothing_can_be_held_is_hung_up(answer: Denied | Exception) -> None:
    office = watch(METER)
    office.books.answer = answer

    await office.sees(changed(0.1, stray()))

    assert await office.is_hung_up()
    assert office.done == ["hung_up"]


@pytest.mark.usefixtures("quick")
async def test_metered_leg_that_ends_while_it_is_held_for_is_settled() -> None:
    office = watch(METER)
    office.desk.board.channel_event(changed(0.1, stray()))
    await asyncio.sleep(0.012)
    await office.sees(changed(0.2, stray("Up")), destroyed(1.2, stray("Up")))

    [record] = office.records
    assert (record.answered_at, record.charged_micros) == (at(0.2), 10_000)


@pytest.mark.usefixtures("quick")
async def test_leg_is_not_metered_but_hung_up_while_ami_could_not_keep_its_deadline() -> None:
    office = watch(METER)
    office.asterisk.connected = False

    await office.sees(changed(0.1, stray()))

    assert await office.is_hung_up()
    assert "AMI is not connected" in office.told[0]["done"]


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize(
    ("answer", "answered_at"),
    [(f"{at(-20).timestamp():.6f}", at(-20)), ("0.000000", at(0)), ("", at(0)), (None, at(0)), ("9999999999.0", at(0))],
)
async def test_leg_that_is_found_talking_is_held_for_from_its_true_answer(
    answer: str | None, answered_at: datetime
) -> None:
    office = watch(METER)
    office.asterisk.channels[LEG] = stray("Up")
    if answer is not None:
        office.asterisk.variables[LEG, "CDR(answer,u)"] = answer

    office.desk.board.compared(office.asterisk.channels, at(0))
    await office.sees()
    await office.is_told_of()
    await office.sees(destroyed(5, stray("Up")))

    [record] = office.records
    assert (record.answered_at, record.ungated) == (answered_at, True)


# --- followed ------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("setting", list(UngatedAction))
async def test_emergency_leg_is_written_down_once_it_is_answered_and_never_touched(setting: UngatedAction) -> None:
    office = watch(setting)
    office.asterisk.variables[LEG, "DIALEDPEERNUMBER"] = "112@carrier1"

    await office.sees(changed(0.1, stray()))
    assert (office.done, office.desk.board.calls) == (["followed"], {})
    await office.sees(changed(2, stray("Up")), destroyed(62, stray("Up")))

    [record] = office.records
    assert (record.destination_class, record.answered_at) == (DestinationClass.EMERGENCY, at(2))
    assert not [each for each in office.desk.notes.commands if isinstance(each, cmd.HangUpLeg | cmd.ArmDeadline)]


@pytest.mark.usefixtures("quick")
async def test_leg_that_is_only_told_of_and_never_answered_leaves_no_record() -> None:
    office = watch(ALERT)

    await office.sees(changed(0.1, stray()), destroyed(9, stray()))
    await office.sees(destroyed(9, stray()))

    assert (office.done, office.records) == (["followed"], [])


@pytest.mark.usefixtures("quick")
async def test_leg_that_is_only_told_of_is_forgotten_when_its_end_went_by_unseen() -> None:
    office = watch(ALERT)
    await office.sees(changed(0.1, stray()))

    office.desk.board.compared({}, at(30))

    assert b"tollgate_ungated_suspects 0.0" in office.metrics.text()


@pytest.mark.usefixtures("quick")
async def test_leg_that_is_only_told_of_and_whose_answer_went_by_unseen_is_followed() -> None:
    office = watch(ALERT)
    await office.sees(changed(0.1, stray()))

    office.desk.board.compared({LEG: stray("Up")}, at(30))

    assert office.session.phase is Phase.TALKING


@pytest.mark.usefixtures("quick")
async def test_originated_leg_is_known_by_its_dial_event() -> None:
    office = watch()
    office.asterisk.variables = {(LEG, "CHANNEL(linkedid)"): LEG}

    await office.sees(created(), LegDialled(at(0.01), stray("Down", "AppDial2"), TARGET))

    assert await office.is_hung_up()
    assert office.told[0]["extension"] is None


@pytest.mark.usefixtures("quick")
async def test_session_of_an_ungated_leg_is_followed_by_a_successor_without_any_mark() -> None:
    office = watch(METER)
    await office.sees(changed(0.1, stray()))
    session = office.session

    successor = watch(METER)
    live = successor.desk.board.take(session)
    await successor.sees(changed(2, stray("Up")))

    assert live.session.phase is Phase.TALKING
    assert successor.told == []


# --- marks for a successor -----------------------------------------------------------------------------------

MARK = f"ungated|{UNGATED_ID}|PJSIP/199-|+447797123456"


def of_nobody(setting: UngatedAction, state: str = "Up") -> Watch:
    """Return a watch over an office where a phone of no extension dials around the gate."""
    office = watch(setting)
    office.asterisk.channels[CALLER] = replace(office.asterisk.channels[CALLER], name="PJSIP/199-00000001")
    office.asterisk.channels[LEG] = stray(state)
    return office


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("setting", [ALERT, HANG_UP])
async def test_answered_leg_of_no_account_carries_all_that_its_record_needs(setting: UngatedAction) -> None:
    office = of_nobody(setting)

    await office.sees(changed(0.1, stray("Up")))

    assert office.asterisk.variables[LEG, "TOLLGATE_CALL"] == MARK
    assert office.asterisk.variables[LEG, "TOLLGATE_ANSWERED"] == f"{at(0.1).timestamp():.3f}"
    assert office.asterisk.variables[LEG, "CHANNEL(hangup_handler_push)"] == "tg-hang,s,1"


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("setting", [ALERT, METER])
async def test_marked_leg_carries_its_answer_once_it_comes_and_one_handler(
    monkeypatch: pytest.MonkeyPatch, setting: UngatedAction
) -> None:
    office = watch(setting)
    pushed = []
    put = office.asterisk.set_variable

    async def set_variable(channel_id: str, name: str, value: str) -> None:
        pushed.extend([value] if "push" in name else [])
        await put(channel_id, name, value)

    monkeypatch.setattr(office.asterisk, "set_variable", set_variable)
    await office.sees(changed(0.1, stray()))
    assert office.asterisk.variables[LEG, "TOLLGATE_CALL"].count(UNGATED_ID) == 1
    assert (LEG, "TOLLGATE_ANSWERED") not in office.asterisk.variables

    await office.sees(changed(2, stray("Up")))

    assert office.asterisk.variables[LEG, "TOLLGATE_ANSWERED"] == f"{at(2).timestamp():.3f}"
    assert pushed == ["tg-hang,s,1"]


@pytest.mark.usefixtures("quick")
async def test_emergency_leg_of_no_account_is_marked_as_an_emergency() -> None:
    office = of_nobody(HANG_UP)
    office.asterisk.variables[LEG, "DIALEDPEERNUMBER"] = "112@carrier1"

    await office.sees(changed(0.1, stray("Up")))

    assert office.asterisk.variables[LEG, "TOLLGATE_CALL"] == f"emergency|{UNGATED_ID}|PJSIP/199-|112"


@pytest.mark.usefixtures("quick")
async def test_number_that_a_record_cannot_hold_is_left_out_of_the_mark() -> None:
    office = of_nobody(ALERT)
    office.asterisk.variables[LEG, "DIALEDPEERNUMBER"] = "1,2|3@carrier1"

    await office.sees(changed(0.1, stray("Up")))

    assert office.asterisk.variables[LEG, "TOLLGATE_CALL"] == f"ungated|{UNGATED_ID}|PJSIP/199-|"


@pytest.mark.usefixtures("quick")
async def test_leg_is_hung_up_although_ami_does_not_answer_when_it_is_to_be_marked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ungated_sessions, "MARK_LIMIT_S", 0.01)
    office = of_nobody(HANG_UP)

    async def never(*_: str) -> None:
        await asyncio.sleep(60)

    monkeypatch.setattr(office.asterisk, "set_variable", never)
    await office.sees(changed(0.1, stray("Up")))

    assert await office.is_hung_up()


@pytest.mark.usefixtures("quick")
async def test_leg_that_could_not_be_marked_is_marked_at_the_next_comparing() -> None:
    office = of_nobody(ALERT)
    office.asterisk.connected = False
    await office.sees(changed(0.1, stray("Up")))
    assert (LEG, "TOLLGATE_CALL") not in office.asterisk.variables

    office.asterisk.connected = True
    office.desk.board.compared(office.asterisk.channels, at(30))
    await office.sees()

    assert office.asterisk.variables[LEG, "TOLLGATE_CALL"] == MARK


@pytest.mark.usefixtures("quick")
async def test_leg_that_ended_before_it_could_be_marked_is_forgotten() -> None:
    office = of_nobody(ALERT)
    office.asterisk.connected = False
    await office.sees(changed(0.1, stray("Up")))

    office.desk.board.compared({}, at(30))
    office.asterisk.connected = True
    office.desk.board.compared(office.asterisk.channels, at(60))
    await office.sees()

    assert (LEG, "TOLLGATE_CALL") not in office.asterisk.variables


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("setting", [ALERT, HANG_UP])
async def test_marked_leg_is_judged_anew_by_a_successor_from_its_true_answer(setting: UngatedAction) -> None:
    office = of_nobody(setting)
    office.asterisk.variables = {}
    marked = stray("Up", leg_variable=MARK, answered_at=at(-5))
    office.asterisk.channels = {LEG: marked}

    office.desk.board.compared(office.asterisk.channels, at(0))
    await office.sees()
    await office.is_told_of()
    if setting is HANG_UP:
        assert await office.is_hung_up()
    await office.sees(destroyed(1, marked))

    [record] = office.records
    assert (record.answered_at, record.ended_at, record.ungated) == (at(-5), at(1), True)
    assert (record.endpoint, record.e164, record.trunk) == ("PJSIP/199", "+447797123456", "carrier1")


@pytest.mark.parametrize("kind", [MarkKind.UNGATED, MarkKind.EMERGENCY])
async def test_call_of_which_only_a_mark_is_left_is_written_down_by_its_record(kind: MarkKind) -> None:
    office = watch(HANG_UP)
    dialled = "112" if kind is MarkKind.EMERGENCY else "+447797123456"
    mark = LegMark(kind, UNGATED_ID, "PJSIP/199-", dialled)
    left = LegRecord(LEG, UNGATED_ID, at(1), at(11), 16, "carrier1", EndSource.HANDLER, mark)

    post_records(office.desk.board.observe(mark, at(1), "carrier1"), set(), [left])

    [record] = office.records
    assert (record.answered_at, record.ended_at, record.end_source) == (at(1), at(11), EndSource.HANDLER)
    assert (record.ungated, record.account_id, record.dialled) == (True, None, dialled)
    is_emergency = kind is MarkKind.EMERGENCY
    assert (record.destination_class is DestinationClass.EMERGENCY) == is_emergency
    assert (record.deny_rule is None) == is_emergency
    assert office.desk.board.calls[UNGATED_ID].session.phase is Phase.CLOSING


async def test_mark_on_a_trunk_that_is_not_set_up_any_more_is_still_understood() -> None:
    mark = LegMark(MarkKind.UNGATED, UNGATED_ID, "", "+447797123456")

    live = watch(ALERT).desk.board.observe(mark, at(1), "sold-carrier")

    assert (live.session.call.dialled, live.session.call.endpoint) == ("+447797123456", "")
