"""Whatever is said of a call, in whatever order, twice or never: the promises hold after each event."""

from dataclasses import replace
from datetime import datetime, timedelta

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from charging import commands as cmd
from charging import events as ev
from charging.adoption import adopted
from charging.call import Call
from charging.cdr import EndSource
from charging.saved import dump_session, load_session
from charging.session import Phase, Session, begin, next_wake_at, step
from rating.decision import DenyReason
from rating.destination import DestinationClass
from tests.effort import EFFORT
from tests.unit.charging.story import (
    PER_MINUTE,
    POLICY,
    T0,
    at,
    emergency_call,
    free_call,
    paid_call,
)

CHANNELS = st.sampled_from(["leg-1", "leg-2", "leg-3"])
TRUNKS = st.sampled_from(["carrier1", "carrier2"])
MOMENTS = st.one_of(
    st.floats(0, 30, allow_nan=False).map(lambda seconds: at(round(seconds, 3))),
    st.integers(0, 100_000).map(at),
)
SLICES = st.integers(1, 5)
SECONDS = st.integers(0, 600)
CALLS = st.builds(
    lambda call, longest_s, trunks: replace(call, longest_call_s=longest_s, trunks=trunks),
    st.sampled_from(
        [paid_call(), paid_call(PER_MINUTE), free_call(), emergency_call(), emergency_call(account_id=None)]
    ),
    st.none() | st.integers(1, 3600),
    st.integers(1, 3),
)


def _granted(when: datetime, slice_no: int, paid_s: int) -> ev.SliceGranted:
    return ev.SliceGranted(when, slice_no, paid_s, paid_s * 10_000)


EVENTS: st.SearchStrategy[ev.Event] = st.one_of(
    st.builds(ev.SessionOpened, MOMENTS),
    st.builds(ev.SessionDenied, MOMENTS, st.sampled_from([DenyReason.NO_FUNDS, DenyReason.STORE_DOWN]), st.just("")),
    st.builds(ev.CallerAdmitted, MOMENTS),
    st.builds(ev.AdmissionMissed, MOMENTS),
    st.builds(ev.LegSeen, MOMENTS, CHANNELS, TRUNKS),
    st.builds(ev.LegAnswered, MOMENTS, CHANNELS, TRUNKS),
    st.builds(ev.LegHangupRequested, MOMENTS, CHANNELS),
    st.builds(
        ev.LegEnded,
        MOMENTS,
        CHANNELS,
        TRUNKS,
        st.none() | st.sampled_from([0, 16, 17, 34, 127]),
        st.sampled_from(EndSource),
        st.none() | MOMENTS,
    ),
    st.builds(ev.LegExempted, MOMENTS, CHANNELS),
    st.builds(ev.CallerHangupRequested, MOMENTS),
    st.builds(ev.CallerGone, MOMENTS),
    st.builds(_granted, MOMENTS, SLICES, SECONDS),
    st.builds(ev.SliceDenied, MOMENTS, SLICES, st.just(DenyReason.NO_FUNDS)),
    st.builds(ev.DeadlineArmed, MOMENTS, CHANNELS, MOMENTS),
    st.builds(ev.DeadlineFailed, MOMENTS, CHANNELS),
    st.builds(ev.Woke, MOMENTS),
    st.builds(ev.Settled, MOMENTS, st.integers(0, 3)),
)

BEGINNINGS = st.sampled_from(
    [
        (),
        (ev.SessionOpened(at(0.1)),),
        (ev.SessionOpened(at(0.1)), ev.CallerAdmitted(at(0.2)), ev.LegSeen(at(1), "leg-1", "carrier1")),
        (ev.SessionOpened(at(0.1)), ev.CallerAdmitted(at(0.2)), ev.LegAnswered(at(2), "leg-1", "carrier1")),
    ]
)
"""Chance alone seldom gets a call as far as talking."""


