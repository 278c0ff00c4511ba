"""Check of the prices: those of the shipped example deck are invented, and no carrier's."""

from collections.abc import Set as AbstractSet

from rating.deck import Rate
from store.store import Store
from tollgate.cli.checks.check import Check, ok, warn
from tollgate.cli.deck_use import plans_in_use
from tollgate.cli.installation import example_rates
from tollgate.office.pbx import TRUNK as SIMULATED_TRUNK
from tollgate.settings import Settings


async def check_prices(store: Store, settings: Settings) -> Check:
    """Check that no call over a real trunk is priced by the example deck as it was shipped."""
    real = [trunk.endpoint for trunk in settings.trunks if trunk.endpoint != SIMULATED_TRUNK]
    if not real:
        return ok("prices", "no trunk leads to a carrier: any prices do")
    shipped = frozenset(example_rates())
    plans = [plan for plan in await plans_in_use(store) if await _is_shipped(store, plan.deck, shipped)]
    if not plans:
        return ok("prices", "none in use are those of the example deck")
    named = ", ".join(f"plan {plan.name} (deck {plan.deck})" for plan in plans)
    return warn(
        "prices",
        f"the example deck's invented prices are those of {named}, and calls go out by {', '.join(real)}",
        f"tollgate rates import FILE --deck {plans[0].deck} --replace loads your carrier's prices",
    )


async def _is_shipped(store: Store, deck: str, shipped: AbstractSet[Rate]) -> bool:
    return {rate async for rate in store.deck_rates(deck)} == shipped
