"""Trunks, and a number in the form in which each of them wants it."""

import re
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum

import phonenumbers

_URI_USER = re.compile(r"<?(?:(?:sips?|tel):)?([^@;/>]*)", re.IGNORECASE)
_EMERGENCY_NAMES = frozenset({"sos", "urn:service:sos"})
"""RFC 5031."""


class DialFormat(StrEnum):
    """How a carrier wants numbers: ``+33…``, ``33…``, ``0033…``, or as dialled in the country (``0…``)."""

    PLUS = "plus"
    E164 = "e164"
    ZEROS = "00"
    NATIONAL = "national"


_WITH_ZEROS = frozenset({DialFormat.ZEROS, DialFormat.NATIONAL})
"""Where a number abroad begins with ``00``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trunk:
    """A PJSIP endpoint towards a carrier."""

    endpoint: str
    dial_format: DialFormat = DialFormat.PLUS


def trunk_number(number: str, dial_format: DialFormat, home_region: str) -> str:
    """Return ``number`` (``+…`` or a short number) as digits for this trunk; short numbers stay as they are."""
    if not number.startswith("+"):
        return number
    home_code = str(phonenumbers.country_code_for_region(home_region))
    match dial_format:
        case DialFormat.PLUS:
            return number
        case DialFormat.E164:
            return number[1:]
        case DialFormat.NATIONAL if number[1:].startswith(home_code):
            return national_prefix(home_region) + number[1 + len(home_code) :]
        case _:
            return "00" + number[1:]


def dialled_number(target: str, endpoint: str) -> str | None:
    """Return what is dialled in the dial string of a leg on this trunk; None where that cannot be read.

    The forms are those of chan_pjsip: ``NUMBER@ENDPOINT`` and ``ENDPOINT/sip:NUMBER@HOST``, and the URI may be as a To
    header has it: ``ENDPOINT/<sip:NUMBER@HOST>``.
    """
    user, at, name = target.rpartition("@")
    if at and name == endpoint:
        return user.partition(";")[0]
    name, slash, uri = target.partition("/")
    found = _URI_USER.match(uri) if slash and name == endpoint else None
    return None if found is None else found[1]


def rated_number(digits: str, dial_format: DialFormat, home_region: str) -> str:
    """Return the number that a trunk was given: ``+…``, or the digits as they are where they are no whole number.

    It reverses :func:`trunk_number`. Carriers take other forms than the one that is set, so these are read too.
    """
    if digits.startswith("+"):
        return digits
    forms = ["+" + digits[2:]] if dial_format in _WITH_ZEROS and digits.startswith("00") else []
    if dial_format is DialFormat.E164:
        forms.append("+" + digits)
    for form in (*forms, digits):
        with suppress(phonenumbers.NumberParseException):
            number = phonenumbers.parse(form, home_region)
            if phonenumbers.is_valid_number(number):
                return str(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))
    return forms[0] if forms and dial_format in _WITH_ZEROS else digits


def may_be_emergency(digits: str, emergencies: frozenset[str], home_region: str, outside_line: str) -> bool:
    """Say whether digits on a trunk call an emergency service, in any form in which a dialplan may have written it.

    With and without the outside line's digits, and as if it were a number of the country. Read widely: a call that is
    none after all is only left alone.
    """
    home = str(phonenumbers.country_code_for_region(home_region))
    abroad = international_prefix(home_region)
    codes = (home, f"+{home}", f"00{home}", f"{abroad}{home}", national_prefix(home_region))
    before = ("", outside_line, "+", *codes)
    rests = {digits.removeprefix(prefix) for prefix in before if digits.startswith(prefix)}
    return not rests.isdisjoint(emergencies) or digits.lower() in _EMERGENCY_NAMES


def national_prefix(region: str) -> str:
    """Return the digits dialled before a national number, such as ``0`` in France; '' where there are none."""
    return phonenumbers.ndd_prefix_for_region(region, True) or ""


def international_prefix(region: str) -> str:
    """Return the digits dialled before a foreign number: ``00``, or ``011`` in North America."""
    metadata = phonenumbers.PhoneMetadata.metadata_for_region(region)
    digits = "" if metadata is None else metadata.international_prefix or ""
    return digits if digits.isdigit() else "00"
