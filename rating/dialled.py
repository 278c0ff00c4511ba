"""What was dialled, read once: the one number that is rated and then dialled, or why it is none.

Only ``[0-9+*#]`` passes; nothing else is repaired, since a repaired number is not the one the caller meant.
In order: a caller-ID code is taken off, emergency numbers and own extensions are recognised, the outside-line
digit is taken off, then a carrier code, then the rest is a short number, an international or a national one.
Emergency numbers are recognised at every step, with and without the outside-line digit.

Which codes there are in a home region, and what its short and emergency numbers are beyond the metadata's, is
data: the override table of the rules (:mod:`rating.overrides`).
"""

import re
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from phonenumbers import SUPPORTED_REGIONS

from rating import e164 as world
from rating.e164 import Line
from rating.emergency import emergency_numbers
from rating.errors import RatingError
from rating.faults import Fault
from rating.numbering import split_country_code
from rating.overrides import CarrierCode, HomeTable, NumberingTable, home_table
from rating.shipped import shipped_numbering
from rating.short import LONGEST_SHORT_DIGITS, is_short_number

_CLEAN = re.compile(r"[0-9+*#]+")
_DIGITS = re.compile(r"[0-9]+")
_INTERNATIONAL = re.compile(r"[1-9][0-9]*")
_LONGEST_DIALLED = 40
_SHORTEST_AFTER_CODE = 8


class DialRulesError(RatingError):
    """Dialling rules that cannot work: an unknown region, an outside line or a prefix that is not digits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DialRules:
    """How an office dials.

    ``outside_line`` is what its phones dial first to leave the office (``"9"``, ``"0"``; empty for none);
    numbers with a plus need none. ``international_prefixes``, where given, replace the region's own (00,
    011, …). ``extensions`` are the office's internal numbers. ``numbering`` is the override table, by default
    the one that ships.

    Raises:
        DialRulesError: a value cannot be dialled.
    """

    home_region: str
    outside_line: str = ""
    international_prefixes: tuple[str, ...] = ()
    extensions: frozenset[str] = frozenset()
    numbering: NumberingTable = field(default_factory=shipped_numbering)
    home: HomeTable = field(init=False, repr=False, compare=False)
    """What the override table says of the home region."""
    emergencies: frozenset[str] = field(init=False, repr=False, compare=False)
    """Every emergency number of the home region."""

    def __post_init__(self) -> None:
        if self.home_region not in SUPPORTED_REGIONS:
            raise DialRulesError(f"home region {self.home_region!r} is unknown; write one such as FR")
        if self.outside_line and not _DIGITS.fullmatch(self.outside_line):
            raise DialRulesError(
                f"outside line {self.outside_line!r} is not digits; write some such as 9, or leave it empty"
            )
        for prefix in self.international_prefixes:
            if not _DIGITS.fullmatch(prefix):
                raise DialRulesError(f"international prefix {prefix!r} is not digits; write some such as 00")
        object.__setattr__(self, "home", home_table(self.home_region, self.numbering))
        object.__setattr__(self, "emergencies", emergency_numbers(self.home_region, self.numbering))


class DialledKind(StrEnum):
    """What kind of number the digits are."""

    E164 = "e164"
    SHORT = "short"
    EMERGENCY = "emergency"
    INTERNAL = "internal"


class TakenOff(StrEnum):
    """What stood before the number and is not dialled."""

    WITHHOLDING_CODE = "withholding_code"
    SHOWING_CODE = "showing_code"
    OUTSIDE_LINE = "outside_line"
    CARRIER_CODE = "carrier_code"


_CALLER_ID_CODES = (TakenOff.WITHHOLDING_CODE, TakenOff.SHOWING_CODE)


class Dialled(NamedTuple):
    """A number that can be dialled.

    ``number`` is exactly what is dialled and rated: ``"+33612345678"``, the bare digits of a short or
    emergency number, or those of an extension. ``taken_off`` holds what was before it, in order.
    """

    raw: str
    number: str
    kind: DialledKind
    line: Line | None = None
    """Set for E.164 numbers only."""
    taken_off: tuple[tuple[TakenOff, str], ...] = ()

    @property
    def e164(self) -> str | None:
        """The E.164 number, or None for numbers that have none."""
        return None if self.line is None else self.line.e164

    @property
    def withhold_caller_id(self) -> bool | None:
        """Whether the caller's number is withheld or shown for this call, by the code dialled last; None without."""
        effects = [what for what, _ in self.taken_off if what in _CALLER_ID_CODES]
        return effects[-1] is TakenOff.WITHHOLDING_CODE if effects else None


class Unreadable(NamedTuple):
    """Digits that are no number; ``detail`` says why, ``country_code`` whose range is unknown."""

    raw: str
    detail: Fault
    country_code: int | None = None
    """Set for :attr:`Fault.UNKNOWN_RANGE` only."""


def read_dialled(raw: str, rules: DialRules) -> Dialled | Unreadable:
    """Read what a phone dialled. Total: any text has an answer, and none raises."""
    fault = _character_fault(raw)
    if fault is not None:
        return Unreadable(raw, fault)
    return _Reading(raw, rules).read()


