"""What may be set on an extension, checked before it reaches the store."""

import re

from rating.emergency import is_emergency
from tollgate.cli.errors import BadInputError

_NUMBER = re.compile(r"[0-9]{1,15}")
_ENDPOINT = re.compile(r"[A-Za-z0-9]+/[A-Za-z0-9_.@+-]{1,80}")
_LANGUAGE = re.compile(r"[a-z]{2}(_[A-Z]{2})?")


def check_number(number: str, home_region: str) -> str:
    """Return the extension's number.

    Raises:
        BadInputError: it is not 1 to 15 digits, or it is an emergency number: that call must go out.
    """
    if not _NUMBER.fullmatch(number):
        raise BadInputError(f"{number!r} is no extension", "write 1 to 15 digits, such as 101")
    if is_emergency(number, home_region):
        raise BadInputError(f"{number} is an emergency number in {home_region}", "choose another extension")
    return number


def check_endpoint(endpoint: str) -> str:
    """Return the endpoint.

    Raises:
        BadInputError: it is not a technology and a name.
    """
    if not _ENDPOINT.fullmatch(endpoint):
        raise BadInputError(f"{endpoint!r} is no endpoint", "write it as Asterisk does, such as PJSIP/101")
    return endpoint


def default_endpoint(number: str) -> str:
    """Return the endpoint of an extension that names none."""
    return f"PJSIP/{number}"


def check_language(language: str) -> str:
    """Return the language code.

    Raises:
        BadInputError: it is none.
    """
    if not _LANGUAGE.fullmatch(language):
        raise BadInputError(f"{language!r} is no language", "write a code such as en, fr or es")
    return language


def read_switch(word: str) -> bool:
    """Return whether a switch is on.

    Raises:
        BadInputError: the word is neither on nor off.
    """
    if word not in {"on", "off"}:
        raise BadInputError(f"{word!r} is neither on nor off", "write on or off")
    return word == "on"


def switch(*, on: bool) -> str:
    """Write a switch."""
    return "on" if on else "off"
