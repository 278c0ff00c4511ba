"""How many decisions a second one core makes, and how long the first one of a fresh process takes.

A mixed set: national, mobile, international, premium, short, emergency, internal and unreadable numbers of six home
regions, with the shipped plan and deck. Each number is decided on once, so that no cache of numbers helps; those
of whole regions are warm, as in any service that has run for a minute. The best of several rounds counts: whatever
else the machine does only ever makes one slower. Run with ``python -m tests.bench.decisions``; exit status 1 where
a limit is not kept.
"""

import json
import random
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from rating.decision import decide
from rating.deck import Deck
from rating.dialled import DialRules
from rating.plan import Plan, parse_plan
from tollgate.cli.installation import example_rates

LEAST_PER_SECOND = 20_000
LONGEST_COLD_START_MS = 150.0

_COUNT = 40_000
_ROUNDS = 5
_COLD_STARTS = 7
_SEED = 3
_AT_MS = 1_764_000_000_000
_PLAN_FILE = Path(__file__).parents[2] / "tollgate" / "data" / "plan-fr-office.toml"

_SHAPES: dict[str, tuple[str, ...]] = {
    "FR": (
        "01########", "04########", "06########", "07########", "09########", "0892######", "0692######",
        "0044797######", "004420########", "+336########", "00491512#######", "001212555####", "*6706########",
        "0088161#######", "31##", "112", "101", "06######", "0052155########",
    ),
    "ES": ("91#######", "6########", "803######", "00336########", "06791#######", "112", "118##"),
    "MX": ("55########", "04455########", "+521551#######", "001212555####", "900#######", "911"),
    "US": (
        "1212555####", "212976####", "1876926####", "1242357####", "011447911######", "1010288212555####", "911",
        "411", "+1867555####", "1900234####",
    ),
    "GB": ("020########", "07400######", "07797######", "0843#######", "09098######", "0033800######", "999"),
    "DE": ("030######", "01512#######", "0900#######", "0018092######", "032########", "110"),
}  # fmt: skip

_COLD = """
import json, sys, time
begun = time.perf_counter()
from rating.decision import decide
from rating.dialled import DialRules
rules = DialRules(home_region="FR")
decide("0612345678", rules=rules, plan=None, deck=None, prepaid=True, at_ms=0)
json.dump((time.perf_counter() - begun) * 1000, sys.stdout)
"""


def mixed_numbers(count: int, seed: int) -> list[tuple[str, str]]:
    """Return pairs of home region and dialled digits, in random order."""
    chosen = random.Random(seed)
    shapes = [(region, shape) for region, region_shapes in _SHAPES.items() for shape in region_shapes]
    return [(region, _filled(shape, chosen)) for region, shape in chosen.choices(shapes, k=count)]


def _filled(shape: str, chosen: random.Random) -> str:
    return "".join(str(chosen.randrange(10)) if sign == "#" else sign for sign in shape)


def decisions_per_second(numbers: Sequence[tuple[str, str]], plan: Plan, deck: Deck) -> float:
    """Decide on every number once, and return how many that are in a second of this process's CPU time."""
    rules = {region: DialRules(home_region=region, extensions=frozenset({"101"})) for region in _SHAPES}
    begun = time.process_time()
    for region, dialled in numbers:
        decide(dialled, rules=rules[region], plan=plan, deck=deck, prepaid=True, at_ms=_AT_MS)
    return len(numbers) / (time.process_time() - begun)


def cold_start_ms() -> float:
    """Return how long a fresh process takes to import what it needs and to decide once."""
    done = subprocess.run([sys.executable, "-c", _COLD], capture_output=True, text=True, check=True)
    return float(json.loads(done.stdout))


def main() -> int:
    """Measure both and print them beside their limits."""
    plan, deck = parse_plan(_PLAN_FILE.read_text(encoding="utf-8")), Deck("example", "EUR", example_rates())
    decisions_per_second(mixed_numbers(2_000, _SEED), plan, deck)
    rounds = [
        decisions_per_second(mixed_numbers(_COUNT, _SEED + number), plan, deck) for number in range(1, _ROUNDS + 1)
    ]
    rate = max(rounds)
    cold_ms = min(cold_start_ms() for _ in range(_COLD_STARTS))
    fast, quick = rate > LEAST_PER_SECOND, cold_ms < LONGEST_COLD_START_MS
    print(f"{_verdict(fast)}  {rate:,.0f} decisions a second on one core, uncached (more than {LEAST_PER_SECOND:,})")
    print(f"{_verdict(quick)}  {cold_ms:.0f} ms from import to first decision (less than {LONGEST_COLD_START_MS:.0f})")
    return 0 if fast and quick else 1


def _verdict(kept: bool) -> str:
    return "PASS" if kept else "FAIL"


if __name__ == "__main__":
    raise SystemExit(main())
