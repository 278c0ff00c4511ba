"""What a comparison says that it found: alive, ended, unknown; and how it takes a damaged session and a store away."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from ari_app import reconcile
from ari_app.errors import AmiUnavailableError, AriUnavailableError
from ari_app.leg_records import LegRecord, by_call, parse_leg_record
from charging import events as ev
from charging.cdr import Disposition, EndSource
from charging.session import Phase
from store.errors import StoreUnavailableError
from tests.unit.ari_app.morning import (
    CALLER_CHANNEL,
    TRUNK,
    Morning,
    SomeStore,
    ago,
    asterisk_since,
    epoch,
    json_channel,
    leg_channel,
    live,
    saved,
    talking_since,
)
from tests.unit.ari_app.office import CALL_ID, LEG, changed, leg, until

DAMAGED = "damaged-1"
SECOND = "1793610000.9"


def record(
    answered_ago_s: float, ended_ago_s: float, *, channel: str = LEG, hour: str = "2026110209"
) -> dict[str, str]:
    return {f"{hour}/{channel}": f"{CALL_ID},{epoch(ago(answered_ago_s))},{epoch(ago(ended_ago_s))},16,{TRUNK}"}


# --- alive -----------------------------------------------------------------------------------------------------


async def test_call_that_is_adopted_and_goes_on_is_alive(morning: Morning) -> None:
    morning.store.sessions = [talking_since(1)]
    morning.ari.channels = [CALLER_CHANNEL, leg_channel()]

    found = await morning.compare()
    morning.desk.board.stop()

    assert (found.alive, found.adopted, found.ended, found.unknown) == (1, {CALL_ID}, {}, frozenset())
    assert found.is_something
    assert found.last_entry == 7


async def test_second_comparison_of_the_same_call_finds_nothing_new(morning: Morning) -> None:
    morning.store.sessions = [talking_since(1)]
    morning.ari.channels = [CALLER_CHANNEL, leg_channel()]

    await morning.compare()
    found = await morning.compare()
    morning.desk.board.stop()

    assert found.alive == 1
    assert not found.is_something


async def test_call_whose_caller_was_transferred_away_goes_on(morning: Morning) -> None:
    """The leg lives on in the dialplan, with what is paid for it."""
    morning.store.sessions = [talking_since(1)]
    morning.ari.channels = [leg_channel()]

    found = await morning.compare()
    morning.desk.board.stop()

    assert found.alive == 1
    assert (morning.session.phase, morning.session.caller_gone) == (Phase.TALKING, True)


async def test_second_leg_after_a_fail_over_that_went_by_unseen_is_the_one_that_talks(morning: Morning) -> None:
    morning.store.sessions = [
        saved(ev.SessionOpened(ago(9)), ev.CallerAdmitted(ago(9)), ev.LegSeen(ago(8), LEG, TRUNK), started_ago_s=9)
    ]
    answered_at = ago(1).replace(microsecond=250_000)
    second = json_channel(SECOND, "PJSIP/carrier2-00000003", answered=epoch(answered_at))
    morning.ari.channels = [CALLER_CHANNEL, second]

    found = await morning.compare()
    morning.desk.board.stop()

    talking = morning.session.talking_leg
    assert talking is not None
    assert (talking.channel_id, talking.trunk, talking.answered_at) == (SECOND, "carrier2", answered_at)
    assert [each.channel_id for each in morning.session.legs] == [SECOND], "the first has ended unanswered"
    assert (found.alive, found.ended) == (1, {})


@pytest.mark.parametrize("opened", [False, True], ids=["held", "verdict on its way"])
async def test_caller_to_whom_the_verdict_never_came_keeps_the_hold_until_gone(
    morning: Morning, *, opened: bool
) -> None:
    """Killed between the commit and the continue: nobody knows whether the verdict arrived, so the caller may dial."""
    events = [ev.SessionOpened(ago(0.5))] if opened else []
    morning.store.sessions = [saved(*events, started_ago_s=0.6)]
    morning.ari.channels = [CALLER_CHANNEL]

    found = await morning.compare()
    assert (found.alive, morning.session.phase) == (1, Phase.DIALLING)
    assert morning.desk.notes.settled() == []

    morning.ari.channels = []
    found = await morning.compare()
    await until(morning.desk.notes.settled)
    [settle] = morning.desk.notes.settled()
    assert found.ended == {CALL_ID: None}
    assert (settle.cdr.disposition, settle.cdr.charged_micros) == (Disposition.NO_ANSWER, 0)


# --- ended -----------------------------------------------------------------------------------------------------


async def test_call_that_ended_unseen_is_counted_with_how_its_end_is_known(morning: Morning) -> None:
    morning.store.sessions = [talking_since(60)]
    morning.ami.tree = record(60, 55.5)

    found = await morning.compare()

    assert (found.alive, found.ended) == (0, {CALL_ID: EndSource.HANDLER})


async def test_call_that_was_saved_after_its_end_is_settled_as_its_end_was_seen(morning: Morning) -> None:
    """Saved between the end of its leg and the settlement, which its service did not live to see."""
    answered_at, ended_at = ago(60), ago(55.5)
    morning.store.sessions = [
        saved(
            ev.SessionOpened(ago(62)),
            ev.CallerAdmitted(ago(62)),
            ev.LegAnswered(answered_at, LEG, TRUNK),
            ev.LegEnded(ended_at, LEG, TRUNK, 16),
            started_ago_s=62,
        )
    ]

    found = await morning.compare()

    [settle] = morning.desk.notes.settled()
    assert (settle.cdr.answered_at, settle.cdr.ended_at, settle.close) == (answered_at, ended_at, True)
    assert (settle.cdr.charged_micros, settle.cdr.end_source) == (50_000, EndSource.EVENT)
    assert found.ended == {CALL_ID: EndSource.EVENT}


async def test_call_that_left_a_cdr_and_no_record_is_settled_by_the_cdr(morning: Morning) -> None:
    morning.store.sessions = [talking_since(60)]
    ends = by_call([replace(_parsed(record(60, 53.5)), source=EndSource.ASTERISK_CDR)])
    morning.cdrs = ends

    found = await morning.compare()

    [settle] = morning.desk.notes.settled()
    assert (settle.cdr.end_source, settle.cdr.billable_s) == (EndSource.ASTERISK_CDR, 7)
    assert found.ended == {CALL_ID: EndSource.ASTERISK_CDR}


async def test_hang_up_handlers_record_is_believed_before_the_cdr(morning: Morning) -> None:
    morning.store.sessions = [talking_since(60)]
    morning.ami.tree = record(60, 55.5)
    morning.cdrs = by_call([replace(_parsed(record(60, 51.5)), source=EndSource.ASTERISK_CDR)])

    await morning.compare()

    [settle] = morning.desk.notes.settled()
    assert (settle.cdr.end_source, settle.cdr.billable_s) == (EndSource.HANDLER, 5)


async def test_call_that_no_trace_is_left_of_was_over_when_asterisk_started_again(morning: Morning) -> None:
    """Its handler never ran: Asterisk was killed. What it talked after that nobody can have paid for."""
    morning.store.sessions = [talking_since(60)]
    morning.ari.info = asterisk_since(55.5)

    found = await morning.compare()

    [settle] = morning.desk.notes.settled()
    assert (settle.cdr.end_source, settle.cdr.billable_s) == (EndSource.LAST_SEEN, 5)
    assert found.ended == {CALL_ID: EndSource.LAST_SEEN}


async def test_call_that_never_was_answered_and_is_gone_ends_when_its_asterisk_did(morning: Morning) -> None:
    morning.store.sessions = [saved(started_ago_s=300)]
    morning.ari.info = asterisk_since(60)

    found = await morning.compare()
    await until(morning.desk.notes.settled)

    [settle] = morning.desk.notes.settled()
    assert found.ended == {CALL_ID: None}
    assert abs(settle.cdr.ended_at - ago(60)) < timedelta(seconds=2)


async def test_call_whose_own_event_comes_meanwhile_did_not_end_unseen(morning: Morning) -> None:
    await live(morning)
    board = morning.desk.board
    board.channel_event(changed(1, leg("Up")))

    def leg_ends() -> None:
        ended = ev.LegEnded(ago(0), LEG, TRUNK, 16)
        asyncio.get_running_loop().call_later(0.005, board.calls[CALL_ID].post, ended)

    morning.ari.meanwhile = leg_ends
    found = await morning.compare()

    assert found.ended == {}


# --- unknown, damaged ------------------------------------------------------------------------------------------


async def test_leg_that_nobody_answers_for_is_unknown_and_told_once(morning: Morning) -> None:
    morning.ari.channels = [leg_channel()]

    first, second = await morning.compare(), await morning.compare()

    assert first.unknown == second.unknown == {LEG}
    assert (first.is_something, second.is_something) == (True, False)


def around(state: str = "Up", application: str = "AppDial") -> dict[str, Any]:
    """Return a leg that names no call."""
    return {**leg_channel(state), "channelvars": {}, "dialplan": {"app_name": application}}


@pytest.mark.parametrize("application", ["AppDial", "VoiceMail"])
async def test_leg_around_the_gate_is_unknown_and_told_once(morning: Morning, application: str) -> None:
    morning.ari.channels = [around(application=application)]

    first, second = await morning.compare(), await morning.compare()
    morning.desk.strays.judged = [LEG]
    third, fourth = await morning.compare(), await morning.compare()

    assert first.unknown == second.unknown == {LEG}
    assert third.unknown == fourth.unknown == frozenset()
    assert [found.is_something for found in (first, second, third, fourth)] == [True, False, False, False]


@pytest.mark.parametrize(
    ("channel", "variables"),
    [
        (around("Ring"), {}),
        (around(application="VoiceMail"), {"CALLERID(dnid)": "0145678900"}),
        (around("Down"), {}),
        (around(), {"TOLLGATE_CALL": CALL_ID}),
        (around(), {"TOLLGATE_CALL": f"emergency|{CALL_ID}|PJSIP/101-1|112"}),
    ],
    ids=["inbound, ringing", "inbound", "just created", "of a call that ari.conf does not show", "let through"],
)
async def test_leg_that_came_in_or_has_its_call_is_not_unknown(
    morning: Morning, channel: dict[str, Any], variables: dict[str, str]
) -> None:
    morning.ari.channels = [channel]
    morning.ari.variables = variables

    found = await morning.compare()

    assert (found.unknown, found.is_something) == (frozenset(), False)


async def test_damaged_session_is_alerted_and_its_leg_talks_on(morning: Morning) -> None:
    morning.store = SomeStore(damaged=["{}"])
    channel = leg_channel()
    channel["channelvars"]["TOLLGATE_CALL"] = DAMAGED
    morning.ari.channels = [channel]

    first, second = await morning.compare(), await morning.compare()

    assert first.unknown == {DAMAGED}
    assert (first.is_something, second.is_something) == (True, False)
    assert set(morning.told) == {f"session:{DAMAGED}"}
    assert morning.desk.notes.refused == [], "what it talks for is held"

    morning.desk.board.channel_event(changed(1, leg("Up", variable=DAMAGED)))
    assert morning.desk.notes.refused == [], "one that is answered later too"


async def test_leg_of_a_damaged_session_that_is_charged_already_is_unknown(morning: Morning) -> None:
    """Its hold is past: it would talk unpaid."""
    morning.store = SomeStore(damaged=["{}"])
    channel = leg_channel()
    channel["channelvars"]["TOLLGATE_CALL"] = DAMAGED
    morning.ari.channels = [channel]
    await morning.compare()

    morning.store.damaged = []
    found = await morning.compare()

    assert found.unknown == {LEG}


async def test_damaged_session_needs_no_ami(morning: Morning) -> None:
    morning.store = SomeStore(damaged=["{}"])
    morning.desk.board.reconciled = True
    morning.ami.connected = False

    assert (await morning.compare()).unknown == {DAMAGED}


# --- a store that is away --------------------------------------------------------------------------------------


async def test_nothing_is_compared_before_the_sessions_have_been_read(morning: Morning) -> None:
    morning.store.is_away = True
    morning.ari.channels = [leg_channel()]

    with pytest.raises(StoreUnavailableError):
        await morning.compare()

    assert morning.desk.notes.refused == []


async def test_calls_in_memory_are_compared_while_the_store_is_away(morning: Morning) -> None:
    await live(morning)
    morning.ari.channels = [CALLER_CHANNEL]
    await morning.compare()
    morning.store.is_away = True
    morning.ari.channels = []

    found = await morning.compare()
    morning.desk.board.stop()

    assert found.ended == {CALL_ID: None}
    assert found.last_entry == 7, "what it moves comes after the newest entry that was known"


# --- old records -----------------------------------------------------------------------------------------------


async def test_record_of_hours_ago_waits_for_the_store_and_for_its_settlement(
    morning: Morning, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The store was away for three hours, and the service was killed and started again meanwhile."""
    monkeypatch.setattr(reconcile, "FORGET_EVERY", timedelta(0))
    three_hours = 3 * 3600
    hour = ago(three_hours).strftime("%Y%m%d%H")
    morning.store.sessions = [talking_since(three_hours + 60)]
    morning.ami.tree = record(three_hours + 60, three_hours + 52.5, hour=hour)
    morning.store.is_away = True
    with pytest.raises(StoreUnavailableError):
        await morning.compare()
    assert morning.ami.deleted == []

    morning.store.is_away = False
    await morning.compare()
    [settle] = morning.desk.notes.settled()
    assert (settle.cdr.end_source, settle.cdr.billable_s) == (EndSource.HANDLER, 8)
    assert morning.ami.deleted == [], "its settlement is not committed yet: a kill now must not lose its end"

    morning.store.sessions = []
    morning.desk.board.calls[CALL_ID].post(ev.Settled(ago(0), 1))
    await morning.compare()
    assert morning.ami.deleted == [hour]


