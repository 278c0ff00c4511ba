"""Which plans name a deck, and which decks calls are priced by."""

from collections.abc import Mapping
from dataclasses import dataclass

from rating.plan import Plan, PlanError, parse_plan
from store.store import Store


@dataclass(frozen=True, slots=True)
class DeckUse:
    """What becomes of a deck: ``used_by`` are the plans that name it, ``in_use`` the decks that calls are priced by."""

    deck: str
    used_by: tuple[str, ...]
    in_use: tuple[str, ...]

    @property
    def sentence(self) -> str:
        """Say it, and what to do where the deck prices no call."""
        if not self.used_by:
            mend = f'put deck = "{self.deck}" into a plan and import that by `tollgate plan import`'
            return f"no plan names it: {self._others}; {mend}"
        plans = f"used by the plan{'s' if len(self.used_by) > 1 else ''} {', '.join(self.used_by)}"
        return plans if self.deck in self.in_use else f"{plans}, but no extension is on them: {self._others}"

    @property
    def _others(self) -> str:
        return f"calls go on with deck {', '.join(self.in_use)}" if self.in_use else "calls go on without a deck"


async def deck_use(store: Store, deck: str) -> DeckUse:
    """Return what becomes of ``deck``."""
    plans = await _plans(store)
    used_by = tuple(sorted(plan.name for plan in plans.values() if plan.deck == deck))
    in_use = sorted({plan.deck for plan in await _in_use(store, plans)})
    return DeckUse(deck, used_by, tuple(in_use))


async def plans_in_use(store: Store) -> list[Plan]:
    """Return the plans that extensions are on, by name; where there are no extensions yet, those of the accounts."""
    return await _in_use(store, await _plans(store))


async def currency_faults(store: Store) -> dict[str, str]:
    """Return, by plan, why its prices cannot be charged to accounts that use it: its deck is in another currency.

    An account uses its own plan, and those of its extensions.
    """
    accounts = {account.id: account for account in await store.accounts()}
    using = {(account.plan, account.id) for account in accounts.values()}
    using |= {(extension.plan, extension.account_id) for extension in await store.extensions()}
    decks = {deck.name: deck.currency for deck in await store.decks()}
    faults = {}
    for plan in (await _plans(store)).values():
        currency = decks.get(plan.deck)
        others = sorted(
            f"{accounts[account_id].name} in {accounts[account_id].currency}"
            for name, account_id in using
            if name == plan.name and currency not in (None, accounts[account_id].currency)
        )
        if others:
            faults[plan.name] = f"deck {plan.deck} is in {currency}, account {', account '.join(others)}"
    return faults


async def _in_use(store: Store, plans: Mapping[str, Plan]) -> list[Plan]:
    of_account = {account.id: account.plan for account in await store.accounts()}
    of_extensions = {
        extension.plan or of_account[extension.account_id] for extension in await store.extensions()
    } or set(of_account.values())
    return [plans[name] for name in sorted(name for name in of_extensions if name is not None) if name in plans]


async def _plans(store: Store) -> dict[str, Plan]:
    """Return the plans that can be read; calls under another are refused."""
    plans: dict[str, Plan] = {}
    for name, text in (await store.plans()).items():
        try:
            plans[name] = parse_plan(text)
        except PlanError:
            continue
    return plans
