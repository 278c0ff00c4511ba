"""Extensions: added and changed, one or many in an operation. Each change moves ``catalog_version`` too.

As in :mod:`store.catalog`, a change names what it changes, and is applied to the row that the operation itself reads.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Self, TypedDict

from sqlalchemy import bindparam, insert, select, update

from store import schema
from store.balances import read_available
from store.catalog import BUMP_VERSION, check_plan
from store.errors import DuplicateNameError, LimitCurrencyError, UnknownAccountError, UnknownExtensionError
from store.operation import Operation, Sql, SqlValue

_ACCOUNT = schema.account.c
_EXTENSION = schema.extension.c

SELECT_ACCOUNT_MONEY = Sql(select(_ACCOUNT.name, _ACCOUNT.currency).where(_ACCOUNT.id == bindparam("account_id")))
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
_MONEY_LIMITS = ("daily_cap_micros", "monthly_cap_micros", "max_rate_micros")
"""Those of an extension's columns that are in its account's currency."""
EXTENSIONS_AT_ONCE = 50
"""As many as one operation writes: of an office's hundreds some at a time, so that no call waits long for the store."""
SELECT_HOLDERS = Sql(
    select(_EXTENSION.number, _EXTENSION.endpoint).where(
        (_EXTENSION.number == bindparam("of_number")) | (_EXTENSION.endpoint == bindparam("of_endpoint"))
    )
)
SELECT_EXTENSION = Sql(
    select(*(_EXTENSION[name] for name in _SETTINGS)).where(_EXTENSION.number == bindparam("of_number"))
)
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


class ExtensionChanges(TypedDict, total=False):
    """What to change on an extension, by column: what is not named stays. None removes what may be None."""

    account_id: int
    endpoint: str
    plan: str | None
    prepaid: bool
    language: str
    display_name: str | None
    daily_cap_micros: int | None
    monthly_cap_micros: int | None
    max_calls: int | None
    max_rate_micros: int | None
    longest_call_s: int | None
    allow_list: str | None
    deny_list: str | None
    hours: str | None


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

    @classmethod
    def new(cls, number: str, account_id: int) -> Self:
        """Return an extension as it is before anything is set."""
        return cls(number=number, account_id=account_id, endpoint=f"PJSIP/{number}")

    def changed(self, changes: ExtensionChanges) -> Self:
        """Return the settings with the changes."""
        return replace(self, **changes)

    def money_limits_fault(self, changes: ExtensionChanges, currency: str, to: "AccountMoney") -> str | None:
        """Say why the extension cannot be changed so that it is account ``to``'s, if so.

        A limit of 5 EUR is none of 5 MXN: each one in money has to be named anew, or removed.

        Args:
            changes: What is changed with the account.
            currency: Of the account that it is on.
            to: The account that it shall be on.
        """
        kept = [name for name in _MONEY_LIMITS if getattr(self, name) is not None and name not in changes]
        if currency == to.currency or not kept:
            return None
        names = " and ".join(name.removesuffix("_micros") for name in kept)
        return (
            f"extension {self.number} has {names} in {currency}, and account {to.name} is in {to.currency}; "
            f"give them in {to.currency} with the account, or none"
        )


@dataclass(frozen=True, slots=True)
class AccountMoney:
    """An account's name, and the currency of its money and of its extensions' limits."""

    name: str
    currency: str


@dataclass(frozen=True, slots=True)
class Written:
    """How many extensions were added, and how many changed."""

    added: int
    changed: int


def add_extension(settings: ExtensionSettings, *, at_ms: int) -> Operation[int]:
    """Write a new extension and answer its id.

    Raises:
        DuplicateNameError: its number or its endpoint is taken.
        UnknownAccountError, UnknownPlanError: what it refers to is not there.
        DeckCurrencyError: the plan's deck is in another currency than the account.
    """
    extension_id = yield from _insert_extension(settings, at_ms, set())
    yield BUMP_VERSION()
    return extension_id


def set_extensions(changes: Mapping[str, ExtensionChanges]) -> Operation[None]:
    """Change some extensions, by number: all of them or none.

    Raises:
        UnknownExtensionError: there is no extension of a number.
        DuplicateNameError: another extension has the endpoint.
        UnknownAccountError, UnknownPlanError: what one is to refer to is not there.
        DeckCurrencyError: the plan's deck is in another currency than the account.
        LimitCurrencyError: one would keep limits in another currency than its new account's.
    """
    checked: set[_Reference] = set()
    for number, each in changes.items():
        before = yield from _read_extension(number)
        if before is None:
            raise UnknownExtensionError(f"there is no extension {number}; `tollgate extension add` makes it")
        yield from _update_extension(before, each, checked)
    yield BUMP_VERSION()


