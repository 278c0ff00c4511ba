"""What the simulator does in a second: ``python -m tests.bench.simulator [CALLS] [SEED]`` (20,000 unless told).

It simulates so many calls with faults, in as many processes as there are processors, and tells calls a second and how
long a million would take. It fails where an invariant does, or where that is more than ten minutes.
"""

import json
import os
import sys
import time

from tollgate.simulator.campaign import orders, run_campaign

MILLION = 1_000_000
MOST_S = 600.0


def main() -> int:
    """Measure, and answer the exit status."""
    calls = int(sys.argv[1]) if len(sys.argv) > 1 else 20_000
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else 1
    begun_s = time.perf_counter()
    outcome = run_campaign(orders(seed=seed, calls=calls, extensions=12))
    took_s = time.perf_counter() - begun_s
    million_s = took_s / outcome.calls * MILLION
    document = {
        "calls": outcome.calls,
        "episodes": outcome.episodes,
        "steps": outcome.steps,
        "commits": outcome.commits,
        "checks": outcome.checks,
        "took_s": round(took_s, 1),
        "calls_a_second": round(outcome.calls / took_s),
        "million_calls_s": round(million_s),
        "processors": os.cpu_count(),
        "load_average": round(os.getloadavg()[0], 1),
        "failed_seed": None if outcome.failed is None else outcome.failed[0].seed,
    }
    sys.stdout.write(json.dumps(document, indent=2) + "\n")
    return 1 if outcome.failed is not None or million_s > MOST_S else 0


if __name__ == "__main__":
    sys.exit(main())
