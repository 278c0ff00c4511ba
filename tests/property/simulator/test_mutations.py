"""The simulator finds bugs: each of these is put into the real code and must be found within some hundred calls."""

import asyncio
from collections.abc import Callable, Generator, Iterable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

import charging.ungated
import store.provisional
import store.renewal
import store.sessions
from ari_app import leg_records, let_through, switchboard, ungated
from ari_app.clock import Clock
from ari_app.execute import CommandExecutor
from ari_app.legs import LegCommands
from ari_app.live import LiveCall
from ari_app.run import Service
from ari_app.ungated import UngatedLegs
from charging import commands as cmd
from charging import events as ev
from charging import records, session
from charging.policy import MeteringPolicy
from dialplan.contract import LEG_RECORDS_FAMILY, LegMark, MarkKind
from rating.price import charge_micros
from tollgate.simulator import episode, traffic
from tollgate.simulator.campaign import Order, run_campaign
from tollgate.simulator.faults import USUAL

CALLS = 250
SEEDS = range(1, 13)
FURTHER_SEEDS = range(300, 420)
"""With another version of Python a seed means other events: then these are looked through."""
CALM_SEEDS = (10, 6, 19, 28, 29, 32, 37)
"""Without faults; un-gated legs are hung up, or metered."""
Patch = pytest.MonkeyPatch


def _nothing(*_args: object, **_options: object) -> Generator[Any, Any, None]:
    return
    yield


def settle_forgets_the_release(patch: Patch) -> None:
    """The rest of a hold goes back to the balance without an entry."""
    patch.setattr(store.sessions, "write_release", _nothing)


def renewal_holds_nothing(patch: Patch) -> None:
    """A slice is granted and paid for by nobody."""
    patch.setattr(store.renewal, "_hold_more", _nothing)


def charge_is_rounded_down(patch: Patch) -> None:
    """A leg costs a micro-unit less than it should."""
    patch.setattr(records, "charge_micros", lambda *terms: max(0, charge_micros(*terms) - 1))


def lost_call_is_charged_twice(patch: Patch) -> None:
    """A provisional charge is not taken back before the call is settled."""
    patch.setattr(store.provisional, "_refund", _nothing)


def answer_counts_each_time(patch: Patch) -> None:
    """A repeated answer begins the metering anew."""

    def answered(state: session.Session, event: ev.LegAnswered, policy: MeteringPolicy) -> session.Transition:
        leg = state.leg(event.channel_id)
        if leg is not None and leg.answered_at is not None:
            return state.with_leg(replace(leg, answered_at=event.at + timedelta(seconds=1))), ()
        return session._answered(state, event, policy)

    patch.setitem(session._HANDLERS, ev.LegAnswered, answered)


def deadline_is_never_armed(patch: Patch) -> None:
    """A deadline that was to be put off is reported as armed, and was not."""

    async def arm(self: LegCommands, live: LiveCall, command: cmd.ArmDeadline) -> None:
        live.post(ev.DeadlineArmed(live.now(), command.channel_id, command.cut_at))

    patch.setattr(LegCommands, "arm_deadline", arm)


def caller_is_admitted_before_the_commit(patch: Patch) -> None:
    """The caller dials while the store is still asked."""

    async def opened(self: CommandExecutor, live: LiveCall, command: cmd.OpenSession) -> None:
        live.post(ev.SessionOpened(live.now()))

    patch.setattr(CommandExecutor, "_open", opened)


def inbound_legs_are_judged(patch: Patch) -> None:
    """A call that comes in on a trunk is taken for one that was dialled past the gate."""
    patch.setattr(ungated, "is_outbound", lambda _leg: True)


def ungated_legs_are_not_looked_at(patch: Patch) -> None:
    """Nobody watches the trunks."""
    patch.setattr(UngatedLegs, "noticed", lambda *_told: None)
    patch.setattr(UngatedLegs, "compared", lambda *_told: None)


def ungated_talk_is_not_priced(patch: Patch) -> None:
    """What nobody paid for is not written down as unfunded."""
    free = charging.ungated.unpaid
    patch.setattr(charging.ungated, "unpaid", lambda call: replace(free(call), unfunded_rate=None))


def replaced_service_goes_on(patch: Patch) -> None:
    """A service that has lost the application to another one takes it back."""

    async def never(_service: Service) -> None:
        await asyncio.Event().wait()

    patch.setattr(Service, "_stop_when_replaced", never)


def records_of_emergencies_are_not_read(patch: Patch) -> None:
    """An emergency call that came and went while the service was away is forgotten."""

    async def none(_ami: object) -> dict[str, object]:
        return {}

    patch.setattr(let_through, "read_emergency_records", none)


def included_calls_are_judged(patch: Patch) -> None:
    """A call that the dialplan let through while the service was away is taken for one that passed no gate."""

    def is_emergency(owner: str | LegMark) -> bool:
        return isinstance(owner, LegMark) and owner.kind is MarkKind.EMERGENCY

    patch.setattr(switchboard, "_is_let_through", is_emergency)


def records_around_the_gate_are_not_read(patch: Patch) -> None:
    """A leg that ended around the gate while no service was there is forgotten."""
    patch.setattr(leg_records, "_FAMILIES", (LEG_RECORDS_FAMILY,))


