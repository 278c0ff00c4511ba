"""The catalog: accounts and plans (extensions: :mod:`store.extensions`). Each change moves ``catalog_version`` too.

It moves in the same transaction. A service keeps the catalog in memory and reads that one number to learn
that it is stale.

A change names what it changes and nothing else: the row that it is applied to is read by the operation itself, so that
two administrators who change different things at once both have their way.
"""

from typing import TypedDict, Unpack

from sqlalchemy import bindparam, case, insert, literal_column, select, update

from rating.plan import PlanError, parse_plan
from store import schema
from store.errors import DeckCurrencyError, DuplicateNameError, UnknownAccountError, UnknownPlanError
from store.operation import Operation, Sql

_ACCOUNT = schema.account.c
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
_ACCOUNT_SETTINGS = ("timezone", "month_day", "plan", "daily_cap_micros", "monthly_cap_micros")
"""The columns that :class:`AccountChanges` has too."""
SELECT_ACCOUNT_SETTINGS = Sql(
    select(_ACCOUNT.currency, *(_ACCOUNT[name] for name in _ACCOUNT_SETTINGS)).where(
        _ACCOUNT.name == bindparam("of_name")
    )
)
_LATEST_ENTRY_MS = (
    select(schema.journal.c.at_ms).order_by(schema.journal.c.id.desc()).limit(literal_column("1")).scalar_subquery()
)
UPDATE_ACCOUNT = Sql(
    update(schema.account)
    .where(_ACCOUNT.name == bindparam("of_name"))
    .values(
        {
            **{name: bindparam(f"new_{name}") for name in _ACCOUNT_SETTINGS},
            # Days of spend that were counted until then are those of the old zone (store.verify_days).
            "timezone_since_ms": case(
                (_ACCOUNT.timezone == bindparam("new_timezone"), _ACCOUNT.timezone_since_ms), else_=_LATEST_ENTRY_MS
            ),
        }
    )
)
SELECT_PLAN = Sql(select(_PLAN.toml).where(_PLAN.name == bindparam("of_name")))
SELECT_DECK_CURRENCY = Sql(select(_DECK.currency).where(_DECK.name == bindparam("of_name")))
INSERT_PLAN = Sql(
    insert(schema.plan).values(name=bindparam("name"), toml=bindparam("toml"), updated_at_ms=bindparam("at_ms"))
)
UPDATE_PLAN = Sql(
    update(schema.plan)
    .where(_PLAN.name == bindparam("of_name"))
    .values(toml=bindparam("new_toml"), updated_at_ms=bindparam("at_ms"))
)


class AccountChanges(TypedDict, total=False):
    """What to change on an account, by column: what is not named stays. None is no plan, and no cap."""

    timezone: str
    month_day: int
    plan: str | None
    daily_cap_micros: int | None
    monthly_cap_micros: int | None


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
    yield from check_plan(plan, currency)
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


def set_account(*, name: str, **changes: Unpack[AccountChanges]) -> Operation[None]:
    """Change an account's calendar, default plan or caps; its currency never changes.

    Raises:
        UnknownAccountError: there is no such account.
        UnknownPlanError: there is no such plan.
        DeckCurrencyError: the plan's deck is in another currency.
    """
    rows = yield SELECT_ACCOUNT_SETTINGS(of_name=name)
    if not rows:
        raise UnknownAccountError(f"there is no account {name}; `tollgate account list` shows them")
    currency, *kept = rows[0]
    if "plan" in changes:
        yield from check_plan(changes["plan"], currency)
    settings = {**dict(zip(_ACCOUNT_SETTINGS, kept, strict=True)), **changes}
    yield UPDATE_ACCOUNT(of_name=name, **{f"new_{column}": value for column, value in settings.items()})
    yield BUMP_VERSION()


def put_plan(*, name: str, toml: str, at_ms: int) -> Operation[None]:
    """Write a plan's text, new or in the place of the old one. The caller has parsed it."""
    if (yield SELECT_PLAN(of_name=name)):
        yield UPDATE_PLAN(of_name=name, new_toml=toml, at_ms=at_ms)
    else:
        yield INSERT_PLAN(name=name, toml=toml, at_ms=at_ms)
    yield BUMP_VERSION()


def check_plan(name: str | None, currency: str) -> Operation[None]:
    """Refuse a plan that is not there, and one whose prices are in another currency than the account's money.

    Raises:
        UnknownPlanError, DeckCurrencyError: it is one of those.
    """
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
