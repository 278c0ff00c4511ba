"""Comparing what lives with what is open: adoption after a restart, ends that went by unseen, legs of nobody."""

import asyncio

import pytest

from ari_app.errors import AmiUnavailableError, AriUnavailableError
from charging import commands as cmd
from charging import events as ev
from charging.cdr import Disposition, EndSource
from charging.session import Phase
from tests.unit.ari_app.morning import (
    CALLER_CHANNEL,
    TRUNK,
    Morning,
    SomeStore,
    ago,
    epoch,
    leg_channel,
    live,
    saved,
    talking_since,
)
from tests.unit.ari_app.office import CALL_ID, JERSEY, LEG, changed, destroyed, entered, leg, until

# --- adoption ------------------------------------------------------------------------------------------------


async def test_talking_call_is_adopted_and_its_alarm_kept(morning: Morning) -> None:
    morning.store.sessions = [talking_since(1)]
    morning.ari.channels = [CALLER_CHANNEL, leg_channel()]

    await morning.compare()
    await until(lambda: morning.desk.notes.commands)
    morning.desk.board.stop()

    assert morning.session.phase is Phase.TALKING
    assert [type(command) for command in morning.desk.notes.commands] == [cmd.CheckDeadline], "followed, not hung up"
    assert morning.desk.board.reconciled


async def test_call_saved_before_its_answer_is_found_talking(morning: Morning) -> None:
    morning.store.sessions = [saved(started_ago_s=200)]
    answered_at = ago(1).replace(microsecond=250_000)  # Asterisk writes milliseconds
    morning.ari.channels = [CALLER_CHANNEL, leg_channel(answered=epoch(answered_at))]

    await morning.compare()
    await until(lambda: morning.desk.notes.commands)
    morning.desk.board.stop()

    assert morning.session.phase is Phase.TALKING, "its ring limit is over, but it was answered in time"
    assert morning.session.legs[0].answered_at == answered_at


async def test_call_that_ended_while_away_is_settled_by_the_handlers_record(morning: Morning) -> None:
    morning.store.sessions = [talking_since(60)]
    record = f"{CALL_ID},{epoch(ago(60))},{epoch(ago(55.5))},16,{TRUNK}"
    morning.ami.tree = {f"2026110209/{LEG}": record}

    await morning.compare()

    [settle] = morning.desk.notes.settled()
    assert (settle.cdr.end_source, settle.cdr.billable_s, settle.cdr.hangup_cause) == (EndSource.HANDLER, 5, 16)


async def test_call_answered_and_ended_while_away_is_charged_by_the_record(morning: Morning) -> None:
    morning.store.sessions = [saved(started_ago_s=300)]
    record = f"{CALL_ID},{epoch(ago(290))},{epoch(ago(283.5))},16,{TRUNK}"
    morning.ami.tree = {f"2026110209/{LEG}": record}

    await morning.compare()

    [settle] = morning.desk.notes.settled()
    assert (settle.cdr.end_source, settle.cdr.billable_s, settle.cdr.leg) == (EndSource.HANDLER, 7, 1)


async def test_two_legs_answered_and_ended_while_away_have_a_record_each(morning: Morning) -> None:
    morning.store.sessions = [saved(started_ago_s=300)]
    first = f"{CALL_ID},{epoch(ago(290))},{epoch(ago(283.5))},16,{TRUNK}"
    second = f"{CALL_ID},{epoch(ago(289))},{epoch(ago(283.5))},16,{TRUNK}"
    morning.ami.tree = {f"2026110209/{LEG}": first, "2026110209/1793609999.9": second}

    await morning.compare()
    await until(lambda: len(morning.desk.notes.settled()) == 2)
    morning.desk.board.stop()

    records = [settle.cdr for settle in morning.desk.notes.settled()]
    talked = {(cdr.leg, cdr.billable_s, cdr.charged_micros > 0) for cdr in records}
    assert talked == {(1, 7, True), (2, 0, False)}, "the first one pays"


