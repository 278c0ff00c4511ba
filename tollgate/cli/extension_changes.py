"""What an administrator changes on an extension: the options of a command, or the cells of a row."""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import fields as fields_of

from rating.emergency import is_emergency
from rating.sentences import SENTENCES
from store.extensions import ExtensionChanges, ExtensionSettings
from store.records import Extension
from tollgate.cli.bad_field import BadFieldError
from tollgate.cli.limits import LIMIT_FIELDS, NO_LIMIT, read_limits
from tollgate.settings import ENDPOINT_NAME

ACCOUNTS_PLAN = "default"
"""The plan of an extension that has none of its own."""

FIELDS = ("endpoint", "account", "plan", "prepaid", "language", "name", *LIMIT_FIELDS)
SWITCH = {"on": True, "off": False}

_CONTROLS = frozenset({"Cc", "Cs", "Zl", "Zp"})
"""Unicode's categories of what is no part of a name: controls, halves of characters, ends of lines and paragraphs."""
_NUMBER = re.compile(r"[0-9]{1,15}")
_ENDPOINT = re.compile(f"PJSIP/{ENDPOINT_NAME}")
_LANGUAGES = tuple(sorted(SENTENCES))
"""What the product speaks."""


@dataclass(frozen=True, slots=True)
class NamedChanges:
    """What to set on an extension: its account by name, None to keep it, and the rest as the store has it."""

    account: str | None
    settings: ExtensionChanges

    def with_account(self, account_id: int | None) -> ExtensionChanges:
        """Return the changes for the store; ``account_id`` is that of the account."""
        return self.settings if account_id is None else {**self.settings, "account_id": account_id}


def read_changes(fields: Mapping[str, str | None]) -> NamedChanges:
    """Read the fields (:data:`FIELDS`) to set on an extension; one that is None or not there is kept.

    Raises:
        BadFieldError: a field cannot be used.
    """
    given = {name: text for name, text in fields.items() if text is not None}
    settings = ExtensionChanges(**read_limits(given))  # type: ignore[typeddict-item]  # each value is of its column
    if "endpoint" in given:
        settings["endpoint"] = _endpoint(given["endpoint"])
    if "plan" in given:
        settings["plan"] = None if given["plan"] == ACCOUNTS_PLAN else given["plan"]
    if "prepaid" in given:
        settings["prepaid"] = _switch(given["prepaid"])
    if "language" in given:
        settings["language"] = _language(given["language"])
    if "name" in given:
        settings["display_name"] = _name(given["name"])
    return NamedChanges(given.get("account"), settings)


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


def _endpoint(text: str) -> str:
    if not _ENDPOINT.fullmatch(text):
        hint = "write PJSIP/ and the name of its endpoint in pjsip.conf, such as PJSIP/101"
        raise BadFieldError("endpoint", f"{text!r} cannot be used", hint)
    return text


def _switch(text: str) -> bool:
    if text.lower() not in SWITCH:
        raise BadFieldError("prepaid", f"{text!r} is neither on nor off", "write on or off")
    return SWITCH[text.lower()]


def _language(text: str) -> str:
    if text not in _LANGUAGES:
        raise BadFieldError("language", f"{text!r} is not spoken here", f"write one of {', '.join(_LANGUAGES)}")
    return text


def _name(text: str) -> str | None:
    if any(unicodedata.category(character) in _CONTROLS for character in text):
        raise BadFieldError("name", f"{text!r} has a control character", "write it on one line, without tabs")
    return None if text.lower() in ("", NO_LIMIT) else text


def settings_of(extension: Extension) -> ExtensionSettings:
    """Return what is set on an extension of the store."""
    return ExtensionSettings(**{each.name: getattr(extension, each.name) for each in fields_of(ExtensionSettings)})
