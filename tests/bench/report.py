"""From runs to figures: medians of each variant, how they compare with bare ``Dial()``, and the limits to keep."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

from tests.bench.pbx import Variant
from tests.bench.run import Run

CPU_RATIO_LIMIT = 1.6
"""Asterisk and the service together, over Asterisk with a bare ``Dial()``."""
P50_MORE_MS_LIMIT = 6.0
P99_MORE_MS_LIMIT = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """One run, or the medians of several; all in milliseconds."""

    p50_ms: float
    p95_ms: float
    p99_ms: float
    asterisk_ms: float
    tollgate_ms: float

    @property
    def cpu_ms(self) -> float:
        """CPU time of everything together, a call."""
        return self.asterisk_ms + self.tollgate_ms


@dataclass(frozen=True, slots=True)
class Check:
    """A figure beside its limit."""

    name: str
    found: float
    limit: float

    @property
    def kept(self) -> bool:
        """Whether the figure is within the limit."""
        return self.found <= self.limit


def percentile(values: Sequence[float], percent: int) -> float:
    """Return the smallest value that at least ``percent`` of a hundred values do not exceed (nearest rank)."""
    ordered = sorted(values)
    rank = -(-len(ordered) * percent // 100)
    return ordered[max(rank, 1) - 1]


def figures(run: Run) -> Figures:
    """Return the figures of one run."""
    return Figures(
        p50_ms=percentile(run.setup_ms, 50),
        p95_ms=percentile(run.setup_ms, 95),
        p99_ms=percentile(run.setup_ms, 99),
        asterisk_ms=run.asterisk_ms,
        tollgate_ms=run.tollgate_ms,
    )


def medians(runs: Iterable[Run]) -> Figures:
    """Return the median of each figure over runs of one variant and rate."""
    of_each = [figures(run) for run in runs]
    return Figures(
        p50_ms=median(one.p50_ms for one in of_each),
        p95_ms=median(one.p95_ms for one in of_each),
        p99_ms=median(one.p99_ms for one in of_each),
        asterisk_ms=median(one.asterisk_ms for one in of_each),
        tollgate_ms=median(one.tollgate_ms for one in of_each),
    )


def checks(bare: Figures, paid: Figures) -> tuple[Check, ...]:
    """Return how Tollgate compares with bare ``Dial()``, beside the limits."""
    return (
        Check("CPU over bare Dial()", paid.cpu_ms / bare.cpu_ms, CPU_RATIO_LIMIT),
        Check("set-up p50 more, ms", paid.p50_ms - bare.p50_ms, P50_MORE_MS_LIMIT),
        Check("set-up p99 more, ms", paid.p99_ms - bare.p99_ms, P99_MORE_MS_LIMIT),
    )


def by_variant(runs: Sequence[Run], rate: int) -> dict[Variant, Figures]:
    """Return the medians of every variant that was run at a rate, in the order of :class:`Variant`."""
    at_rate = {variant: [run for run in runs if run.rate == rate and run.variant is variant] for variant in Variant}
    return {variant: medians(found) for variant, found in at_rate.items() if found}


def run_line(run: Run) -> str:
    """Return one run as a line."""
    return f"{_row(run.variant, figures(run))}   others {run.others_share:4.2f} CPU"


HEADING = (
    "                set-up ms              CPU ms a call\n"
    "               p50    p95    p99  Asterisk  Tollgate  together"
)


def table(runs: Sequence[Run], rate: int) -> str:
    """Return the medians at a rate, and the limits beside what was found, as text."""
    found = by_variant(runs, rate)
    bare = found[Variant.BARE]
    lines = [f"{rate} calls/s, medians of {sum(run.rate == rate for run in runs) // len(found)} runs each", HEADING]
    for variant, one in found.items():
        over = "" if variant is Variant.BARE else f"   {one.cpu_ms / bare.cpu_ms:.2f}x"
        lines.append(_row(variant, one) + over)
    lines += [_check_line(check) for check in checks(bare, found[Variant.PAID])]
    return "\n".join(lines)


def document(runs: Sequence[Run], machine: dict[str, Any]) -> dict[str, Any]:
    """Return everything that was measured as one JSON document."""
    rates = []
    for rate in sorted({run.rate for run in runs}):
        found = by_variant(runs, rate)
        rates.append(
            {
                "rate": rate,
                "medians": {variant: _document(one) for variant, one in found.items()},
                "checks": [
                    {**asdict(check), "kept": check.kept} for check in checks(found[Variant.BARE], found[Variant.PAID])
                ],
                "runs": [
                    {"variant": run.variant, "calls": run.calls, "others_share": run.others_share}
                    | _document(figures(run))
                    for run in runs
                    if run.rate == rate
                ],
            }
        )
    return {"machine": machine, "rates": rates}


def _document(one: Figures) -> dict[str, float]:
    return {name: round(value, 3) for name, value in (asdict(one) | {"cpu_ms": one.cpu_ms}).items()}


def _row(variant: Variant, one: Figures) -> str:
    setup = f"{one.p50_ms:7.1f}{one.p95_ms:7.1f}{one.p99_ms:7.1f}"
    return f"  {variant:<9}{setup}{one.asterisk_ms:10.2f}{one.tollgate_ms:10.2f}{one.cpu_ms:10.2f}"


def _check_line(check: Check) -> str:
    return f"  {'PASS' if check.kept else 'FAIL'}  {check.name:<22}{check.found:6.2f}  limit {check.limit:g}"
