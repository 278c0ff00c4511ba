"""Reads a numbering file: the override table as TOML, each entry with its source.

::

    [[override]]                    # a correction for E.164 numbers
    digits = ["1NXX976"]            # how they begin, without plus; X, Z, N and [1-5] as in Asterisk
    only_in = ["US", "CA"]          # where the metadata finds them; left out: anywhere
    type = "premium"                # and/or region = "US", barred = true
    source = "NANPA"                # how one knows; note = "…" for whatever else is worth saying

    [[short]]                       # short numbers, as whole numbers
    home = ["FR"]                   # the regions in which they are dialled; left out: all
    numbers = ["1014", "30XX"]
    cost = "free"                   # every plan includes them; or "ordinary", "premium"
    source = "…"

    [[short]]
    numbers = ["118XXX"]
    barred = true                   # refuses them; then nothing need be said of their cost
    source = "…"

    [[emergency]]                   # emergency numbers that the metadata lacks, digit by digit
    home = ["FR"]
    numbers = ["114"]
    source = "…"

    [[caller_id]]                   # codes that withhold or show the caller's number for one call
    codes = ["*67"]
    effect = "withhold"             # or "show"; home as above
    source = "…"

    [[carrier]]                     # codes that choose a carrier
    home = ["US"]
    codes = ["101XXXX"]
    digits_after = 1                # how many digits must follow; left out: 8
    becomes = ""                    # what stands in its place
    source = "…"
"""

import re
import tomllib
from collections.abc import Callable, Iterator
from typing import Any, NoReturn, TypeVar

from phonenumbers import SUPPORTED_REGIONS

from rating.emergency_data import known_emergencies
from rating.errors import RatingError
from rating.number_type import NumberType
from rating.numbering import NON_GEOGRAPHIC
from rating.overrides import (
    CallerIdCode,
    CarrierCode,
    EmergencyNumbers,
    NumberingTable,
    Override,
    ShortCost,
    ShortOverride,
)
from rating.patterns import PatternError, compile_pattern

_DIGITS = re.compile(r"[0-9]+")
_EMERGENCY = re.compile(r"[0-9]{2,6}")
_CODE = re.compile(r"(?=.*[0-9])[0-9*#]{2,8}")
_LONGEST_PATTERN = 15
_LONGEST_SHORT = 6
_USUAL_DIGITS_AFTER = 8
OVERRIDING_TYPES = frozenset(NumberType) - {NumberType.SHORT, NumberType.EMERGENCY, NumberType.INTERNAL}
_COSTS = {cost.value: cost for cost in ShortCost}
_EFFECTS = {"show": False, "withhold": True}
_EXAMPLES = {
    "digits": '["3389"]',
    "numbers": '["3919"]',
    "codes": '["*67"]',
    "home": '["FR", "ES"]',
    "only_in": '["US", "CA"]',
}
"""What a list of texts may look like, by its key."""


class NumberingError(RatingError):
    """A numbering file that cannot be used; the message names the entry, the key and the mend."""


def parse_numbering(text: str, beside: NumberingTable | None = None) -> NumberingTable:
    """Read a numbering file; ``beside`` is the table that it goes before, for what contradicts its emergency numbers.

    Raises:
        NumberingError: the text is not TOML, a key is unknown, missing or has a value that cannot be used, or an
            emergency number is to be barred or charged.
    """
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise NumberingError(f"the numbering file is not TOML: {error}") from error
    for key in content.keys() - _SECTIONS:
        raise NumberingError(f"{key} is not known; write [[{']], [['.join(sorted(_SECTIONS))}]] before entries")
    table = NumberingTable(
        overrides=tuple(_each(content, "override", _overrides)),
        shorts=tuple(_each(content, "short", _shorts)),
        emergencies=tuple(_each(content, "emergency", _emergencies)),
        caller_id_codes=tuple(_each(content, "caller_id", _caller_id_codes)),
        carrier_codes=tuple(_each(content, "carrier", _carrier_codes)),
    )
    emergencies = table.emergencies + (() if beside is None else beside.emergencies)
    for short in table.shorts:
        _refuse_emergency(short, emergencies)
    return table


