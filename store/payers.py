"""Who pays, under which plan, at which prices: the catalog as one value in memory.

The gate and ``tollgate quote`` decide with it, so that both say the same. It is read again when
``catalog_version`` has moved; plans and decks that did not change are kept.
"""

from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple, TypeVar
from zoneinfo import ZoneInfo

from rating.caps import NO_CAPS, Caps
from rating.decision import RING_LIMIT_MS, Decision, Denial, DenyReason, Step, decide, without_money
from rating.deck import Deck
from rating.destination import describe
from rating.dialled import DialRules, Unreadable, read_dialled
from rating.errors import RatingError
from rating.hours import parse_hours
from rating.permission_rules import longest_call_s
from rating.permissions import ALL_PERMITTED, Permissions, parse_destinations
from rating.plan import Plan, PlanError, parse_plan
from store.caps import SpendLimits
from store.records import Account, DeckInfo, Extension
from store.store import Store

Read = TypeVar("Read")


@dataclass(frozen=True, slots=True, kw_only=True)
class Payer:
    """An extension as the gate sees it. A fault says why none of its paid calls can be made; None where they can."""

    extension: str
    endpoint: str
    account: Account
    prepaid: bool
    plan: Plan | None
    deck: Deck | None
    fault: str | None
    language: str | None = None
    """The extension's."""
    seats: int = 1
    """How many of the account's extensions are under the plan: they share its pooled allowances."""
    permissions: Permissions = ALL_PERMITTED
    """What the extension may call, and how many calls at a time."""
    caps: Caps = NO_CAPS
    """What the extension may spend."""

    @property
    def account_caps(self) -> Caps:
        """What all calls of its account together may spend."""
        return self.account.caps


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalog:
    """One state of everything an administrator sets; ``version`` moves with each change."""

    version: int
    rules: DialRules
    """How digits are read, the extensions' own numbers included."""
    payers: Mapping[str, Payer]
    """By endpoint, such as ``PJSIP/101``."""
    plans: Mapping[str, Plan]
    decks: Mapping[str, Deck]
    deck_generations: Mapping[str, int]
    accounts: Mapping[int, Account] = field(default_factory=dict)
    """By id."""
    longest_call_s: int | None = None
    """How long a call may last that its plan does not limit; None is for ever."""
    _by_extension: Mapping[str, Payer] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Index the payers by number: limits are looked up at each slice, also of an extension with a new phone."""
        object.__setattr__(self, "_by_extension", {payer.extension: payer for payer in self.payers.values()})

    def payer_at(self, endpoint: str) -> Payer | None:
        """Return the extension at this endpoint."""
        return self.payers.get(endpoint)

    def payer(self, extension: str) -> Payer | None:
        """Return the extension of this number."""
        return self._by_extension.get(extension)

    def longest_call_s_of(self, payer: Payer | None) -> int | None:
        """Return how long a call of this extension may last, an included one too; None: nobody is known who pays."""
        if payer is None:
            return self.longest_call_s
        plan_s = None if payer.plan is None else payer.plan.longest_call_s
        return longest_call_s(payer.permissions, plan_s, self.longest_call_s)

    def spend_limits(self, extension: str, account_id: int | None) -> SpendLimits:
        """Return what limits the spending of a call of this extension that this account pays, as things stand."""
        payer = self.payer(extension)
        account = None if account_id is None else self.accounts.get(account_id)
        return SpendLimits(
            extension_caps=NO_CAPS if payer is None else payer.caps,
            account_caps=NO_CAPS if account is None else account.caps,
            max_calls=None if payer is None else payer.permissions.max_calls,
        )

    def account_name(self, account_id: int | None) -> str:
        """Return the name of the account of this id; its id where it is not in the catalog yet."""
        account = None if account_id is None else self.accounts.get(account_id)
        return str(account_id) if account is None else account.name

    def payer_for_account(self, account: Account) -> Payer:
        """Return a nameless extension of this account, under its default plan."""
        payer = _payer(account, None, self.plans, self.decks, {})
        seats = sum(other.account.id == account.id and other.plan is payer.plan for other in self.payers.values())
        return replace(payer, seats=max(1, seats))  # it is a seat itself, where there is none yet


def decide_for(
    payer: Payer | None, raw: str, catalog: Catalog, at_ms: int, ring_limit_ms: int = RING_LIMIT_MS
) -> Decision:
    """Decide on dialled digits as this payer's plan, deck and permissions say; None: nobody was found who pays."""
    if payer is None:
        return decide(raw, rules=catalog.rules, plan=None, deck=None, prepaid=False, at_ms=at_ms)
    decision = decide(
        raw,
        rules=catalog.rules,
        plan=payer.plan,
        deck=payer.deck,
        prepaid=payer.prepaid,
        at_ms=at_ms,
        ring_limit_ms=ring_limit_ms,
        permissions=payer.permissions,
        zone=ZoneInfo(payer.account.timezone),
        longest_call_s=catalog.longest_call_s,
    )
    if payer.fault is None or decision.rate is None or not decision.admitted:
        return decision
    denial = Denial(DenyReason.NO_RATE, payer.fault)
    return without_money(decision, denial, Step("payer_fault", {"fault": payer.fault}))


