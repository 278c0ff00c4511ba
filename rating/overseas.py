"""French overseas numbers under their own country codes.

Overseas departments share the ten-digit numbering of metropolitan France: 0692 12 34 56 dialled in Paris
rings in Réunion. The E.164 number of that line is +262 692 12 34 56, never +33 692 12 34 56, and carriers
price it under 262. phonenumbers reads it as +33 and calls it unknown or, worse, a French line. So such a
number is rewritten to its true one before anything is rated or dialled.

Source: ARCEP, plan national de numérotation (decision 2018-0881 as amended), territories of numbers ZABPQ.
"""

import re
from typing import NamedTuple

from rating.numbering import locate

FRANCE = 33
_SAINT_PIERRE = 508

_OVERSEAS = re.compile(r"26[2389]|508|59[0468]|639|69[0-467]|708[45]|709[0-3]|9(?:39|47)[5-9]|976")


class Territory(NamedTuple):
    """An overseas territory: its country code and its region."""

    country_code: int
    region: str


_GUADELOUPE = Territory(590, "GP")
_GUIANA = Territory(594, "GF")
_MARTINIQUE = Territory(596, "MQ")
_MAYOTTE = Territory(262, "YT")
_REUNION = Territory(262, "RE")
_MIQUELON = Territory(_SAINT_PIERRE, "PM")

_OWN: dict[str, Territory] = {
    "262": _REUNION,
    "263": _REUNION,
    "269": _MAYOTTE,
    "508": _MIQUELON,
    "590": _GUADELOUPE,
    "594": _GUIANA,
    "596": _MARTINIQUE,
    "639": _MAYOTTE,
    "690": _GUADELOUPE,
    "691": _GUADELOUPE,
    "692": _REUNION,
    "693": _REUNION,
    "694": _GUIANA,
    "696": _MARTINIQUE,
    "697": _MARTINIQUE,
}
"""Three digits that belong to one territory whole."""

_SHARING = (_REUNION, _MAYOTTE, _GUADELOUPE, _GUIANA, _MARTINIQUE, _MIQUELON)
"""The territories among which the other overseas ranges are split in blocks of 10 000."""


def is_overseas(national: str) -> bool:
    """Say whether a national number of +33 belongs overseas."""
    return len(national) == 9 and _OVERSEAS.match(national) is not None


def true_number(national: str) -> tuple[Territory, str] | None:
    """Return the territory and its own national number of an overseas number written under +33.

    None where the range is overseas but its territory is not known.
    """
    own = _OWN.get(national[:3])
    if own is not None:
        return own, _own_digits(own, national)
    for territory in _SHARING:
        digits = _own_digits(territory, national)
        location = locate(territory.country_code, digits)
        if location.is_known and location.region == territory.region:
            return territory, digits
    return None


def territory_region(country_code: int, national: str) -> str | None:
    """Return the region of a number under an overseas country code by its first three digits; None for others."""
    own = _OWN.get(national[:3])
    return None if own is None or own.country_code != country_code else own.region


def _own_digits(territory: Territory, national: str) -> str:
    # Saint-Pierre's old numbers have six digits of their own; 508 is their area code in the French plan.
    return national.removeprefix("508") if territory is _MIQUELON else national
