"""What every part of an episode shares: the clock, the dice, the weather, the trace, and where a violation is told."""

import random
from asyncio import TimerHandle
from collections.abc import Callable
from contextvars import Context, copy_context
from dataclasses import dataclass, field
from datetime import datetime

from tollgate.simulator.faults import FaultRates
from tollgate.simulator.loop import VirtualLoop
from tollgate.simulator.trace import Trace


@dataclass(frozen=True, slots=True)
class Violation:
    """An invariant that does not hold."""

    invariant: str
    call: str
    """The call concerned, by id; "" where it is none alone."""
    detail: str
    step: int
    at: datetime


@dataclass(slots=True)
class World:
    """One episode's surroundings; ``rates`` change with the weather."""

    loop: VirtualLoop
    dice: random.Random
    rates: FaultRates
    trace: Trace
    violations: list[Violation] = field(default_factory=list)
    context: Context = field(default_factory=copy_context)
    """What belongs to no process happens in it: a timer set for a service outlives the service."""

    def now(self) -> datetime:
        """Return the virtual time of day, in whole milliseconds as Asterisk tells it."""
        now = self.loop.now()
        return now.replace(microsecond=now.microsecond // 1000 * 1000)

    def chance(self, probability: float) -> bool:
        """Throw the dice."""
        return probability > 0.0 and self.dice.random() < probability

    def between(self, low: float, high: float) -> float:
        """Return a number from a range."""
        return low + (high - low) * self.dice.random()

    def later(self, delay_s: float, callback: Callable[..., object], *args: object) -> TimerHandle:
        """Have something happen after a while."""
        return self.loop.call_later(delay_s, callback, *args, context=self.context)

    def violated(self, invariant: str, call: str, detail: str) -> None:
        """Tell of an invariant that does not hold; the episode ends with it."""
        self.trace.note("VIOLATED", call, f"{invariant}: {detail}")
        self.violations.append(Violation(invariant, call, detail, self.trace.steps, self.loop.now()))
