"""Many episodes, in several processes: each has a seed of its own, so that a failure is replayed by one alone."""

import os
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from multiprocessing import get_context

from tollgate.simulator import audit, books, pbx
from tollgate.simulator.episode import Episode, EpisodeResult
from tollgate.simulator.memory import collect, collected_between_episodes, keep_what_is_there

CALLS_OF_EPISODE = 5000
"""Some hundred seconds of an episode go by without a new call, in which services look around all the same."""
CALLS_A_DAY = 25
"""Of one extension."""
UNFORESEEN = ("nothing fails unforeseen", "the service runs", "the world goes on", "an administrator is served")
"""What else ends an episode: whatever is raised and caught nowhere, or only by the service's last resort."""

INVARIANTS = (*books.INVARIANTS, *audit.INVARIANTS, pbx.GIVES_WAY, *UNFORESEEN)


@dataclass(frozen=True, slots=True)
class Order:
    """One episode to run."""

    seed: int
    calls: int
    extensions: int
    traced: bool = False
    """Whether all that happens is wanted, and its digest."""


@dataclass(slots=True)
class Outcome:
    """What all episodes up to the first failure came to."""

    episodes: int = 0
    calls: int = 0
    steps: int = 0
    commits: int = 0
    checks: int = 0
    virtual_s: float = 0.0
    counts: Counter[str] = field(default_factory=Counter)
    failed: tuple[Order, EpisodeResult] | None = None
    happenings: tuple[str, ...] = ()

    def add(self, order: Order, result: EpisodeResult) -> None:
        """Add an episode."""
        self.episodes += 1
        self.calls += result.calls
        self.steps += result.steps
        self.commits += result.commits
        self.checks += result.checks
        self.virtual_s += result.virtual_s
        self.counts.update(result.counts)
        self.happenings += result.happenings
        if result.violations:
            self.failed = order, result


def orders(*, seed: int, calls: int, extensions: int, traced: bool = False) -> Iterator[Order]:
    """Yield the episodes of a campaign: their seeds are ``seed``, ``seed + 1`` and so on."""
    while calls > 0:
        some = min(calls, CALLS_OF_EPISODE)
        yield Order(seed, some, extensions, traced)
        seed, calls = seed + 1, calls - some


def run_episode(order: Order) -> EpisodeResult:
    """Run one episode in this process."""
    return Episode(order.seed, calls=order.calls, extensions=order.extensions, traced=order.traced).run()


def run_campaign(
    wanted: Iterator[Order], *, jobs: int | None = None, progress: Callable[[int], None] | None = None
) -> Outcome:
    """Run episodes until one fails; the one that counts as failed is the first in order, however many run at once.

    Args:
        jobs: Processes; None for as many as there are processors, 1 for this one.
        progress: Told how many calls have been made.
    """
    outcome = Outcome()
    with _runner(jobs or os.cpu_count() or 1) as run:
        for order, result in run(wanted):
            outcome.add(order, result)
            if progress is not None:
                progress(outcome.calls)
            if outcome.failed is not None:
                break
    return outcome


def _run_and_collect(order: Order) -> EpisodeResult:
    result = run_episode(order)
    collect()
    return result


_Run = Callable[[Iterator[Order]], Iterator[tuple[Order, EpisodeResult]]]


@contextmanager
def _runner(jobs: int) -> Iterator[_Run]:
    if jobs == 1:
        with collected_between_episodes():
            yield lambda wanted: ((order, _run_and_collect(order)) for order in wanted)
        return
    pool = ProcessPoolExecutor(jobs, mp_context=get_context("spawn"), initializer=keep_what_is_there)
    try:
        yield lambda wanted: _in_order(pool, wanted, at_once=2 * jobs)
    finally:
        pool.shutdown(cancel_futures=True)


def _in_order(
    pool: ProcessPoolExecutor, wanted: Iterator[Order], at_once: int
) -> Iterator[tuple[Order, EpisodeResult]]:
    """Yield results in the order of the episodes, a few of which wait for a process at any time."""
    waiting: list[tuple[Order, Future[EpisodeResult]]] = []
    while True:
        waiting += [(order, pool.submit(_run_and_collect, order)) for order in islice(wanted, at_once - len(waiting))]
        if not waiting:
            return
        order, future = waiting.pop(0)
        yield order, future.result()
