"""What an administrator changes on an extension: the options of a command, or the cells of a row."""

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from dataclasses import fields as fields_of

from rating.emergency import is_emergency
from store.catalog import EXTENSIONS_AT_ONCE, ExtensionSettings
from store.records import Account, Extension
from tollgate.cli.bad_field import BadFieldError
from tollgate.cli.errors import RefusedError
from tollgate.cli.limits import LIMIT_FIELDS, Limits, kept_money_limits, read_limits
from tollgate.settings import ENDPOINT_NAME

ACCOUNTS_PLAN = "default"
"""The plan of an extension that has none of its own."""

FIELDS = ("endpoint", "account", "plan", "prepaid", "language", "name", *LIMIT_FIELDS)
SWITCH = {"on": True, "off": False}

_CONTROLS = frozenset({"Cc", "Cs", "Zl", "Zp"})
"""Unicode's categories of what is no part of a name: controls, halves of characters, ends of lines and paragraphs."""
_NUMBER = re.compile(r"[0-9]{1,15}")
_ENDPOINT = re.compile(f"PJSIP/{ENDPOINT_NAME}")
_LANGUAGE = re.compile(r"[a-z]{2}(_[A-Z]{2})?")


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtensionChanges:
    """What to set on an extension; None keeps what is there."""

    endpoint: str | None
    account: str | None
    plan: str | None
    prepaid: bool | None
    language: str | None
    display_name: str | None
    limits: Limits


def read_changes(fields: Mapping[str, str | None]) -> ExtensionChanges:
    """Read the fields (:data:`FIELDS`) to set on an extension.

    Raises:
        BadFieldError: a field cannot be used.
    """
    return ExtensionChanges(
        endpoint=_check(
            "endpoint", fields, _ENDPOINT, "write PJSIP/ and the name of its endpoint in pjsip.conf, such as PJSIP/101"
        ),
        account=fields.get("account"),
        plan=fields.get("plan"),
        prepaid=_switch(fields.get("prepaid")),
        language=_check("language", fields, _LANGUAGE, "write a code such as en, fr or es"),
        display_name=_name(fields.get("name")),
        limits=read_limits(fields),
    )


def check_number(number: str, home_region: str) -> str:
    """Return an extension's number.

    Raises:
        BadFieldError: it is not 1 to 15 digits, or it is an emergency number, whose calls must go out.
    """
    if not _NUMBER.fullmatch(number):
        raise BadFieldError("extension", f"{number!r} is no extension", "write 1 to 15 digits, such as 101")
    if is_emergency(number, home_region):
        raise BadFieldError(
            "extension", f"{number} is an emergency number in {home_region}", "choose another extension"
        )
    return number


def _switch(text: str | None) -> bool | None:
    if text is None:
        return None
    if text.lower() not in SWITCH:
        raise BadFieldError("prepaid", f"prepaid {text!r} is neither on nor off", "write on or off")
    return SWITCH[text.lower()]


def _name(text: str | None) -> str | None:
    if text is not None and any(unicodedata.category(character) in _CONTROLS for character in text):
        raise BadFieldError("name", f"name {text!r} has a control character", "write it on one line, without tabs")
    return text


def _check(field: str, fields: Mapping[str, str | None], form: re.Pattern[str], hint: str) -> str | None:
    value = fields.get(field)
    if value is not None and not form.fullmatch(value):
        raise BadFieldError(field, f"{field} {value!r} cannot be used", hint)
    return value


def new_extension(number: str, account_id: int) -> ExtensionSettings:
    """Return an extension as it is before anything is set."""
    return ExtensionSettings(number=number, account_id=account_id, endpoint=f"PJSIP/{number}")


def settings_of(extension: Extension) -> ExtensionSettings:
    """Return what is set on an extension of the store."""
    return ExtensionSettings(**{each.name: getattr(extension, each.name) for each in fields_of(ExtensionSettings)})


def apply_changes(settings: ExtensionSettings, changes: ExtensionChanges, account_id: int | None) -> ExtensionSettings:
    """Return ``settings`` with the changes; ``account_id`` is that of the changes' account."""
    return replace(
        settings,
        account_id=settings.account_id if account_id is None else account_id,
        endpoint=changes.endpoint or settings.endpoint,
        plan=_plan(settings.plan, changes.plan),
        prepaid=settings.prepaid if changes.prepaid is None else changes.prepaid,
        language=changes.language or settings.language,
        display_name=settings.display_name if changes.display_name is None else changes.display_name or None,
        **changes.limits,  # type: ignore[arg-type]  # each value is of its column
    )


def other_currency_fault(
    settings: ExtensionSettings, changes: ExtensionChanges, of: Account, to: Account
) -> RefusedError | None:
    """Say why an extension of account ``of`` with these settings cannot be changed so that it is ``to``'s, if so.

    A limit of 5 EUR is none of 5 MXN: each one in money has to be named anew, or removed.
    """
    kept = kept_money_limits(settings, changes.limits)
    if of.currency == to.currency or not kept:
        return None
    return RefusedError(
        f"extension {settings.number} has {' and '.join(kept)} in {of.currency}, "
        f"and account {to.name} is in {to.currency}",
        f"give them in {to.currency} with the account, or none",
    )


def chunks(settings: Sequence[ExtensionSettings]) -> Iterator[Sequence[ExtensionSettings]]:
    """Yield extensions, as many as one transaction writes: calls pass between."""
    for at in range(0, len(settings), EXTENSIONS_AT_ONCE):
        yield settings[at : at + EXTENSIONS_AT_ONCE]


def _plan(was: str | None, wanted: str | None) -> str | None:
    if wanted is None:
        return was
    return None if wanted == ACCOUNTS_PLAN else wanted