async def test_leg_answered_unheard_before_the_one_that_talks_is_known_by_its_own_record(morning: Morning) -> None:
    morning.store.sessions = [talking_since(60)]
    talking = f"{CALL_ID},{epoch(ago(60))},{epoch(ago(55.5))},16,{TRUNK}"
    unheard = f"{CALL_ID},{epoch(ago(60.4))},{epoch(ago(55.5))},16,{TRUNK}"
    morning.ami.tree = {f"2026110209/{LEG}": talking, "2026110209/1793609999.9": unheard}

    await morning.compare()

    records = {settle.cdr.leg: settle.cdr for settle in morning.desk.notes.settled()}
    assert {number: cdr.end_source for number, cdr in records.items()} == dict.fromkeys((1, 2), EndSource.HANDLER)
    assert (records[1].unfunded_micros, records[2].charged_micros) == (0, 0)


async def test_call_whose_end_nobody_knows_is_charged_up_to_what_was_paid(morning: Morning) -> None:
    morning.store.sessions = [talking_since(60)]

    await morning.compare()

    [settle] = morning.desk.notes.settled()
    assert (settle.cdr.end_source, settle.cdr.billable_s, settle.cdr.charged_micros) == (
        EndSource.LAST_SEEN,
        10,
        100_000,
    )


async def test_call_that_was_never_answered_and_is_gone_costs_nothing(morning: Morning) -> None:
    morning.store.sessions = [saved()]

    await morning.compare()
    await until(morning.desk.notes.settled)
    morning.desk.board.stop()

    [settle] = morning.desk.notes.settled()
    assert (settle.cdr.disposition, settle.cdr.charged_micros) == (Disposition.NO_ANSWER, 0)


async def test_session_that_is_damaged_does_not_stop_the_others(morning: Morning) -> None:
    morning.store = SomeStore([talking_since(3)], damaged=["{}"])
    morning.ari.channels = [CALLER_CHANNEL, leg_channel()]

    await morning.compare()
    morning.desk.board.stop()

    assert list(morning.desk.board.calls) == [CALL_ID]


async def test_session_of_a_call_that_ended_lately_is_not_adopted(morning: Morning) -> None:
    board = morning.desk.board
    board.caller_entered(entered(CALL_ID, "00870773123456"))
    board.calls[CALL_ID].post(ev.Settled(ago(0), 0))
    morning.store.sessions = [saved()]

    await morning.compare()

    assert board.calls == {}


# --- what does not answer --------------------------------------------------------------------------------------


async def test_nothing_is_adopted_while_ami_is_away(morning: Morning) -> None:
    morning.store.sessions = [talking_since(3)]
    morning.ari.channels = [CALLER_CHANNEL, leg_channel()]
    morning.ami.connected = False

    with pytest.raises(AmiUnavailableError):
        await morning.compare()
    assert morning.desk.board.calls == {}

    morning.ami.connected = True
    await morning.compare()
    morning.desk.board.stop()
    assert morning.session.phase is Phase.TALKING


async def test_call_that_was_out_of_sight_is_seen_whole_once_ami_tells_what_ended_legs_left(morning: Morning) -> None:
    await live(morning)
    call = morning.desk.board.calls[CALL_ID]
    morning.ari.channels = [CALLER_CHANNEL, leg_channel()]
    await morning.compare()
    before = call.is_seen_whole

    morning.desk.board.lose_sight()
    morning.reconciler.reconnected()
    morning.ami.connected = False
    await morning.compare()
    meanwhile = call.is_seen_whole

    morning.ami.connected = True
    await morning.compare()
    morning.desk.board.stop()
    assert (before, meanwhile, call.is_seen_whole) == (True, False, True)


async def test_loss_of_ami_alone_hides_nothing(morning: Morning) -> None:
    await live(morning)
    morning.ari.channels = [CALLER_CHANNEL, leg_channel()]
    await morning.compare()
    morning.ami.connected = False
    morning.reconciler.reconnected()

    await morning.compare()
    morning.desk.board.stop()
    assert morning.desk.board.calls[CALL_ID].is_seen_whole


async def test_nothing_is_concluded_where_ari_refuses_the_list(morning: Morning) -> None:
    morning.store.sessions = [talking_since(60)]
    morning.ari.status_code = 500

    with pytest.raises(AriUnavailableError, match="500"):
        await morning.compare()
    await asyncio.sleep(0.05)
    assert morning.desk.notes.commands == []
    assert not morning.desk.board.reconciled

    morning.ari.status_code = 200
    await morning.compare()
    assert len(morning.desk.notes.settled()) == 1


# --- live calls --------------------------------------------------------------------------------------------------


