"""A live call keeps its alarm: rung when due, silent before it is followed and after it has stopped."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import cast

import pytest

from ari_app.clock import Clock
from ari_app.execute import CommandExecutor
from ari_app.live import LiveCall
from charging import commands as cmd
from charging import events as ev
from charging.policy import MeteringPolicy
from charging.session import Session, begin, observe
from tests.unit.ari_app.office import Notes, until
from tests.unit.charging.story import LEG, TRUNK, free_call, paid_call

QUICK = MeteringPolicy(check_deadline_ms=20)


def now() -> datetime:
    return datetime.now(UTC)


def live_call(of: Session | None = None) -> tuple[LiveCall, Notes, list[LiveCall]]:
    notes = Notes()
    closed: list[LiveCall] = []
    session = of or begin(paid_call(started_at=now()), QUICK)[0]
    live = LiveCall(session, QUICK, cast("CommandExecutor", notes), Clock(), closed.append)
    return live, notes, closed


async def test_start_carries_the_first_commands_out() -> None:
    live, notes, _ = live_call()

    live.start(begin(live.session.call, QUICK))
    live.stop()

    assert notes.commands == [cmd.OpenSession(100_000, 10)]


async def test_alarm_rings_when_it_is_due() -> None:
    live, notes, _ = live_call()
    live.start((live.session, ()))
    for event in (ev.SessionOpened(now()), ev.CallerAdmitted(now()), ev.LegAnswered(now(), LEG, TRUNK)):
        live.post(event)

    await until(lambda: any(isinstance(command, cmd.CheckDeadline) for command in notes.commands))
    live.stop()


async def test_call_without_a_leg_is_not_over_while_its_legs_may_come_unseen() -> None:
    session = begin(paid_call(started_at=now()), QUICK)[0]
    live, notes, _ = live_call(session)
    live.start((session, ()))
    live.post(ev.SessionOpened(now()))
    live.post(ev.CallerAdmitted(now()))
    live.lose_sight()
    live.post(ev.CallerGone(now() - timedelta(seconds=1)))

    await asyncio.sleep(0.05)
    assert notes.settled() == [], "its leg may have been answered meanwhile, and be transferred"

    live.follow()
    await until(notes.settled)
    live.stop()


async def test_call_without_a_leg_is_not_over_while_what_was_told_meanwhile_is_unread(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("ari_app.live.READS_UP_S", 0.05)
    started_at = now() - timedelta(hours=1)  # the service stood still
    live, notes, _ = live_call(begin(paid_call(started_at=started_at), QUICK)[0])
    live.start((live.session, ()))
    live.post(ev.SessionOpened(started_at))
    live.post(ev.CallerAdmitted(started_at))
    await asyncio.sleep(0.02)
    assert notes.settled() == []

    live.post(ev.LegAnswered(started_at + timedelta(seconds=2), LEG, TRUNK))
    live.post(ev.LegEnded(started_at + timedelta(seconds=5), LEG, TRUNK, 16))
    [settle] = notes.settled()
    assert (settle.cdr.billable_s, settle.cdr.unfunded_micros) == (3, 0)


async def test_call_without_a_leg_is_over_once_what_was_told_meanwhile_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ari_app.live.READS_UP_S", 0.05)
    started_at = now() - timedelta(hours=1)
    live, notes, _ = live_call(begin(paid_call(started_at=started_at), QUICK)[0])
    live.start((live.session, ()))
    live.post(ev.SessionOpened(started_at))
    live.post(ev.CallerAdmitted(started_at))

    await until(notes.settled)
    live.stop()


async def test_call_that_is_not_followed_yet_keeps_no_alarm() -> None:
    live, notes, _ = live_call(observe(free_call(), now() - timedelta(hours=1)))
    live.post(ev.CallerHangupRequested(now()))

    await asyncio.sleep(0.05)
    assert notes.settled() == [], "its ring limit is long over, but nobody has looked at its channels"

    live.follow()
    await until(notes.settled)
    live.stop()
    assert len(notes.settled()) == 1


async def test_alarm_moves_when_an_event_moves_the_moment() -> None:
    live, notes, _ = live_call()
    live.start((live.session, ()))
    live.post(ev.SessionOpened(now()))
    live.post(ev.CallerAdmitted(now()))
    live.post(ev.LegSeen(now(), LEG, TRUNK))
    live.post(ev.CallerHangupRequested(now()))
    assert not notes.commands[1:], "only the ring limit is waited for, which is far"

    live.post(ev.LegAnswered(now(), LEG, TRUNK))
    live.post(ev.LegSeen(now(), LEG, TRUNK))
    await until(lambda: any(isinstance(command, cmd.CheckDeadline) for command in notes.commands))
    live.stop()


async def test_stopped_call_keeps_no_alarm() -> None:
    live, notes, _ = live_call()
    live.start((live.session, ()))
    live.post(ev.SessionOpened(now()))
    live.post(ev.LegAnswered(now(), LEG, TRUNK))
    live.stop()
    before = len(notes.commands)

    await asyncio.sleep(0.05)

    assert len(notes.commands) == before


async def test_closed_call_says_so_once() -> None:
    live, _, closed = live_call()
    live.start((live.session, ()))
    live.post(ev.CallerGone(now()))
    live.post(ev.SessionOpened(now()))
    live.post(ev.Settled(now(), 0))

    assert closed == [live]
