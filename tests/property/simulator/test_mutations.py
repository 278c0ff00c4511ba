"""The simulator finds bugs: each of these is put into the real code and must be found within some hundred calls."""

from collections.abc import Callable, Generator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

import store.provisional
import store.renewal
import store.sessions
from ari_app.execute import CommandExecutor
from ari_app.legs import LegCommands
from ari_app.live import LiveCall
from charging import commands as cmd
from charging import events as ev
from charging import records, session
from charging.policy import MeteringPolicy
from rating.price import charge_micros
from tollgate.simulator.campaign import Order, run_campaign

CALLS = 250
EPISODES = 12
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


MUTATIONS: list[tuple[Callable[[Patch], None], str]] = [
    (settle_forgets_the_release, "journal sums to the balance"),
    (renewal_holds_nothing, "a call's hold is what it took"),
    (charge_is_rounded_down, "charged for the true seconds"),
    (lost_call_is_charged_twice, "a call's hold is what it took"),
    (answer_counts_each_time, "records tell of what was"),
    (deadline_is_never_armed, "not cut before the money ends"),
    (caller_is_admitted_before_the_commit, "nothing rings without a hold"),
]


@pytest.mark.parametrize(("mutate", "invariant"), MUTATIONS, ids=lambda value: getattr(value, "__name__", ""))
def test_mutation_of_the_real_code_is_found(
    mutate: Callable[[Patch], None], invariant: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    mutate(monkeypatch)
    outcome = run_campaign((Order(seed, CALLS, 12) for seed in range(1, EPISODES + 1)), jobs=1)
    assert outcome.failed is not None, f"not found in {outcome.calls} calls"
    _, result = outcome.failed
    assert invariant in {violation.invariant for violation in result.violations}