async def test_leg_and_answer_that_went_by_unseen_are_found(morning: Morning) -> None:
    await live(morning)
    morning.ari.channels = [CALLER_CHANNEL, leg_channel("Ringing")]
    await morning.compare()
    assert [each.answered_at for each in morning.session.legs] == [None]

    morning.ari.channels = [CALLER_CHANNEL, leg_channel("Up")]
    await morning.compare()
    morning.desk.board.stop()

    assert morning.session.phase is Phase.TALKING


async def test_caller_that_went_by_unseen_is_found(morning: Morning) -> None:
    await live(morning)

    await morning.compare()
    morning.desk.board.stop()

    assert morning.session.caller_gone


async def test_events_during_the_comparison_win_over_what_it_infers(morning: Morning) -> None:
    await live(morning)
    board = morning.desk.board
    board.channel_event(changed(1, leg("Up")))

    def leg_ends() -> None:
        asyncio.get_running_loop().call_later(0.005, board.channel_event, destroyed(4, leg("Up")))

    morning.ari.meanwhile = leg_ends
    await morning.compare()

    [settle] = morning.desk.notes.settled()
    assert (settle.cdr.end_source, settle.cdr.billable_s) == (EndSource.EVENT, 3)


async def test_call_that_enters_during_the_comparison_is_left_alone(morning: Morning) -> None:
    morning.ari.meanwhile = lambda: morning.desk.board.caller_entered(entered(CALL_ID, JERSEY, when=ago(0)))

    await morning.compare()
    morning.desk.board.stop()

    assert morning.session.phase is Phase.OPENING
    assert not morning.session.caller_gone


# --- legs of nobody ------------------------------------------------------------------------------------------------


async def test_answered_leg_of_no_session_is_judged(morning: Morning) -> None:
    morning.ari.channels = [leg_channel("Up")]

    await morning.compare()

    assert morning.desk.strays.listed == [LEG]


@pytest.mark.parametrize("state", ["Ringing", "Down", "Ring"])
async def test_leg_of_no_session_that_only_rings_is_left_to_the_answer(morning: Morning, state: str) -> None:
    morning.ari.channels = [leg_channel(state)]

    await morning.compare()

    assert morning.desk.notes.refused == []


async def test_emergency_leg_of_no_session_is_followed(morning: Morning) -> None:
    channel = leg_channel("Up")
    channel["channelvars"]["TOLLGATE_CALL"] = f"emergency|{CALL_ID}|PJSIP/101-00000001|112"
    morning.ari.channels = [channel]

    await morning.compare()

    assert morning.desk.notes.refused == []
    assert morning.session.phase is Phase.TALKING


@pytest.mark.parametrize("mark", ["emergency", "away"])
async def test_answer_that_went_by_unseen_and_is_not_noted_is_the_one_of_asterisks_cdr(
    morning: Morning, mark: str
) -> None:
    channel = leg_channel("Up")
    channel["channelvars"] = {"TOLLGATE_CALL": f"{mark}|{CALL_ID}|PJSIP/101-00000001|112"}
    morning.ari.channels = [channel]
    answered_at = ago(20)
    morning.ari.answers[LEG] = f"{answered_at.timestamp():.6f}"

    await morning.compare()

    assert [leg.answered_at for leg in morning.session.legs] == [answered_at]


async def test_leg_that_ends_while_its_answer_is_read_lives_no_more(morning: Morning) -> None:
    await live(morning)
    morning.ari.channels = [CALLER_CHANNEL, leg_channel("Ringing")]
    await morning.compare()
    morning.ari.channels = [CALLER_CHANNEL, leg_channel("Up")]
    morning.ari.answers[LEG] = ""
    answered_at = ago(5).replace(microsecond=250_000)
    morning.ami.tree = {f"2026110209/{LEG}": f"{CALL_ID},{epoch(answered_at)},{epoch(ago(1))},16,{TRUNK}"}

    await morning.compare()

    [settle] = morning.desk.notes.settled()
    assert (settle.cdr.answered_at, settle.cdr.end_source) == (answered_at, EndSource.HANDLER)


async def test_leg_of_no_session_that_calls_an_emergency_is_left_alone(morning: Morning) -> None:
    morning.ari.channels = [{**leg_channel("Up"), "dialplan": {"context": "tg-emergency"}}]

    await morning.compare()

    assert morning.desk.notes.refused == []