class Watched:
    """A session under watch: each step is checked against what may never happen."""

    def __init__(self, call: Call) -> None:
        self.session, commands = begin(call, POLICY)
        self.opened = False
        self.closings = 0
        self.settled: list[cmd.Settle] = []
        self.charged_micros = 0
        self.most_held_micros = 0
        self._check(self.session, ev.Woke(T0), commands)

    def step(self, event: ev.Event) -> None:
        before = self.session
        self.opened = self.opened or isinstance(event, ev.SessionOpened)
        self.session, commands = step(before, event, POLICY)
        self._check(before, event, commands)

    def _check(self, before: Session, event: ev.Event, commands: tuple[cmd.Command, ...]) -> None:
        call = before.call
        self.most_held_micros = max(self.most_held_micros, before.held_micros, self.session.held_micros)
        for command in commands:
            match command:
                case cmd.AdmitCaller(slice_ms=slice_ms):
                    assert call.rate is None or (self.opened and slice_ms is not None), "admitted before the hold"
                case cmd.RefuseCaller():
                    assert call.destination_class is not DestinationClass.EMERGENCY
                case cmd.HangUpLeg(channel_id=channel_id):
                    self._check_hang_up(before, event, channel_id)
                case cmd.Settle() if isinstance(event, ev.TakenOver):
                    assert command in self.settled, "settled again is what was settled"
                case cmd.Settle(cdr=cdr, close=close):
                    self.settled.append(command)
                    self.closings += close
                    self.charged_micros += cdr.charged_micros
                    assert cdr.ended_at >= (cdr.answered_at or cdr.ended_at)
                    assert 0 <= cdr.charged_micros <= before.held_micros or call.rate is None
                case cmd.RenewSlice():
                    assert call.rate is not None
        assert self.closings <= 1
        assert self.charged_micros <= self.most_held_micros
        assert self.closings == (self.session.phase in {Phase.CLOSING, Phase.CLOSED})
        assert len(self.session.legs) <= 3

    def _check_hang_up(self, before: Session, event: ev.Event, channel_id: str) -> None:
        call = before.call
        assert call.destination_class is not DestinationClass.EMERGENCY or call.longest_call_s is not None
        leg = before.leg(channel_id)
        if call.rate is None and call.longest_call_s is None:
            assert leg is not None, "a free leg is hung up only …"
            assert leg.answered_at is None, "… while it rings …"
            since = before.dialling_since or T0
            assert event.at >= since + timedelta(seconds=POLICY.ring_limit_s), "… and beyond the ring limit"
        assert leg is None or not leg.exempt

    def wakes_settle(self, now: datetime) -> None:
        """Waking a call at one instant comes to an end: nothing is woken in a circle."""
        session = self.session
        for _ in range(8):
            wake_at = next_wake_at(session, POLICY)
            if wake_at is None or wake_at > now:
                return
            session, _ = step(session, ev.Woke(now), POLICY)
        raise AssertionError(f"woken in a circle at {now}: {session}")


@settings(max_examples=400 * EFFORT)
@given(CALLS, BEGINNINGS, st.lists(EVENTS, max_size=20))
def test_any_events_in_any_order_keep_every_promise(
    call: Call, beginning: tuple[ev.Event, ...], events: list[ev.Event]
) -> None:
    watched = Watched(call)
    for event in (*beginning, *events):
        watched.step(event)
        watched.wakes_settle(event.at)
        watched.wakes_settle(at(200_000))


@settings(max_examples=100 * EFFORT)
@given(CALLS, BEGINNINGS, st.lists(EVENTS, max_size=10), st.lists(EVENTS, max_size=10), SECONDS)
def test_any_session_can_be_saved_loaded_and_adopted(
    call: Call, beginning: tuple[ev.Event, ...], before: list[ev.Event], after: list[ev.Event], paid_s: int
) -> None:
    watched = Watched(call)
    for event in (*beginning, *before):
        watched.step(event)
    session = watched.session
    assert load_session(dump_session(session)) == session

    is_over = session.phase in {Phase.CLOSING, Phase.CLOSED}
    assume(not is_over or session.closing_record is not None)  # else the store has no such session any more
    if is_over:  # nothing was held after its end
        watched.session = _adopted(session, session.held_micros, session.paid_s, session.allowance_s)
    else:
        watched.session = _adopted(session, paid_s * 10_000, paid_s, allowance_s=0)
    for event in (ev.TakenOver(at(100)), *after):
        watched.step(event)
        watched.wakes_settle(event.at)


def _adopted(session: Session, held_micros: int, paid_s: int, allowance_s: int) -> Session:
    return adopted(session, held_micros=held_micros, paid_s=paid_s, allowance_s=allowance_s, slice_no=2)


@settings(max_examples=150 * EFFORT)
@given(CALLS, BEGINNINGS, st.lists(EVENTS, max_size=12))
def test_every_event_come_twice_in_a_row_changes_no_record(
    call: Call, beginning: tuple[ev.Event, ...], events: list[ev.Event]
) -> None:
    once, twice = Watched(call), Watched(call)
    for event in (*beginning, *events):
        once.step(event)
        twice.step(event)
        if not isinstance(event, ev.Woke):  # an alarm is ours and never repeated
            twice.step(event)

    assert (twice.closings, twice.charged_micros) == (once.closings, once.charged_micros)