def record_of_a_gone_leg_is_not_read(patch: Patch) -> None:
    """A leg that ended before it was judged has the price of what is known of it by then: none."""

    async def none(_channel_id: str, _ami: object) -> None:
        return None

    patch.setattr(ungated, "read_leg_record", none)
    patch.setattr(traffic, "UNGATED", 0.5)  # what it takes for that is rare
    patch.setattr(traffic, "INBOUND", 0.5)


def _clocks_are_set_often(patch: Patch) -> None:
    patch.setattr(episode, "USUAL", replace(USUAL, clock_set=0.1))


def clock_that_is_set_is_not_noticed(patch: Patch) -> None:
    """A call's seconds are what the time of day says."""
    patch.setattr(Clock, "_note", lambda *_jump: None)
    _clocks_are_set_often(patch)


def deadlines_stay_late_when_the_clock_is_set_back(patch: Patch) -> None:
    """Nobody arms Asterisk's deadlines anew, which it counts by the time of day."""
    patch.setitem(session._HANDLERS, ev.ClockSet, lambda state, _event, _policy: (state, ()))
    _clocks_are_set_often(patch)


def successor_goes_by_the_clock_as_it_is(patch: Patch) -> None:
    """What a session says of the clock by which it was saved is not looked at."""
    patch.setattr(Clock, "set_since", lambda *_reading: timedelta())
    _clocks_are_set_often(patch)


def stamps_are_taken_for_the_newest_time(patch: Patch) -> None:
    """What was stamped before the clock was set is taken for stamped after it."""
    patch.setattr(Clock, "era_of", lambda clock, *_stamp: clock.eras[-1])
    patch.setattr(Clock, "eras_of", lambda clock, *_stamps: clock.eras[-1:])
    _clocks_are_set_often(patch)


MUTATIONS: list[tuple[Callable[[Patch], None], str]] = [
    (settle_forgets_the_release, "journal sums to the balance"),
    (renewal_holds_nothing, "a call's hold is what it took"),
    (charge_is_rounded_down, "charged for the true seconds"),
    (lost_call_is_charged_twice, "a call's hold is what it took"),
    (answer_counts_each_time, "records tell of what was"),
    (deadline_is_never_armed, "not cut before the money ends"),
    (caller_is_admitted_before_the_commit, "nothing rings without a hold"),
    (inbound_legs_are_judged, "inbound and included calls are left alone"),
    (ungated_legs_are_not_looked_at, "no un-gated leg goes on"),
    (replaced_service_goes_on, "a replaced service gives way"),
    (ungated_talk_is_not_priced, "un-gated legs cost what they talked"),
    (records_of_emergencies_are_not_read, "each answered leg has one record"),
    (record_of_a_gone_leg_is_not_read, "un-gated legs cost what they talked"),
    (included_calls_are_judged, "inbound and included calls are left alone"),
    (records_around_the_gate_are_not_read, "each un-gated leg has one record"),
    (clock_that_is_set_is_not_noticed, "the end is known as well as it can be"),
    (deadlines_stay_late_when_the_clock_is_set_back, "a late deadline is armed anew"),
    (successor_goes_by_the_clock_as_it_is, "the end is known as well as it can be"),
    (stamps_are_taken_for_the_newest_time, "records tell of what was"),
]
SEEDS_OF: dict[Callable[[Patch], None], Iterable[int]] = {
    ungated_legs_are_not_looked_at: CALM_SEEDS[1:],  # in the first one a leg goes by that nobody judged at all
    records_of_emergencies_are_not_read: CALM_SEEDS,
    ungated_talk_is_not_priced: (9, 7, 8, 4),
    record_of_a_gone_leg_is_not_read: (210, 216, 16, 213),
    included_calls_are_judged: (12, 18, 27, 28),
    records_around_the_gate_are_not_read: (2, 14, 19, 42),
    answer_counts_each_time: (44, 45, 136, 137),  # few answers are told twice
    deadline_is_never_armed: CALM_SEEDS,
    replaced_service_goes_on: (8, 40, 50, 148),
    clock_that_is_set_is_not_noticed: (0, 1, 4, 5),
    deadlines_stay_late_when_the_clock_is_set_back: (40, 73, 90, 94),
    successor_goes_by_the_clock_as_it_is: (1, 5, 13, 21),
    stamps_are_taken_for_the_newest_time: (3, 39, 40, 147),
}


@pytest.mark.parametrize(("mutate", "invariant"), MUTATIONS, ids=lambda value: getattr(value, "__name__", ""))
def test_mutation_of_the_real_code_is_found(
    mutate: Callable[[Patch], None], invariant: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    mutate(monkeypatch)
    found = set[str]()
    for seed in (*SEEDS_OF.get(mutate, SEEDS), *FURTHER_SEEDS):
        outcome = run_campaign(iter([Order(seed, CALLS, 12)]), jobs=1)
        if outcome.failed is not None:
            found |= {violation.invariant for violation in outcome.failed[1].violations}
        if invariant in found:
            return
    pytest.fail(f"found by {found or 'none'}")