def empty_catalog(rules: DialRules, longest_call_s: int | None = None) -> Catalog:
    """Return what is known before the store has been read: nobody, so that only emergencies ring.

    Args:
        rules: How digits are read here.
        longest_call_s: How long a call may last that its plan does not limit.
    """
    return Catalog(
        version=-1, rules=rules, payers={}, plans={}, decks={}, deck_generations={}, longest_call_s=longest_call_s
    )


async def load_catalog(store: Store, known: Catalog) -> Catalog:
    """Return the catalog as the store has it now; ``known`` itself where nothing has changed.

    Raises:
        StoreError: the store cannot be read.
    """
    version = await store.catalog_version()
    if version == known.version:
        return known
    return await _load(store, known, version, _decks)


async def load_catalog_for(store: Store, rules: DialRules, dialled: str, longest_call_s: int | None = None) -> Catalog:
    """Return the catalog for one look-up: of each deck there are only the rates that the dialled digits may have.

    It decides on those digits as :func:`load_catalog`'s does, without reading a million rates for one; a deck that the
    gate could not use because of another, damaged rate is not noticed.

    Args:
        rules: How digits are read; the extensions' numbers are added.
        dialled: The digits, as :func:`decide_for` takes them.
        longest_call_s: As for :func:`empty_catalog`.

    Raises:
        StoreError: the store cannot be read.
    """

    async def decks_for(store: Store, catalog: Catalog) -> _Decks:
        read = read_dialled(dialled, catalog.rules)
        key = "" if isinstance(read, Unreadable) else describe(read, catalog.rules).deck_key
        infos = await store.decks()
        found = {info.name: await _narrow_deck(store, info, key) for info in infos}
        return _Decks(
            {name: deck for name, deck in found.items() if deck is not None},
            {info.name: info.generation for info in infos},
        )

    return await _load(store, empty_catalog(rules, longest_call_s), await store.catalog_version(), decks_for)


class _Decks(NamedTuple):
    """The decks that can be used, and the generation of each that is there."""

    decks: Mapping[str, Deck]
    generations: Mapping[str, int]


async def _load(
    store: Store, known: Catalog, version: int, read_decks: Callable[[Store, Catalog], Awaitable[_Decks]]
) -> Catalog:
    extensions = await store.extensions()
    # Read after them: an extension that is added meanwhile, with an account of its own, waits for the next version.
    accounts = {account.id: account for account in await store.accounts()}
    plans = readable_plans(await store.plans())
    known = replace(
        known, rules=replace(known.rules, extensions=frozenset(extension.number for extension in extensions))
    )
    decks, generations = await read_decks(store, known)
    seats = Counter(
        (extension.account_id, plan_name_of(accounts[extension.account_id], extension)) for extension in extensions
    )
    return Catalog(
        version=version,
        rules=known.rules,
        payers={
            extension.endpoint: _payer(accounts[extension.account_id], extension, plans, decks, seats)
            for extension in extensions
        },
        plans=plans,
        decks=decks,
        deck_generations=generations,
        accounts=accounts,
        longest_call_s=known.longest_call_s,
    )


