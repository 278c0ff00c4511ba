"""No invariant is broken: the same episodes in each run, and some that nobody has seen before."""

import os
import secrets
import subprocess
import sys
from pathlib import Path

import pytest

from tollgate.simulator.campaign import INVARIANTS, Order, Outcome, orders, run_campaign, run_episode

ROOT = Path(__file__).parents[3]
FIXED = tuple(Order(seed, 150, 12) for seed in (5, 9, 11, 17, 22, 40))
FRESH_CALLS = 300
TRACED = Order(4, 80, 12, traced=True)
OFTEN = (
    "event lost",
    "event repeated",
    "request failed",
    "answer lost",
    "store refused",
    "service killed",
    "service replaced",
    "ari cut",
    "dials ungated",
    "comes in",
    "emergency calls",
    "away calls",
)


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


def test_same_seed_does_the_same_things_here_again_and_in_another_process() -> None:
    first, second = (run_episode(TRACED) for _ in range(2))
    assert first == second
    assert first.digest != run_episode(Order(TRACED.seed + 1, 20, 12, traced=True)).digest
    assert first.digest == _digest_elsewhere(hash_seed="1")


def _digest_elsewhere(hash_seed: str) -> str:
    program = f"from tollgate.simulator.campaign import Order, run_episode; print(run_episode({TRACED}).digest)"
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, cwd=ROOT, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def test_invariants_have_names_of_their_own() -> None:
    assert len(set(INVARIANTS)) == len(INVARIANTS)
