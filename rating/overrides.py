"""The override table: what the numbering metadata gets wrong, lacks, or has no word for, as data.

Each entry says where it is known from. The table that ships is ``numbering.toml`` beside this module
(:mod:`rating.shipped`); an administrator's file of the same form (:mod:`rating.numbering_file`) comes before
it: where both speak of a number, the administrator's entry counts.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property, lru_cache
from typing import NamedTuple, TypeVar

from rating.number_type import NumberType
from rating.patterns import compile_pattern

_OPENING_DIGITS = 2
"""By how many leading digits the entries are filed."""


class Override(NamedTuple):
    """A correction of the metadata for the E.164 numbers that begin with ``digits``.

    ``digits`` is a pattern (:mod:`rating.patterns`) without plus. ``only_in``, where not empty, limits it to
    numbers that the metadata finds in these regions. ``region`` and ``number_type`` replace the metadata's,
    None keeps them; ``barred`` refuses the number whatever its price.
    """

    digits: str
    source: str
    only_in: frozenset[str] = frozenset()
    region: str | None = None
    number_type: NumberType | None = None
    barred: bool = False
    note: str = ""


class ShortCost(StrEnum):
    """What a call to a short number costs, whatever the plan."""

    FREE = "free"
    """Nothing: every plan includes it."""
    ORDINARY = "ordinary"
    PREMIUM = "premium"


class ShortOverride(NamedTuple):
    """A short number of some home regions (``home`` empty: of all); ``digits`` is a pattern of the whole number."""

    digits: str
    source: str
    cost: ShortCost = ShortCost.ORDINARY
    home: frozenset[str] = frozenset()
    barred: bool = False
    note: str = ""


class EmergencyNumbers(NamedTuple):
    """Emergency numbers of some home regions that the metadata lacks, as exact digits."""

    home: frozenset[str]
    numbers: frozenset[str]
    source: str
    note: str = ""


class CallerIdCode(NamedTuple):
    """What is dialled before a number to withhold or to show the caller's own, for this call."""

    code: str
    withholds: bool
    source: str
    home: frozenset[str] = frozenset()
    note: str = ""


class CarrierCode(NamedTuple):
    """What is dialled before a number to choose a carrier.

    ``code`` is a pattern; ``digits_after`` is how many digits must follow, so that a number that begins alike
    is not taken apart; ``becomes`` is what stands in its place (Brazil dials 0 15 11 … for 0 11 …).
    """

    code: str
    home: frozenset[str]
    source: str
    digits_after: int = 8
    becomes: str = ""
    note: str = ""


@dataclass(frozen=True, kw_only=True, eq=False)
class NumberingTable:
    """All entries, those that count first in front. Compared by identity, so that caches can be keyed by it."""

    overrides: tuple[Override, ...] = ()
    shorts: tuple[ShortOverride, ...] = ()
    emergencies: tuple[EmergencyNumbers, ...] = ()
    caller_id_codes: tuple[CallerIdCode, ...] = ()
    carrier_codes: tuple[CarrierCode, ...] = ()

    def __len__(self) -> int:
        """Return how many entries there are."""
        return sum(map(len, (self.overrides, self.shorts, self.emergencies, self.caller_id_codes, self.carrier_codes)))

    def before(self, other: "NumberingTable") -> "NumberingTable":
        """Return a table in which these entries come before the other's."""
        return NumberingTable(
            overrides=self.overrides + other.overrides,
            shorts=self.shorts + other.shorts,
            emergencies=self.emergencies + other.emergencies,
            caller_id_codes=self.caller_id_codes + other.caller_id_codes,
            carrier_codes=self.carrier_codes + other.carrier_codes,
        )

    def find(self, e164: str, region: str) -> Override | None:
        """Return the first entry for an E.164 number that the metadata finds in ``region``."""
        digits = e164[1:]
        for pattern, override in self._filed.get(digits[:_OPENING_DIGITS], ()):
            if pattern.match(digits) and (not override.only_in or region in override.only_in):
                return override
        return None

    @cached_property
    def _filed(self) -> dict[str, tuple[tuple[re.Pattern[str], Override], ...]]:
        """Entries by the first digits of their numbers, since most numbers have none."""
        filed: dict[str, list[tuple[re.Pattern[str], Override]]] = {}
        openings = [f"{number:02}" for number in range(10**_OPENING_DIGITS)]
        for override in self.overrides:
            pattern = compile_pattern(override.digits)
            may_open = _opening_pattern(override.digits)
            for opening in filter(may_open.match, openings):
                filed.setdefault(opening, []).append((pattern, override))
        return {opening: tuple(entries) for opening, entries in filed.items()}


_ELEMENTS = re.compile(r"\[[^\]]*\]|.")


def _opening_pattern(digits: str) -> re.Pattern[str]:
    return compile_pattern("".join(_ELEMENTS.findall(digits)[:_OPENING_DIGITS]))


class HomeTable(NamedTuple):
    """What the table says of one home region, ready to be asked for every call."""

    emergencies: frozenset[str]
    shorts: tuple[tuple[re.Pattern[str], ShortOverride], ...]
    caller_id_codes: tuple[str, ...]
    """Longest first, so that none hides another."""
    withholding_codes: frozenset[str]
    carrier_codes: tuple[tuple[re.Pattern[str], CarrierCode], ...]

    @property
    def plain_carrier_codes(self) -> tuple[str, ...]:
        """The patterns of the carrier codes that stand for nothing: what follows one is dialled as it is."""
        return tuple(entry.code for _, entry in self.carrier_codes if not entry.becomes)

    def short(self, digits: str) -> ShortOverride | None:
        """Return the first entry for these exact digits."""
        return next((entry for pattern, entry in self.shorts if pattern.fullmatch(digits)), None)


@lru_cache(maxsize=64)
def home_table(region: str, table: NumberingTable) -> HomeTable:
    """Return the entries that hold in a home region."""
    # The first entry of a code counts: dict() would keep the last.
    codes = {code.code: code.withholds for code in reversed(_held(table.caller_id_codes, region))}
    return HomeTable(
        emergencies=frozenset(number for entry in _held(table.emergencies, region) for number in entry.numbers),
        shorts=tuple((compile_pattern(entry.digits), entry) for entry in _held(table.shorts, region)),
        caller_id_codes=tuple(sorted(codes, key=lambda code: (-len(code), code))),
        withholding_codes=frozenset(code for code, withholds in codes.items() if withholds),
        carrier_codes=tuple((compile_pattern(entry.code), entry) for entry in _held(table.carrier_codes, region)),
    )


_Entry = TypeVar("_Entry", ShortOverride, EmergencyNumbers, CallerIdCode, CarrierCode)


def _held(entries: Iterable[_Entry], region: str) -> list[_Entry]:
    return [entry for entry in entries if not entry.home or region in entry.home]
