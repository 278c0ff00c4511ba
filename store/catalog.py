"""The catalog: accounts, extensions and plans. Each change moves ``catalog_version`` too.

It moves in the same transaction. A service keeps the catalog in memory and reads that one number to learn
that it is stale.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import bindparam, insert, literal_column, select, update

from rating.plan import PlanError, parse_plan
from store import schema
from store.balances import read_available
from store.errors import (
    DeckCurrencyError,
    DuplicateNameError,
    UnknownAccountError,
    UnknownExtensionError,
    UnknownPlanError,
)
from store.operation import Operation, Sql, SqlValue

_ACCOUNT = schema.account.c
_EXTENSION = schema.extension.c
_PLAN = schema.plan.c
_DECK = schema.deck.c
_VERSION = schema.catalog_version.c

BUMP_VERSION = Sql(
    update(schema.catalog_version).values(version=_VERSION.version + literal_column("1")).returning(_VERSION.version)
)
SELECT_ACCOUNT_ID = Sql(select(_ACCOUNT.id).where(_ACCOUNT.name == bindparam("of_name")))
INSERT_ACCOUNT = Sql(
    insert(schema.account)
    .values(
        name=bindparam("name"),
        currency=bindparam("currency"),
        timezone=bindparam("timezone"),
        month_day=bindparam("month_day"),
        plan=bindparam("plan"),
        available_micros=literal_column("0"),
        reserved_micros=literal_column("0"),
        created_at_ms=bindparam("at_ms"),
        daily_cap_micros=bindparam("daily_cap_micros"),
        monthly_cap_micros=bindparam("monthly_cap_micros"),
    )
    .returning(_ACCOUNT.id)
)
UPDATE_ACCOUNT = Sql(
    update(schema.account)
    .where(_ACCOUNT.name == bindparam("of_name"))
    .values(
        timezone=bindparam("new_timezone"),
        month_day=bindparam("new_month_day"),
        plan=bindparam("new_plan"),
        daily_cap_micros=bindparam("new_daily_cap_micros"),
        monthly_cap_micros=bindparam("new_monthly_cap_micros"),
    )
)
SELECT_PLAN = Sql(select(_PLAN.toml).where(_PLAN.name == bindparam("of_name")))
SELECT_DECK_CURRENCY = Sql(select(_DECK.currency).where(_DECK.name == bindparam("of_name")))
SELECT_ACCOUNT_CURRENCY = Sql(select(_ACCOUNT.currency).where(_ACCOUNT.id == bindparam("account_id")))
SELECT_NAMED_CURRENCY = Sql(select(_ACCOUNT.currency).where(_ACCOUNT.name == bindparam("of_name")))
INSERT_PLAN = Sql(
    insert(schema.plan).values(name=bindparam("name"), toml=bindparam("toml"), updated_at_ms=bindparam("at_ms"))
)
UPDATE_PLAN = Sql(
    update(schema.plan)
    .where(_PLAN.name == bindparam("of_name"))
    .values(toml=bindparam("new_toml"), updated_at_ms=bindparam("at_ms"))
)
SELECT_HOLDERS = Sql(
    select(_EXTENSION.number, _EXTENSION.endpoint).where(
        (_EXTENSION.number == bindparam("of_number")) | (_EXTENSION.endpoint == bindparam("of_endpoint"))
    )
)
_SETTINGS = (
    "account_id",
    "endpoint",
    "plan",
    "prepaid",
    "language",
    "display_name",
    "daily_cap_micros",
    "monthly_cap_micros",
    "max_calls",
    "max_rate_micros",
    "longest_call_s",
    "allow_list",
    "deny_list",
    "hours",
)
"""The columns that :class:`ExtensionSettings` has too, but for the number, which never changes."""
EXTENSIONS_AT_ONCE = 50
INSERT_EXTENSION = Sql(
    insert(schema.extension)
    .values(
        number=bindparam("number"),
        created_at_ms=bindparam("at_ms"),
        **{name: bindparam(name) for name in _SETTINGS},
    )
    .returning(_EXTENSION.id)
)
UPDATE_EXTENSION = Sql(
    update(schema.extension)
    .where(_EXTENSION.number == bindparam("of_number"))
    .values({name: bindparam(f"new_{name}") for name in _SETTINGS})
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtensionSettings:
    """All that an administrator sets on an extension; ``plan`` None means the account's default plan.

    What the limits mean is said at :class:`store.records.Extension`.
    """

    number: str
    account_id: int
    endpoint: str
    plan: str | None = None
    prepaid: bool = True
    language: str = "en"
    display_name: str | None = None
    daily_cap_micros: int | None = None
    monthly_cap_micros: int | None = None
    max_calls: int | None = None
    max_rate_micros: int | None = None
    longest_call_s: int | None = None
    allow_list: str | None = None
    deny_list: str | None = None
    hours: str | None = None


def create_account(
    *,
    name: str,
    currency: str,
    timezone: str,
    at_ms: int,
    plan: str | None = None,
    month_day: int = 1,
    daily_cap_micros: int | None = None,
    monthly_cap_micros: int | None = None,
) -> Operation[int]:
    """Write an empty account and answer its id.

    Args:
        currency: ISO 4217 code.
        timezone: IANA name; the account's calendar.
        plan: The plan of its extensions that have none of their own.
        month_day: The day, 1 to 31, on which its months begin; in a shorter month its last one.
        daily_cap_micros, monthly_cap_micros: The most that all its calls may spend in a local day, and in one of its
            months; None is no cap.

    Raises:
        DuplicateNameError: there is an account of that name.
        UnknownPlanError: there is no such plan.
        DeckCurrencyError: the plan's deck is in another currency.
    """
    if (yield SELECT_ACCOUNT_ID(of_name=name)):
        raise DuplicateNameError(f"there is an account {name} already; choose another name")
    yield from _check_plan(plan, currency)
    rows = yield INSERT_ACCOUNT(
        name=name,
        currency=currency,
        timezone=timezone,
        month_day=month_day,
        plan=plan,
        daily_cap_micros=daily_cap_micros,
        monthly_cap_micros=monthly_cap_micros,
        at_ms=at_ms,
    )
    yield BUMP_VERSION()
    return int(rows[0][0])


def set_account(
    *,
    name: str,
    timezone: str,
    month_day: int,
    plan: str | None,
    daily_cap_micros: int | None = None,
    monthly_cap_micros: int | None = None,
) -> Operation[None]:
    """Replace an account's calendar, default plan and caps; its currency never changes.

    Raises:
        UnknownAccountError: there is no such account.
        UnknownPlanError: there is no such plan.
        DeckCurrencyError: the plan's deck is in another currency.
    """
    currencies = yield SELECT_NAMED_CURRENCY(of_name=name)
    if not currencies:
        raise UnknownAccountError(f"there is no account {name}; `tollgate account list` shows them")
    yield from _check_plan(plan, currencies[0][0])
    yield UPDATE_ACCOUNT(
        of_name=name,
        new_timezone=timezone,
        new_month_day=month_day,
        new_plan=plan,
        new_daily_cap_micros=daily_cap_micros,
        new_monthly_cap_micros=monthly_cap_micros,
    )
    yield BUMP_VERSION()


def put_plan(*, name: str, toml: str, at_ms: int) -> Operation[None]:
    """Write a plan's text, new or in the place of the old one. The caller has parsed it."""
    if (yield SELECT_PLAN(of_name=name)):
        yield UPDATE_PLAN(of_name=name, new_toml=toml, at_ms=at_ms)
    else:
        yield INSERT_PLAN(name=name, toml=toml, at_ms=at_ms)
    yield BUMP_VERSION()


