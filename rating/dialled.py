"""What was dialled, read once: the one number that is rated and then dialled, or why it is none.

Only ``[0-9+*#]`` passes; nothing else is repaired, since a repaired number is not the one the caller meant.
In order: a caller-ID code is taken off, emergency numbers and own extensions are recognised, the outside-line
digit is taken off, then a carrier code, then the rest is a short number, an international or a national one.
Emergency numbers are recognised at every step, with and without the outside-line digit.
"""

import re
from dataclasses import dataclass
from enum import StrEnum

from phonenumbers import SUPPORTED_REGIONS

from rating import e164 as world
from rating.e164 import Line
from rating.emergency import is_emergency
from rating.errors import RatingError
from rating.faults import Fault
from rating.short import LONGEST_SHORT_DIGITS, is_short_number

_CLEAN = re.compile(r"[0-9+*#]+")
_DIGITS = re.compile(r"[0-9]+")
_INTERNATIONAL = re.compile(r"[1-9][0-9]*")
_LONGEST_DIALLED = 40
_SHORTEST_AFTER_CODE = 8

# GSM's codes (3GPP TS 22.030, annex B) and North America's vertical service codes work on phones everywhere.
CALLER_ID_STAR_CODES = ("*67", "*82", "#31#", "*31#")
"""What a phone anywhere may dial first to show or withhold its number."""
_DIGIT_CODES: dict[str, tuple[str, ...]] = {
    "ES": ("067",),
    "FR": ("3651",),
    "GB": ("1470", "141"),
}

# A carrier is chosen by 101 and its four digits (NANPA, carrier identification codes).
_NORTH_AMERICAN_CARRIER = re.compile(r"101[0-9]{4}(?=[0-9])")


class DialRulesError(RatingError):
    """Dialling rules that cannot work: an unknown region, an outside line or a prefix that is not digits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DialRules:
    """How an office dials.

    ``outside_line`` is what its phones dial first to leave the office (``"9"``, ``"0"``; empty for none);
    numbers with a plus need none. ``international_prefixes``, where given, replace the region's own (00,
    011, …). ``extensions`` are the office's internal numbers.

    Raises:
        DialRulesError: a value cannot be dialled.
    """

    home_region: str
    outside_line: str = ""
    international_prefixes: tuple[str, ...] = ()
    extensions: frozenset[str] = frozenset()

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


class DialledKind(StrEnum):
    """What kind of number the digits are."""

    E164 = "e164"
    SHORT = "short"
    EMERGENCY = "emergency"
    INTERNAL = "internal"


class TakenOff(StrEnum):
    """What stood before the number and is not dialled."""

    CALLER_ID_CODE = "caller_id_code"
    OUTSIDE_LINE = "outside_line"
    CARRIER_CODE = "carrier_code"


@dataclass(frozen=True, slots=True)
class Dialled:
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


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Digits that are no number; ``detail`` says why."""

    raw: str
    detail: Fault


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
        if len(rest) <= LONGEST_SHORT_DIGITS and is_short_number(rest, region):
            return self._answer(rest, DialledKind.SHORT)
        line = self._line()
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
        return is_emergency(self.rest, self.rules.home_region)

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
        code = self._caller_id_code()
        if code:
            self._take(TakenOff.CALLER_ID_CODE, code)

    def _caller_id_code(self) -> str:
        rest = self.rest
        if rest.startswith(CALLER_ID_STAR_CODES):
            return next(code for code in CALLER_ID_STAR_CODES if rest.startswith(code))
        for code in _DIGIT_CODES.get(self.rules.home_region, ()):
            if rest.startswith(code) and self._leaves_a_number(code):
                return code
        return ""

    def _leaves_a_number(self, code: str) -> bool:
        """Tell a code before a number from a short number that looks like the code."""
        after = self.rest[len(code) :]
        return len(after) >= _SHORTEST_AFTER_CODE or is_emergency(after, self.rules.home_region)

    def _take_carrier_code(self) -> None:
        if world.home_of(self.rules.home_region).country_code != world.NORTH_AMERICA:
            return
        match = _NORTH_AMERICAN_CARRIER.match(self.rest)
        if match is not None:
            self._take(TakenOff.CARRIER_CODE, match.group())

    def _answer(self, number: str, kind: DialledKind, line: Line | None = None) -> Dialled:
        return Dialled(self.raw, number, kind, line, self.taken_off)
