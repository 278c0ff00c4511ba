"""``simulate``: traffic in virtual time with faults, against fresh stores in memory, and what was checked."""

import secrets
from typing import TYPE_CHECKING, Annotated

import typer

from tollgate.cli.context import JsonOption
from tollgate.cli.errors import REFUSED
from tollgate.cli.output import Document, print_table, say, show
from tollgate.cli.progress import progress_bar
from tollgate.cli.topic import topic

if TYPE_CHECKING:
    from tollgate.simulator.campaign import Order
    from tollgate.simulator.episode import EpisodeResult

simulate_app = topic()

_SEEDS = 1_000_000
_DAY_S = 86_400


@simulate_app.command()
def simulate(
    extensions: Annotated[int, typer.Option(min=6, max=500, help="Extensions of the simulated offices.")] = 12,
    days: Annotated[int, typer.Option(min=1, help="Days of traffic, 25 calls of each extension on each.")] = 7,
    calls: Annotated[int | None, typer.Option(min=1, help="Calls in all, instead of days.")] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Same seed, same events; without it another one.")] = None,
    jobs: Annotated[int | None, typer.Option(min=1, help="Processes; as many as there are processors.")] = None,
    trace: Annotated[bool, typer.Option("--trace", help="Show what happens, step by step; one episode only.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Simulate traffic with faults in virtual time, and check every invariant after each step.

    The service and the ledger are the real ones, on fresh stores in memory; your own store is not touched. Asterisk
    is simulated. Exit status 1 where an invariant does not hold, with the seed that shows it again.

    \b
    Examples:
      tollgate simulate
      tollgate simulate --calls 100000 --seed 1
      tollgate simulate --calls 1000 --seed 4711 --trace
    """
    from tollgate.simulator.campaign import CALLS_A_DAY, CALLS_OF_EPISODE, INVARIANTS, orders, run_campaign

    total = calls or extensions * days * CALLS_A_DAY
    if trace and total > CALLS_OF_EPISODE:
        raise typer.BadParameter(f"--trace shows one episode: at most {CALLS_OF_EPISODE} calls")
    first = secrets.randbelow(_SEEDS) if seed is None else seed
    wanted = orders(seed=first, calls=total, extensions=extensions, traced=trace)
    with progress_bar("simulating", total=total) as tell:
        progress = None if tell is None else lambda done: tell(done, total)
        outcome = run_campaign(wanted, jobs=1 if trace else jobs, progress=progress)
    document: Document = {
        "ok": outcome.failed is None,
        "seed": first,
        "episodes": outcome.episodes,
        "calls": outcome.calls,
        "virtual_days": round(outcome.virtual_s / _DAY_S, 1),
        "steps": outcome.steps,
        "commits": outcome.commits,
        "checks": outcome.checks,
        "invariants": list(INVARIANTS),
        "counts": dict(sorted(outcome.counts.items())),
        "failure": None if outcome.failed is None else _failure(*outcome.failed),
        "trace": list(outcome.happenings),
    }
    show(document, lambda: _print(document), as_json=as_json)
    if outcome.failed is not None:
        raise typer.Exit(REFUSED)


def _failure(order: "Order", result: "EpisodeResult") -> Document:
    first = result.violations[0]
    replay = f"tollgate simulate --seed {order.seed} --calls {order.calls} --extensions {order.extensions}"
    return {
        "seed": order.seed,
        "step": first.step,
        "at": first.at.isoformat(),
        "invariant": first.invariant,
        "call": first.call,
        "detail": first.detail,
        "replay": replay,
        "story": list(result.story),
    }


def _print(document: Document) -> None:
    for line in document["trace"]:
        say(line)
    failure = document["failure"]
    if failure is not None:
        _print_failure(failure)
        return
    say(
        f"seed {document['seed']}: {document['calls']} calls in {document['virtual_days']} virtual days, "
        f"{document['steps']} steps, {document['commits']} commits, {document['checks']} checks"
    )
    print_table(("what", ">how many"), list(document["counts"].items()))
    say("held throughout: " + "; ".join(document["invariants"]))


def _print_failure(failure: Document) -> None:
    for line in failure["story"]:
        say(line)
    of_call = f", call {failure['call']}" if failure["call"] else ""
    say(f"seed {failure['seed']}, step {failure['step']}, {failure['at']}{of_call}")
    say(f"does not hold: {failure['invariant']}: {failure['detail']}")
    say(f"again: {failure['replay']} --trace")