def _refuse_emergency(short: ShortOverride, emergencies: tuple[EmergencyNumbers, ...]) -> None:
    """Raise where a price or a bar is given to an emergency number: it always rings, so nothing would come of it."""
    if short.cost is ShortCost.FREE and not short.barred:
        return
    # Without home, what is an emergency where nothing is known of the region is one everywhere.
    for region in sorted(short.home or {NON_GEOGRAPHIC}):
        listed = (entry.numbers for entry in emergencies if region in entry.home)
        if short.digits in known_emergencies(region).union(*listed):
            where = f" of {region}" if short.home else ""
            raise NumberingError(
                f"short: {short.digits} is an emergency number{where}; it always rings and costs nothing: take it out"
            )


_SECTIONS = frozenset({"override", "short", "emergency", "caller_id", "carrier"})


_Read = TypeVar("_Read")
Choice = TypeVar("Choice")


def _each(content: dict[str, Any], section: str, read: "Callable[[_Entry], Iterator[_Read]]") -> Iterator[_Read]:
    entries = content.get(section, [])
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise NumberingError(f"{section} must be tables: write [[{section}]] before each")
    for number, values in enumerate(entries, start=1):
        entry = _Entry(values, f"{section} {number}")
        yield from read(entry)
        entry.refuse_the_rest()


def _overrides(entry: "_Entry") -> Iterator[Override]:
    region, number_type, barred = entry.region(), entry.number_type(), entry.truth("barred")
    if region is None and number_type is None and not barred:
        entry.refuse("type", "is missing: say what is corrected by region, type or barred = true")
    source, note, only_in = entry.source(), entry.note(), entry.regions("only_in")
    for digits in entry.number_patterns("digits"):
        yield Override(
            digits=digits,
            source=source,
            only_in=only_in,
            region=region,
            number_type=number_type,
            barred=barred,
            note=note,
        )


def _shorts(entry: "_Entry") -> Iterator[ShortOverride]:
    home, source, note = entry.regions("home"), entry.source(), entry.note()
    barred = entry.truth("barred")
    cost = entry.choice("cost", _COSTS, ShortCost.ORDINARY if barred else None)
    for numbers in entry.patterns("numbers", _LONGEST_SHORT):
        yield ShortOverride(digits=numbers, source=source, cost=cost, home=home, barred=barred, note=note)


def _emergencies(entry: "_Entry") -> Iterator[EmergencyNumbers]:
    numbers = entry.texts("numbers", _EMERGENCY, "holds 2 to 6 digits each, such as 112")
    home = entry.regions("home")
    if not home:
        entry.refuse("home", "must name the regions in which these are emergency numbers")
    yield EmergencyNumbers(home=home, numbers=frozenset(numbers), source=entry.source(), note=entry.note())


def _caller_id_codes(entry: "_Entry") -> Iterator[CallerIdCode]:
    home, source, note = entry.regions("home"), entry.source(), entry.note()
    withholds = entry.choice("effect", _EFFECTS)
    for code in entry.texts("codes", _CODE, "holds codes of digits, * and #, such as *67"):
        yield CallerIdCode(code=code, withholds=withholds, source=source, home=home, note=note)


def _carrier_codes(entry: "_Entry") -> Iterator[CarrierCode]:
    home, source, note = entry.regions("home"), entry.source(), entry.note()
    digits_after, becomes = entry.count("digits_after"), entry.digits("becomes")
    for code in entry.patterns("codes", _LONGEST_PATTERN):
        yield CarrierCode(code=code, home=home, source=source, digits_after=digits_after, becomes=becomes, note=note)


