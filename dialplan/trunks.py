"""Trunks, and a number in the form in which each of them wants it."""

from dataclasses import dataclass
from enum import StrEnum

import phonenumbers


class DialFormat(StrEnum):
    """How a carrier wants numbers: ``+33…``, ``33…``, ``0033…``, or as dialled in the country (``0…``)."""

    PLUS = "plus"
    E164 = "e164"
    ZEROS = "00"
    NATIONAL = "national"


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


def national_prefix(region: str) -> str:
    """Return the digits dialled before a national number, such as ``0`` in France; '' where there are none."""
    return phonenumbers.ndd_prefix_for_region(region, True) or ""


def international_prefix(region: str) -> str:
    """Return the digits dialled before a foreign number: ``00``, or ``011`` in North America."""
    metadata = phonenumbers.PhoneMetadata.metadata_for_region(region)
    digits = "" if metadata is None else metadata.international_prefix or ""
    return digits if digits.isdigit() else "00"