def readable_plans(texts: Mapping[str, str]) -> dict[str, Plan]:
    """Return the plans that can be read; an extension under another is refused, with the reason."""
    plans = {}
    for name, text in texts.items():
        try:
            plans[name] = parse_plan(text)
        except PlanError:
            continue
    return plans


async def _decks(store: Store, known: Catalog) -> _Decks:
    """Return every deck in force, read again only where an import has gone live since."""
    decks: dict[str, Deck] = {}
    generations: dict[str, int] = {}
    for info in await store.decks():
        generations[info.name] = info.generation
        if known.deck_generations.get(info.name) == info.generation and info.name in known.decks:
            decks[info.name] = known.decks[info.name]
        else:
            deck = await _load_deck(store, info)
            if deck is not None:
                decks[info.name] = deck
    return _Decks(decks, generations)


async def _load_deck(store: Store, info: DeckInfo) -> Deck | None:
    """Return a deck with its rates, read while calls go on; None where one cannot be read.

    Half a deck would price numbers by shorter prefixes: it is all of them or none, and calls are refused.
    """
    try:
        rows = await store.deck_rows(info.name)
    except (RatingError, ValueError, TypeError):
        return None
    return Deck.of_rows(info.name, info.currency, rows)


async def _narrow_deck(store: Store, info: DeckInfo, key: str) -> Deck | None:
    """Return a deck with the rates that may price a number; None where one cannot be read."""
    try:
        return Deck(info.name, info.currency, await store.rates_of(info.name, key))
    except (RatingError, ValueError, TypeError):
        return None


def _payer(
    account: Account,
    extension: Extension | None,
    plans: Mapping[str, Plan],
    decks: Mapping[str, Deck],
    seats: Mapping[tuple[int, str | None], int],
) -> Payer:
    plan_name = plan_name_of(account, extension)
    plan = None if plan_name is None else plans.get(plan_name)
    deck = None if plan is None else decks.get(plan.deck)
    permissions, unreadable = (ALL_PERMITTED, None) if extension is None else read_permissions(extension)
    return Payer(
        extension="" if extension is None else extension.number,
        endpoint="" if extension is None else extension.endpoint,
        account=account,
        prepaid=extension is None or extension.prepaid,
        plan=plan,
        deck=deck,
        fault=_fault(account, plan_name, plan, deck) or unreadable,
        language=None if extension is None else extension.language,
        seats=seats.get((account.id, plan_name), 1),
        permissions=permissions,
        caps=NO_CAPS if extension is None else extension.caps,
    )


def read_permissions(extension: Extension) -> tuple[Permissions, str | None]:
    """Return what an extension may call, and what is wrong with it: one that cannot be read refuses paid calls.

    The limits that can be read hold all the same.
    """
    faults: list[str] = []

    def read(text: str | None, name: str, parse: Callable[[str], Read]) -> Read | None:
        try:
            return None if text is None else parse(text)
        except RatingError:
            number = extension.number
            faults.append(f"extension {number}: its {name} cannot be read: tollgate extension set {number} --{name}")
            return None

    permissions = Permissions(
        extension=extension.number,
        allow=read(extension.allow_list, "allow", parse_destinations),
        deny=read(extension.deny_list, "deny", parse_destinations),
        hours=read(extension.hours, "hours", parse_hours),
        max_rate_micros=extension.max_rate_micros,
        longest_call_s=extension.longest_call_s,
        max_calls=extension.max_calls,
    )
    return permissions, next(iter(faults), None)


def plan_name_of(account: Account, extension: Extension | None) -> str | None:
    """Return the name of the plan that an extension is under; None: of a nameless one of the account."""
    return (None if extension is None else extension.plan) or account.plan


def _fault(account: Account, plan_name: str | None, plan: Plan | None, deck: Deck | None) -> str | None:
    if plan_name is None:
        return "no plan: neither the extension nor its account names one"
    if plan is None:
        return f"plan {plan_name} is missing or cannot be read: tollgate plan import"
    if deck is None:
        return f"plan {plan.name} names deck {plan.deck}, which has no rates or cannot be read: tollgate rates import"
    if deck.currency != account.currency:
        return f"deck {deck.name} is in {deck.currency}, account {account.name} in {account.currency}"
    return None
