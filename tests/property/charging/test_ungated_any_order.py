"""Calls that never passed the gate, in whatever order their events come: one closing record, within the hold."""

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from charging import commands as cmd
from charging import events as ev
from charging.call import Leg
from charging.cdr import Cdr, EndSource
from charging.saved import dump_session, load_session
from charging.session import Phase, next_wake_at, step
from charging.state import Session
from charging.ungated import bar, follow, held, meter
from rating.decision import Denial, DenyReason
from tests.effort import EFFORT
from tests.property.charging.test_any_order import EVENTS
from tests.unit.charging.story import POLICY, at, paid_call

CALL = paid_call(ungated=True)
FOUND = Leg(channel_id="leg-1", trunk="carrier1")
DENIAL = Denial(DenyReason.BARRED, "the leg never passed the gate")


def followed() -> Session:
    return follow(CALL, FOUND, at(0.5))


def barred() -> Session:
    return bar(CALL, FOUND, at(0.5), DENIAL)


def metered() -> Session:
    session, command = meter(CALL, FOUND, at(0.5), POLICY, talked_s=2)
    return held(session, held_micros=command.held_micros, paid_s=command.paid_s, allowance_s=0)


def _closing_records(session: Session, events: list[ev.Event]) -> list[Cdr]:
    """Play events; the promises hold after each."""
    records: list[cmd.Settle] = []
    most_held_micros = session.held_micros
    for event in events:
        assert load_session(dump_session(session)) == session
        exempt = {leg.channel_id for leg in session.legs if leg.exempt}
        session, commands = step(session, event, POLICY)
        most_held_micros = max(most_held_micros, session.held_micros)
        records += [command for command in commands if isinstance(command, cmd.Settle)]
        for command in commands:
            assert not (isinstance(command, cmd.HangUpLeg | cmd.ArmDeadline) and command.channel_id in exempt)
            assert not isinstance(command, cmd.AdmitCaller | cmd.RefuseCaller | cmd.OpenSession | cmd.CheckDeadline)
            assert session.call.metered or not isinstance(command, cmd.RenewSlice)
        if session.barred is not None and session.phase in {Phase.DIALLING, Phase.TALKING}:
            alive = [leg for leg in session.legs if not leg.exempt]
            assert not alive or next_wake_at(session, POLICY) is not None, "a barred leg is tried until it is gone"
    assert all(settle.cdr.ungated for settle in records)
    assert sum(settle.cdr.charged_micros for settle in records) <= most_held_micros
    assert len({settle.cdr.leg for settle in records}) == len(records)
    return [settle.cdr for settle in records if settle.close]


@pytest.mark.parametrize("begun", [followed, barred, metered])
@settings(max_examples=150 * EFFORT)
@given(st.data())
def test_events_in_any_order_keep_the_promises(begun: Callable[[], Session], data: st.DataObject) -> None:
    assert len(_closing_records(begun(), data.draw(st.lists(EVENTS, max_size=25)))) <= 1


@pytest.mark.parametrize("exempted_at", [0, 1])
def test_leg_of_an_emergency_caller_is_not_hung_up_once_its_call_is_over(exempted_at: int) -> None:
    events: list[ev.Event] = [ev.LegEnded(at(1), "leg-2", "carrier1", None, EndSource.EVENT, at(0))]
    events.insert(exempted_at, ev.LegExempted(at(1), "leg-1"))
    session = metered()
    for event in events:
        session, _ = step(session, event, POLICY)
    assert session.phase is Phase.CLOSING
    assert step(session, ev.LegAnswered(at(2), "leg-1", "carrier1"), POLICY)[1] == ()


@settings(max_examples=100 * EFFORT)
@given(st.integers(0, 20_000), st.integers(1, 20_000))
def test_what_is_charged_and_what_is_unfunded_are_the_price_of_what_was_talked(
    answered_ms: int, talked_ms: int
) -> None:
    answer = ev.LegAnswered(at(answered_ms / 1000), "leg-1", "carrier1")
    end = ev.LegEnded(at((answered_ms + talked_ms) / 1000), "leg-1", "carrier1", 16)
    price_micros = 10_000 * -(-talked_ms // 1000)

    for begun in (followed, barred):
        [record] = _closing_records(begun(), [answer, end])
        assert (record.charged_micros, record.unfunded_micros) == (0, price_micros)
    [record] = _closing_records(metered(), [answer, end])
    assert record.charged_micros == min(price_micros, metered().held_micros)
    assert record.charged_micros + record.unfunded_micros == price_micros