def add_extension(settings: ExtensionSettings, *, at_ms: int) -> Operation[int]:
    """Write a new extension and answer its id.

    Raises:
        DuplicateNameError: its number or its endpoint is taken.
        UnknownAccountError, UnknownPlanError: what it refers to is not there.
        DeckCurrencyError: the plan's deck is in another currency than the account.
    """
    yield from _check_references(settings)
    extension_id = yield from _insert_extension(settings, at_ms)
    yield BUMP_VERSION()
    return extension_id


def set_extension(settings: ExtensionSettings) -> Operation[None]:
    """Replace all settings of the extension of that number.

    Raises:
        UnknownExtensionError: there is no extension of that number.
        DuplicateNameError: another extension has the endpoint.
        UnknownAccountError, UnknownPlanError: what it refers to is not there.
        DeckCurrencyError: the plan's deck is in another currency than the account.
    """
    yield from write_extensions(added=(), changed=(settings,), at_ms=0)


def write_extensions(
    *, added: Sequence[ExtensionSettings], changed: Sequence[ExtensionSettings], at_ms: int
) -> Operation[None]:
    """Write some extensions, changed ones first; it raises what :func:`add_extension` and :func:`set_extension` do.

    Of an office's hundreds :data:`EXTENSIONS_AT_ONCE` at a time, so that no call waits long for the store.
    """
    settings = (*changed, *added)
    for one_of_each in {(each.account_id, each.plan): each for each in settings}.values():
        yield from _check_references(one_of_each)
    for each in changed:
        yield from _update_extension(each)
    for each in added:
        yield from _insert_extension(each, at_ms)
    yield BUMP_VERSION()