class _Entry:
    """One entry: hands out its keys, each checked once, and refuses what nobody asked for."""

    def __init__(self, values: dict[str, Any], where: str) -> None:
        self._values = dict(values)
        self._where = where

    def refuse(self, key: str, mend: str) -> NoReturn:
        raise NumberingError(f"{self._where}: {key} {mend}")

    def refuse_the_rest(self) -> None:
        """Raise where a key is left over: a misspelt key must not silently correct nothing."""
        for key in self._values:
            self.refuse(key, "is not known; take it out or correct its spelling")

    def source(self) -> str:
        source = self._values.pop("source", None)
        if not isinstance(source, str) or not source.strip():
            self.refuse("source", "must be there, as text in quotes: how is this known?")
        return source

    def note(self) -> str:
        return self._text("note")

    def region(self) -> str | None:
        region = self._text("region")
        return self._known_region("region", region) if region else None

    def regions(self, key: str) -> frozenset[str]:
        return frozenset(self._known_region(key, region) for region in self._texts(key))

    def number_type(self) -> NumberType | None:
        word = self._text("type")
        if word and word not in OVERRIDING_TYPES:
            self.refuse("type", f"cannot be {word!r}; choose from {', '.join(sorted(OVERRIDING_TYPES))}")
        return NumberType(word) if word else None

    def choice(self, key: str, values: dict[str, Choice], default: Choice | None = None) -> Choice:
        word = self._text(key)
        if not word and default is not None:
            return default
        if word not in values:
            self.refuse(key, f"must be one of {', '.join(sorted(values))}")
        return values[word]

    def truth(self, key: str) -> bool:
        value = self._values.pop(key, False)
        if not isinstance(value, bool):
            self.refuse(key, "must be true or false, without quotes")
        return value

    def count(self, key: str) -> int:
        value = self._values.pop(key, _USUAL_DIGITS_AFTER)
        # TOML's true is an int in Python.
        if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= _LONGEST_PATTERN:
            self.refuse(key, f"must be a whole number from 1 to {_LONGEST_PATTERN}")
        return value

    def digits(self, key: str) -> str:
        value = self._text(key)
        if value and not _DIGITS.fullmatch(value):
            self.refuse(key, "must be digits in quotes")
        return value

    def texts(self, key: str, form: re.Pattern[str], mend: str) -> list[str]:
        texts = self._some_texts(key)
        for text in texts:
            if not form.fullmatch(text):
                self.refuse(key, f"{mend}: {text!r} is none")
        return texts

    def patterns(self, key: str, longest: int) -> list[str]:
        patterns = self._some_texts(key)
        for pattern in patterns:
            try:
                compile_pattern(pattern)
            except PatternError as error:
                self.refuse(key, f"cannot be used: {error}")
            if "+" in pattern or len(re.sub(r"\[[^]]*\]", "X", pattern)) > longest:
                self.refuse(key, f"takes up to {longest} digits without plus: {pattern!r} is none")
        return patterns

    def number_patterns(self, key: str) -> list[str]:
        """Return patterns of how E.164 numbers begin: with a country code, and none of those begins with 0."""
        patterns = self.patterns(key, _LONGEST_PATTERN)
        for pattern in patterns:
            if pattern.startswith("0"):
                self.refuse(
                    key,
                    f"holds {pattern!r}, which no number begins with: write it with its country code and "
                    "without the 0 before the area code, such as 3389",
                )
        return patterns

    def _some_texts(self, key: str) -> list[str]:
        texts = self._texts(key)
        if not texts:
            self.refuse(key, f"must be there, as a list of texts, such as {_EXAMPLES[key]}")
        return texts

    def _texts(self, key: str) -> list[str]:
        values = self._values.pop(key, [])
        if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
            self.refuse(key, f"must be a list of texts, such as {_EXAMPLES[key]}")
        return values

    def _text(self, key: str) -> str:
        value = self._values.pop(key, "")
        if not isinstance(value, str):
            self.refuse(key, "must be text in quotes")
        return value

    def _known_region(self, key: str, region: str) -> str:
        if region not in SUPPORTED_REGIONS:
            self.refuse(key, f"holds {region!r}, which is no region; write two capitals, such as FR")
        return region