async def test_record_of_a_call_that_the_dialplan_let_through_hours_ago_is_kept_until_it_is_settled(
    morning: Morning, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The service was away for hours; of an included call made meanwhile the record is all that there is."""
    monkeypatch.setattr(reconcile, "FORGET_EVERY", timedelta(0))
    three_hours = 3 * 3600
    hour = ago(three_hours).strftime("%Y%m%d%H")
    mark = f"away|{CALL_ID}|PJSIP/101-00000001|0145678901"
    moments = f"{epoch(ago(three_hours + 60))},{epoch(ago(three_hours + 52.5))}"
    morning.ami.tree = {f"{hour}/{LEG}": f"{mark},{moments},16,{TRUNK}"}

    await morning.compare()
    [settle] = morning.desk.notes.settled()
    assert (settle.cdr.dialled, settle.cdr.billable_s, settle.cdr.end_source) == ("0145678901", 8, EndSource.HANDLER)
    assert morning.ami.deleted == [], "its settlement is not committed yet: a kill now must not lose it"

    morning.desk.board.calls[CALL_ID].post(ev.Settled(ago(0), 1))
    await morning.compare()
    assert morning.ami.deleted == [hour]


async def test_leg_that_came_and_went_while_ari_was_cut_is_charged_though_its_caller_lives_on(
    morning: Morning,
) -> None:
    await live(morning)
    morning.ari.channels = [CALLER_CHANNEL]
    await morning.compare()
    morning.ami.tree = record(12, 4.5)

    morning.reconciler.reconnected()
    found = await morning.compare()

    [settle] = morning.desk.notes.settled()
    assert (settle.cdr.charged_micros, settle.cdr.end_source) == (80_000, EndSource.HANDLER)
    assert found.ended == {CALL_ID: EndSource.HANDLER}


@pytest.mark.parametrize(
    ("lost_ago_s", "started_ago_s", "talked_s"),
    [(40, 10, 5), (8, 10, 35)],
    ids=["killed, and started again after half a minute", "cut off after its start"],
)
async def test_leg_without_a_record_ended_with_the_last_sign_of_its_asterisk(
    morning: Morning, lost_ago_s: float, started_ago_s: float, talked_s: int
) -> None:
    await live(morning)
    morning.ari.channels = [CALLER_CHANNEL, leg_channel()]
    await morning.compare()
    live_call = morning.desk.board.calls[CALL_ID]
    live_call.post(ev.SliceGranted(ago(40), 2, 120, 1_200_000))
    live_call.session = live_call.session.with_leg(replace(live_call.session.legs[0], answered_at=ago(45)))
    morning.ari.channels = []
    morning.ari.info = asterisk_since(started_ago_s)

    morning.reconciler.lost(ago(lost_ago_s))
    await morning.compare()

    [settle] = morning.desk.notes.settled()
    assert settle.cdr.answered_at is not None
    talked = settle.cdr.ended_at - settle.cdr.answered_at
    assert abs(talked - timedelta(seconds=talked_s)) < timedelta(seconds=0.5)
    assert settle.cdr.end_source is EndSource.LAST_SEEN


async def test_old_records_are_kept_while_the_store_cannot_say_who_needs_them(
    morning: Morning, monkeypatch: pytest.MonkeyPatch
) -> None:
    await morning.compare()
    monkeypatch.setattr(reconcile, "FORGET_EVERY", timedelta(0))
    morning.reconciler._forget_at = ago(1)
    morning.ami.tree = record(4 * 3600, 3 * 3600, hour="2026010100")
    morning.store.is_away = True

    await morning.compare()

    assert morning.ami.deleted == []


async def test_comparison_that_fails_under_way_goes_on_with_what_it_had_found(morning: Morning) -> None:
    morning.store.sessions = [talking_since(60)]
    morning.ari.status_code = 500
    with pytest.raises(AriUnavailableError):
        await morning.compare()
    morning.ari.status_code = 200

    found = await morning.compare()

    assert (found.adopted, found.ended) == ({CALL_ID}, {CALL_ID: EndSource.LAST_SEEN})


async def test_store_that_gives_no_answer_is_away(morning: Morning, monkeypatch: pytest.MonkeyPatch) -> None:
    await live(morning)
    morning.ari.channels = [CALLER_CHANNEL]
    await morning.compare()
    monkeypatch.setattr(reconcile, "STORE_LIMIT_S", 0.01)
    monkeypatch.setattr(morning.store, "last_entry", lambda: asyncio.sleep(60))
    morning.ari.channels = []

    async with asyncio.timeout(5):
        found = await morning.compare()
    morning.desk.board.stop()

    assert found.ended == {CALL_ID: None}


async def test_gone_channels_are_not_judged_without_ami(morning: Morning) -> None:
    await live(morning)
    morning.ami.connected = False

    with pytest.raises(AmiUnavailableError):
        await morning.compare()
    morning.desk.board.stop()

    assert not morning.session.caller_gone


def _parsed(tree: dict[str, str]) -> LegRecord:
    [(key, value)] = tree.items()
    parsed = parse_leg_record(key, value)
    assert parsed is not None
    return parsed