def _insert_extension(settings: ExtensionSettings, at_ms: int) -> Operation[int]:
    holders = yield SELECT_HOLDERS(of_number=settings.number, of_endpoint=settings.endpoint)
    if holders:
        number, endpoint = holders[0]
        raise DuplicateNameError(
            f"extension {number} is there already, with endpoint {endpoint}; `tollgate extension set` changes it"
        )
    rows = yield INSERT_EXTENSION(number=settings.number, at_ms=at_ms, **_columns(settings, ""))
    return int(rows[0][0])


def _update_extension(settings: ExtensionSettings) -> Operation[None]:
    holders = yield SELECT_HOLDERS(of_number=settings.number, of_endpoint=settings.endpoint)
    numbers = {number for number, _ in holders}
    if settings.number not in numbers:
        raise UnknownExtensionError(f"there is no extension {settings.number}; `tollgate extension add` makes it")
    for other in numbers - {settings.number}:
        raise DuplicateNameError(f"endpoint {settings.endpoint} belongs to extension {other}; name another endpoint")
    yield UPDATE_EXTENSION(of_number=settings.number, **_columns(settings, "new_"))


def _columns(settings: ExtensionSettings, prefix: str) -> dict[str, SqlValue]:
    return {f"{prefix}{name}": getattr(settings, name) for name in _SETTINGS}


def _check_references(settings: ExtensionSettings) -> Operation[None]:
    yield from read_available(settings.account_id)
    currencies = yield SELECT_ACCOUNT_CURRENCY(account_id=settings.account_id)
    yield from _check_plan(settings.plan, currencies[0][0])


def _check_plan(name: str | None, currency: str) -> Operation[None]:
    """Refuse a plan that is not there, and one whose prices are in another currency than the account's money."""
    if name is None:
        return
    texts = yield SELECT_PLAN(of_name=name)
    if not texts:
        raise UnknownPlanError(
            f"there is no plan {name}; `tollgate plan list --shipped` names those to load with `tollgate plan import`"
        )
    try:
        deck = parse_plan(texts[0][0]).deck
    except PlanError:
        return  # paid calls are refused under it, and `tollgate plan list` says why
    currencies = yield SELECT_DECK_CURRENCY(of_name=deck)
    if currencies and currencies[0][0] != currency:
        raise DeckCurrencyError(
            f"plan {name} names deck {deck}, which is in {currencies[0][0]}, and the account is in {currency}; "
            "choose a plan whose deck is in the account's currency"
        )