def put_extensions(
    changes: Mapping[str, ExtensionChanges], *, new_account_id: int | None, at_ms: int
) -> Operation[Written]:
    """Change the extensions that are there, then add the others: all of them or none.

    Args:
        changes: By number; a new extension has the defaults of :meth:`ExtensionSettings.new` for what is not named.
        new_account_id: Whose a new extension is that names no account.
        at_ms: When they are added.

    Raises:
        UnknownAccountError: a new extension names no account, and ``new_account_id`` neither.
        StoreError: what :func:`add_extension` and :func:`set_extensions` raise.
    """
    checked: set[_Reference] = set()
    new: dict[str, ExtensionChanges] = {}
    for number, each in changes.items():
        before = yield from _read_extension(number)
        if before is None:
            new[number] = each
        else:
            yield from _update_extension(before, each, checked)
    for number, each in new.items():
        account_id = each.get("account_id", new_account_id)
        if account_id is None:
            raise UnknownAccountError(f"extension {number} is new and names no account; name the one that pays")
        yield from _insert_extension(ExtensionSettings.new(number, account_id).changed(each), at_ms, checked)
    yield BUMP_VERSION()
    return Written(added=len(new), changed=len(changes) - len(new))


_Reference = tuple[int, str | None]
"""An account and a plan that fit together: the same for most extensions of an office."""


def _read_extension(number: str) -> Operation[ExtensionSettings | None]:
    rows = yield SELECT_EXTENSION(of_number=number)
    if not rows:
        return None
    values = dict(zip(_SETTINGS, rows[0], strict=True))
    return ExtensionSettings(number=number, **{**values, "prepaid": bool(values["prepaid"])})


def _insert_extension(settings: ExtensionSettings, at_ms: int, checked: set[_Reference]) -> Operation[int]:
    yield from _check_references(settings, checked)
    holders = yield SELECT_HOLDERS(of_number=settings.number, of_endpoint=settings.endpoint)
    if holders:
        number, endpoint = holders[0]
        raise DuplicateNameError(
            f"extension {number} is there already, with endpoint {endpoint}; `tollgate extension set` changes it"
        )
    rows = yield INSERT_EXTENSION(number=settings.number, at_ms=at_ms, **_columns(settings, ""))
    return int(rows[0][0])


def _update_extension(
    before: ExtensionSettings, changes: ExtensionChanges, checked: set[_Reference]
) -> Operation[None]:
    settings = before.changed(changes)
    if "plan" in changes or "account_id" in changes:
        yield from _check_references(settings, checked)
    if settings.account_id != before.account_id:
        of, to = (yield from _account_money(before.account_id)), (yield from _account_money(settings.account_id))
        fault = before.money_limits_fault(changes, of.currency, to)
        if fault is not None:
            raise LimitCurrencyError(fault)
    holders = yield SELECT_HOLDERS(of_number=settings.number, of_endpoint=settings.endpoint)
    for other in {number for number, _ in holders} - {settings.number}:
        raise DuplicateNameError(f"endpoint {settings.endpoint} belongs to extension {other}; name another endpoint")
    yield UPDATE_EXTENSION(of_number=settings.number, **_columns(settings, "new_"))


def _columns(settings: ExtensionSettings, prefix: str) -> dict[str, SqlValue]:
    return {f"{prefix}{name}": getattr(settings, name) for name in _SETTINGS}


def _check_references(settings: ExtensionSettings, checked: set[_Reference]) -> Operation[None]:
    """Check that account and plan are there and fit; those in ``checked`` do."""
    reference = settings.account_id, settings.plan
    if reference in checked:
        return
    yield from read_available(settings.account_id)
    yield from check_plan(settings.plan, (yield from _account_money(settings.account_id)).currency)
    checked.add(reference)


def _account_money(account_id: int) -> Operation[AccountMoney]:
    rows = yield SELECT_ACCOUNT_MONEY(account_id=account_id)
    return AccountMoney(*rows[0])
