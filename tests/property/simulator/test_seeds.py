"""No invariant is broken: the same episodes in each run, and some that nobody has seen before."""

import os
import secrets
import subprocess
import sys
from pathlib import Path

import pytest

from tollgate.simulator.campaign import INVARIANTS, Order, Outcome, orders, run_campaign, run_episode

ROOT = Path(__file__).parents[3]
FIXED = tuple(Order(seed, 200, 12) for seed in range(1, 7))
FRESH_CALLS = 400
OFTEN = ("event lost", "event repeated", "request failed", "answer lost", "store refused", "service killed", "ari cut")


def assert_clean(outcome: Outcome) -> None:
    if outcome.failed is None:
        return
    order, result = outcome.failed
    first = result.violations[0]
    replay = f"tollgate simulate --seed {order.seed} --calls {order.calls} --extensions {order.extensions}"
    pytest.fail("\n".join((*result.story, f"{first.invariant}: {first.detail}", replay)))


def test_fixed_seeds_break_no_invariant() -> None:
    outcome = run_campaign(iter(FIXED), jobs=1)
    assert_clean(outcome)
    assert outcome.calls == sum(order.calls for order in FIXED)
    assert outcome.checks > 10 * outcome.calls
    assert all(outcome.counts[kind] for kind in OFTEN), "a kind of trouble never came"


def test_fresh_seeds_break_no_invariant() -> None:
    seed = secrets.randbelow(10**9)
    assert_clean(run_campaign(orders(seed=seed, calls=FRESH_CALLS, extensions=9), jobs=1))


def test_few_and_many_extensions_break_no_invariant() -> None:
    assert_clean(run_campaign(iter((Order(5, 100, 6), Order(6, 100, 60))), jobs=1))


def test_same_seed_in_another_process_does_the_same_things() -> None:
    program = (
        "from tollgate.simulator.campaign import Order, run_episode\n"
        "for seed in (2, 3): print(run_episode(Order(seed, 80, 12, traced=True)).digest)"
    )

    def digests(hash_seed: str) -> str:
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(ROOT)}
        done = subprocess.run(
            [sys.executable, "-c", program], env=environment, cwd=ROOT, capture_output=True, text=True, check=True
        )
        return done.stdout

    first = digests("1")
    assert first == digests("2")
    assert len(first.split()) == 2


def test_same_seed_twice_in_one_process_does_the_same_things() -> None:
    first, second = (run_episode(Order(4, 80, 12, traced=True)) for _ in range(2))
    assert first == second
    assert first.digest != run_episode(Order(5, 80, 12, traced=True)).digest


def test_invariants_have_names_of_their_own() -> None:
    assert len(set(INVARIANTS)) == len(INVARIANTS)
