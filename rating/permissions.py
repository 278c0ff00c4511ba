"""What an extension may call: where, when, at which price, for how long and how often at a time.

The rules, in the order in which they are asked:

* ``deny`` refuses a destination, whether it is included, an allowance's or paid.
* ``allow`` limits whatever is not included, calls of an allowance too, to its destinations. Deny wins over allow.
* ``hours`` limit the same calls to hours of the week, on the account's wall clock, at the moment of dialling.
* ``max_rate_micros`` keeps money away from a price that is higher: what an allowance covers is made with it. A
  connect fee does not count.
* ``longest_call_s`` ends a call that the plan's own limit does not end earlier.

None of them touches an emergency call or one inside the office. :mod:`rating.permission_rules` applies them.
"""

import re
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cached_property

from phonenumbers import SUPPORTED_REGIONS

from rating.destination import DestinationClass
from rating.errors import RatingError
from rating.hours import WeeklyHours, format_hours

NO_COUNTRY = "001"
"""The region of numbers of no country: satellites and international networks."""

LISTABLE_CLASSES = (
    DestinationClass.INCLUDED,
    DestinationClass.NATIONAL,
    DestinationClass.PREMIUM,
    DestinationClass.INTERNATIONAL,
)
_NEVER_LISTED = {
    DestinationClass.EMERGENCY: "emergency calls always go through",
    DestinationClass.INTERNAL: "calls inside the office are always made",
    DestinationClass.BARRED: "barred calls never are made",
}
_REGIONS = frozenset(SUPPORTED_REGIONS) | {NO_COUNTRY}
# Two letters that people write for a country that has others in ISO 3166.
_OTHER_CODES = {"UK": "GB", "EN": "GB", "EL": "GR", "SP": "ES"}
_BETWEEN = re.compile(r"[,\s]+")


class PermissionsError(RatingError):
    """Text that is no list of destinations."""


@dataclass(frozen=True, slots=True)
class DestinationList:
    """Regions (ISO 3166 alpha-2, :data:`NO_COUNTRY`) and destination classes; a call matches by either."""

    regions: frozenset[str] = frozenset()
    classes: frozenset[DestinationClass] = frozenset()

    def entry_for(self, region: str, destination_class: DestinationClass) -> str | None:
        """Return the entry that a call matches, its region before its class; None: there is none."""
        if region in self.regions:
            return region
        return destination_class.value if destination_class in self.classes else None

    @property
    def entries(self) -> list[str]:
        """All entries as they are written, regions first."""
        return [*sorted(self.regions), *(known.value for known in LISTABLE_CLASSES if known in self.classes)]


@dataclass(frozen=True, kw_only=True)
class Permissions:
    """The limits of one extension; None is no limit.

    ``extension`` names whose they are, for rules and sentences. ``max_rate_micros`` is a price per minute, of the
    dearest hour and price that may be due. ``max_calls`` are paid calls at a time; the ledger counts them.
    """

    extension: str = ""
    allow: DestinationList | None = None
    deny: DestinationList | None = None
    hours: WeeklyHours | None = None
    max_rate_micros: int | None = None
    longest_call_s: int | None = None
    max_calls: int | None = None

    @cached_property
    def hours_text(self) -> str:
        """The hours as they are written; empty where there is no limit."""
        return "" if self.hours is None else format_hours(self.hours)


ALL_PERMITTED = Permissions()
"""No limit at all."""


def parse_destinations(text: str) -> DestinationList:
    """Read regions and classes between commas: ``GB,premium``. Letters may be of either case.

    Raises:
        PermissionsError: a word is neither, or nothing is named; the message names the word and the nearest known one.
    """
    words = [word for word in _BETWEEN.split(text) if word]
    if not words:
        raise PermissionsError("the list names no destination; write countries and classes, such as GB,premium")
    regions, classes = set(), set()
    for word in words:
        known = _region_or_class(word)
        if isinstance(known, DestinationClass):
            classes.add(known)
        else:
            regions.add(known)
    return DestinationList(frozenset(regions), frozenset(classes))


def format_destinations(destinations: DestinationList) -> str:
    """Write a list so that :func:`parse_destinations` reads the same, in one order for the same destinations."""
    return ",".join(destinations.entries)


def _region_or_class(word: str) -> str | DestinationClass:
    if word.upper() in _REGIONS:
        return word.upper()
    found = next((each for each in DestinationClass if each == word.lower()), None)
    if found is None:
        raise PermissionsError(f"{word!r} is no country and no class; {_nearest(word)}")
    if found in _NEVER_LISTED:
        raise PermissionsError(f"{found.value!r} cannot be in the list: {_NEVER_LISTED[found]}; take it out")
    return found


def _nearest(word: str) -> str:
    known = [*LISTABLE_CLASSES, *sorted(region.lower() for region in _REGIONS)]
    close = get_close_matches(word.lower(), known, n=1)
    nearest = _OTHER_CODES.get(word.upper()) or (close[0] if close else None)
    if nearest is None:
        return f"write two letters for a country, such as GB, or one of {', '.join(LISTABLE_CLASSES)}"
    return f"did you mean {nearest if nearest in LISTABLE_CLASSES else nearest.upper()}?"
