"""Clean digits to one line of the world: its E.164 number, its region and the library's type of it.

The number that comes out is the one that is dialled and the one that is rated, so nothing may be lost on the
way: what phonenumbers would silently complete (a missing trunk prefix or area code) is a fault here.

A number in a range that the metadata knows is read by :mod:`rating.numbering`; everything else goes through
the library's parser, which knows what people write (``+33 (0)6…``). A number of possible length in a range
that the metadata does not know stays readable as long as its country is certain, since numbering plans grow
faster than metadata; its type is unknown, so it is only ever dialled at a deck's price. Where the country
itself is uncertain (an unknown range under +1, +7 or +44) no price can be trusted, and it is refused.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple, cast

import phonenumbers
from phonenumbers import PhoneMetadata, PhoneNumber, PhoneNumberFormat, PhoneNumberType, ValidationResult

from rating.faults import Fault
from rating.numbering import NON_GEOGRAPHIC, locate, split_country_code
from rating.overseas import FRANCE, is_overseas, territory_region, true_number

NORTH_AMERICA = 1

_CACHED_NUMBERS = 16_384

# The 1 of mobiles after +52 and Mexico's own 01, 044 and 045 were abolished on 2019-08-03 (IFT, Plan Técnico
# Fundamental de Numeración), but address books still hold them.
_MEXICO_ABROAD = re.compile(r"^521(?=[0-9]{10}$)")
_MEXICO_AT_HOME = re.compile(r"^(?:01|044|045)(?=[0-9]{10}$)")


class Line(NamedTuple):
    """One line of the world. ``region`` is ``"001"`` for codes that belong to no country (satellites)."""

    e164: str
    region: str
    library_type: int
    """A value of ``phonenumbers.PhoneNumberType``."""
    country_code: int

    @property
    def national(self) -> str:
        """The national (significant) number: the digits after the country code."""
        return self.e164[1 + len(str(self.country_code)) :]


@lru_cache(maxsize=_CACHED_NUMBERS)
def read_international(digits: str) -> Line | Fault:
    """Read digits that begin with a country code, without plus or international prefix."""
    digits = _MEXICO_ABROAD.sub("52", digits)
    split = split_country_code(digits)
    if split is None:
        return Fault.UNKNOWN_COUNTRY
    line = _known_line(*split)
    if line is not None:
        return line
    parsed = _parse("+" + digits, None)
    return Fault.IMPOSSIBLE if parsed is None else _parsed_line(parsed, digits)


@lru_cache(maxsize=_CACHED_NUMBERS)
def read_national(digits: str, region: str) -> Line | Fault:
    """Read digits as they are dialled inside a region, with its national trunk prefix where it has one."""
    if region == "MX":
        digits = _MEXICO_AT_HOME.sub("", digits)
    home = home_of(region)
    national = home.without_trunk_prefix(digits)
    line = None if national is None else _known_line(home.country_code, national)
    if line is not None:
        return line
    parsed = _parse(digits, region)
    if parsed is None or parsed.country_code != home.country_code:
        return Fault.IMPOSSIBLE
    if national is None and not _is_written_in_full(digits, parsed):
        return Fault.NO_TRUNK_PREFIX
    return _parsed_line(parsed, digits)


@dataclass(frozen=True, slots=True)
class Home:
    """How numbers are dialled inside a region."""

    country_code: int
    trunk_prefix: str
    """What stands before national numbers (0 in France); empty where nothing does (ES, IT)."""
    international_prefix: re.Pattern[str]

    def without_trunk_prefix(self, digits: str) -> str | None:
        """Return the national number, or None where the trunk prefix that must be dialled is missing.

        Without it, digits mean a line of the caller's own area (DE) or nothing at all (FR). North America's
        1 is the exception: it may be left out.
        """
        if digits.startswith(self.trunk_prefix):
            return digits[len(self.trunk_prefix) :]
        return digits if self.country_code == NORTH_AMERICA else None


@lru_cache(maxsize=64)
def home_of(region: str) -> Home:
    """Return the dialling habits of a region that phonenumbers knows."""
    metadata = PhoneMetadata.metadata_for_region(region)
    if metadata is None:
        raise LookupError(f"phonenumbers has no metadata of {region}")
    return Home(
        country_code=phonenumbers.country_code_for_region(region),
        trunk_prefix=metadata.national_prefix or "",
        international_prefix=re.compile(metadata.international_prefix or "00", re.ASCII),
    )


def _known_line(country_code: int, national: str) -> Line | Fault | None:
    """Return the line of a number in a range that the metadata knows, else None."""
    if country_code == FRANCE and is_overseas(national):
        return _overseas_line(national)
    location = locate(country_code, national)
    if location.region is None or not location.is_known:
        return None
    return _line(country_code, national, location.region, location.library_type)


def _overseas_line(national: str) -> Line | Fault:
    found = true_number(national)
    if found is None:
        return Fault.UNKNOWN_COUNTRY
    territory, digits = found
    location = locate(territory.country_code, digits)
    return _line(territory.country_code, digits, location.region or territory.region, location.library_type)


def _parsed_line(parsed: PhoneNumber, digits: str) -> Line | Fault:
    """Return the line of a number that had to be parsed from these digits, most often one in no known range."""
    country_code, national = (
        cast("int", parsed.country_code),
        phonenumbers.national_significant_number(parsed),
    )
    known = _known_line(country_code, national)
    if known is not None:
        return known
    if phonenumbers.is_possible_number_with_reason(parsed) != ValidationResult.IS_POSSIBLE:
        return Fault.IMPOSSIBLE
    region = locate(country_code, national).region or territory_region(country_code, national)
    if region is None:
        return Fault.UNKNOWN_RANGE
    if _keeps_trunk_zero(national, region) or _loses_digits(digits, country_code, national):
        return Fault.IMPOSSIBLE
    return _line(country_code, national, region, PhoneNumberType.UNKNOWN)


def _keeps_trunk_zero(national: str, region: str) -> bool:
    """Say whether a number too short to lose its trunk prefix was taken for one without: 06 12 34 56 7 (FR)."""
    if region == NON_GEOGRAPHIC:
        return False
    trunk_prefix = home_of(region).trunk_prefix
    return trunk_prefix.startswith("0") and national.startswith(trunk_prefix)


def _loses_digits(digits: str, country_code: int, national: str) -> bool:
    """Say whether more than country code and trunk prefix was taken off, or would be from the E.164 number.

    In ranges that it does not know the library takes off whatever looks like a carrier code: of +55 90 4492 1360
    it leaves +55 4492 1360, another number.
    """
    main_region = phonenumbers.region_code_for_country_code(country_code)
    trunk_prefix = "" if main_region == NON_GEOGRAPHIC else home_of(main_region).trunk_prefix
    openings = {"", trunk_prefix, str(country_code), f"{country_code}{trunk_prefix}"}
    if not digits.endswith(national) or digits.removesuffix(national) not in openings:
        return True
    again = _parse(f"+{country_code}{national}", None)
    return again is None or phonenumbers.national_significant_number(again) != national


def _line(country_code: int, national: str, region: str, library_type: int) -> Line | Fault:
    digits = f"{country_code}{national}"
    # E.164 allows 15 digits; phonenumbers knows ranges that are longer.
    return Line(f"+{digits}", region, library_type, country_code) if 7 <= len(digits) <= 15 else Fault.IMPOSSIBLE


def _parse(text: str, region: str | None) -> PhoneNumber | None:
    try:
        return phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        return None


def _is_written_in_full(digits: str, parsed: PhoneNumber) -> bool:
    """Say whether digits without trunk prefix are how the number is written at home (Chinese mobiles)."""
    national = phonenumbers.format_number(parsed, PhoneNumberFormat.NATIONAL)
    return re.sub(r"[^0-9]", "", national) == digits