def _character_fault(raw: str) -> Fault | None:
    if not raw:
        return Fault.EMPTY
    if len(raw) > _LONGEST_DIALLED:
        return Fault.TOO_LONG
    return None if _CLEAN.fullmatch(raw) else Fault.CHARACTERS


class _Reading:
    """One reading, from left to right; ``rest`` is what is not yet understood."""

    __slots__ = ("raw", "rest", "rules", "taken_off")

    def __init__(self, raw: str, rules: DialRules) -> None:
        self.raw = raw
        self.rest = raw
        self.rules = rules
        self.taken_off: tuple[tuple[TakenOff, str], ...] = ()

    def read(self) -> Dialled | Unreadable:
        self._take_caller_id_code()
        if self._is_emergency():
            return self._answer(self.rest, DialledKind.EMERGENCY)
        if self.rest in self.rules.extensions:
            return self._answer(self.rest, DialledKind.INTERNAL)
        if not self._take_outside_line():
            return Unreadable(self.raw, Fault.NO_OUTSIDE_LINE)
        self._take_caller_id_code()
        self._take_carrier_code()
        if self._is_emergency():
            return self._answer(self.rest, DialledKind.EMERGENCY)
        return self._read_outside()

    def _read_outside(self) -> Dialled | Unreadable:
        """Read what goes out on the trunk."""
        rest, region = self.rest, self.rules.home_region
        if len(rest) <= LONGEST_SHORT_DIGITS and (self.rules.home.short(rest) or is_short_number(rest, region)):
            return self._answer(rest, DialledKind.SHORT)
        line = self._line()
        if line is Fault.UNKNOWN_RANGE:
            return Unreadable(self.raw, line, self._country_code())
        if isinstance(line, Fault):
            return Unreadable(self.raw, line)
        return self._answer(line.e164, DialledKind.E164, line)

    def _line(self) -> Line | Fault:
        rest = self.rest
        if not rest:
            return Fault.EMPTY
        if "*" in rest or "#" in rest:
            return Fault.SERVICE_CODE
        international = self._after_international_prefix()
        if international is None:
            return world.read_national(rest, self.rules.home_region) if rest.isdigit() else Fault.IMPOSSIBLE
        if not _INTERNATIONAL.fullmatch(international):
            return Fault.IMPOSSIBLE
        return world.read_international(international)

    def _country_code(self) -> int:
        """Return the country code of digits that were read as far as that."""
        international = self._after_international_prefix()
        split = None if international is None else split_country_code(international)
        return world.home_of(self.rules.home_region).country_code if split is None else split[0]

    def _after_international_prefix(self) -> str | None:
        """Return what follows a plus or an international prefix; None for national numbers."""
        rest, prefixes = self.rest, self.rules.international_prefixes
        if rest.startswith("+"):
            return rest[1:]
        if prefixes:
            found = next((prefix for prefix in prefixes if rest.startswith(prefix)), None)
            return None if found is None else rest[len(found) :]
        match = world.home_of(self.rules.home_region).international_prefix.match(rest)
        return None if match is None else rest[match.end() :]

    def _is_emergency(self) -> bool:
        return self.rest in self.rules.emergencies

    def _take(self, what: TakenOff, text: str) -> None:
        self.rest = self.rest[len(text) :]
        self.taken_off += ((what, text),)

    def _take_outside_line(self) -> bool:
        """Take the outside-line digit off; False where it is missing and needed."""
        outside_line = self.rules.outside_line
        if not outside_line or self.rest.startswith("+"):
            return True
        if not self.rest.startswith(outside_line):
            return False
        self._take(TakenOff.OUTSIDE_LINE, outside_line)
        return True

    def _take_caller_id_code(self) -> None:
        home = self.rules.home
        if not self.rest.startswith(home.caller_id_codes):
            return
        code = next((code for code in home.caller_id_codes if self._begins_with_code(code)), "")
        if code:
            withholds = code in home.withholding_codes
            self._take(TakenOff.WITHHOLDING_CODE if withholds else TakenOff.SHOWING_CODE, code)

    def _begins_with_code(self, code: str) -> bool:
        """Tell a code before a number from a short number that looks like the code."""
        if not self.rest.startswith(code):
            return False
        after = self.rest[len(code) :]
        emergencies, outside_line = self.rules.emergencies, self.rules.outside_line
        return (
            not code.isdigit()
            or len(after) >= _SHORTEST_AFTER_CODE
            or after in emergencies
            or after.removeprefix(outside_line) in emergencies
        )

    def _take_carrier_code(self) -> None:
        for pattern, carrier in self.rules.home.carrier_codes:
            match = pattern.match(self.rest)
            if match is not None and self._leaves_a_number(carrier, self.rest[match.end() :]):
                self._take(TakenOff.CARRIER_CODE, match.group())
                self.rest = carrier.becomes + self.rest
                return

    def _leaves_a_number(self, carrier: CarrierCode, after: str) -> bool:
        return len(after) >= carrier.digits_after or after in self.rules.emergencies

    def _answer(self, number: str, kind: DialledKind, line: Line | None = None) -> Dialled:
        return Dialled(self.raw, number, kind, line, self.taken_off)
