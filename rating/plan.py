"""Plans: what an extension may dial at no charge, and whose prices the rest has.

A plan is data. Its TOML names every region and every number type it includes; what is not named is paid. What
an allowance covers is free for some minutes of each month and paid after them.
Types with a share for the called party, satellites and unknown ranges cannot be included at all, and
toll-free numbers only in the home region: abroad they are charged like any other call.
"""

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property, lru_cache
from typing import Any, TypeVar

from phonenumbers import SUPPORTED_REGIONS

from rating.destination import DestinationClass, NumberFacts, NumberType
from rating.errors import RatingError
from rating.patterns import PatternError, compile_pattern

Choice = TypeVar("Choice", NumberType, DestinationClass)


class PlanError(RatingError):
    """A plan that cannot be used; the message names the key and the mend."""


INCLUDABLE_TYPES = frozenset(
    {
        NumberType.FIXED,
        NumberType.MOBILE,
        NumberType.FIXED_OR_MOBILE,
        NumberType.VOIP,
        NumberType.UAN,
        NumberType.TOLL_FREE,
    }
)
RESERVED_NAME = "default"
"""What an extension says that has its account's plan."""
MOST_MINUTES = 1_000_000
REFUSABLE_CLASSES = frozenset({DestinationClass.NATIONAL, DestinationClass.PREMIUM, DestinationClass.INTERNATIONAL})


class AllowanceScope(StrEnum):
    """Who shares an allowance's minutes."""

    SEAT = "seat"
    """One pool for all of the account's extensions under the plan: minutes times their number."""
    ACCOUNT = "account"
    """One pool for all of the account's extensions under the plan, however many they are."""
    EXTENSION = "extension"
    """Each extension has minutes of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowance:
    """Minutes a month at no charge, to what ``covers`` names as pairs of region and number type."""

    name: str
    minutes: int
    scope: AllowanceScope
    covers: frozenset[tuple[str, NumberType]]

    def owner(self, extension: str) -> str:
        """Return whose pool an extension uses: its own, or "" for the one that is shared."""
        return extension if self.scope is AllowanceScope.EXTENSION else ""

    def limit_s(self, seats: int) -> int:
        """Return the seconds of one pool a month, where ``seats`` extensions are under the plan."""
        return self.minutes * 60 * (seats if self.scope is AllowanceScope.SEAT else 1)


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What is included, and the deck that prices the rest.

    ``included`` holds pairs of region and number type. ``allowances`` stand in the order in which they are
    looked through: the first that covers a number counts. ``included_short`` and the ``away`` patterns are
    dialplan patterns (:mod:`rating.patterns`); ``refused`` are paid classes the plan does not allow.
    ``longest_call_s`` limits every call but emergency and internal ones, None does not.

    ``away_patterns`` are what an office phone dials, without outside-line digit, that is included for
    certain: the dialplan may let it ring while the service is away, but not what ``away_excluded`` matches.
    """

    name: str
    title: str
    home_region: str
    deck: str
    included: frozenset[tuple[str, NumberType]] = frozenset()
    allowances: tuple[Allowance, ...] = ()
    included_short: tuple[str, ...] = ()
    refused: frozenset[DestinationClass] = frozenset()
    longest_call_s: int | None = None
    away_patterns: tuple[str, ...] = ()
    away_excluded: tuple[str, ...] = ()

    def includes(self, facts: NumberFacts) -> bool:
        """Say whether a call to this number costs nothing under the plan."""
        if facts.number_type is NumberType.SHORT:
            return facts.region == self.home_region and (
                facts.is_free or any(pattern.fullmatch(facts.number) for pattern in self._short_patterns)
            )
        return (facts.region, facts.number_type) in self.included

    def allowance_for(self, facts: NumberFacts) -> Allowance | None:
        """Return the allowance whose minutes a call to this number uses; asked where it is not included."""
        key = (facts.region, facts.number_type)
        return next((allowance for allowance in self.allowances if key in allowance.covers), None)

    @cached_property
    def _short_patterns(self) -> tuple[re.Pattern[str], ...]:
        return tuple(map(compile_pattern, self.included_short))


@lru_cache(maxsize=64)  # all plans are read again whenever anything of the catalog has changed
def parse_plan(text: str) -> Plan:
    """Read a plan from TOML.

    Raises:
        PlanError: the text is not TOML, or a key is unknown, missing or has a value that cannot be used.
    """
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise PlanError(f"the plan is not TOML: {error}") from error
    return _read_plan(_Table(content))


def _read_plan(table: "_Table") -> Plan:
    home_region = table.region("home_region")
    away = table.table("away")
    plan = Plan(
        name=table.name("name"),
        title=table.text("title"),
        home_region=home_region,
        deck=table.text("deck"),
        included=frozenset(_covered(table, "included", home_region)),
        allowances=tuple(_allowances(table, home_region)),
        included_short=table.patterns("included_short"),
        refused=frozenset(table.choices("refused", REFUSABLE_CLASSES)),
        longest_call_s=table.seconds("longest_call_s"),
        away_patterns=away.patterns("patterns"),
        away_excluded=away.patterns("excluded"),
    )
    away.refuse_the_rest()
    table.refuse_the_rest()
    return plan


def _covered(table: "_Table", key: str, home_region: str) -> Iterator[tuple[str, NumberType]]:
    """Read rules of regions times number types."""
    for rule in table.tables(key):
        types = rule.choices("types", INCLUDABLE_TYPES)
        for region in rule.regions("regions"):
            if region != home_region and NumberType.TOLL_FREE in types:
                raise PlanError(
                    f"{rule.where}types: toll_free is free at home only; take it out of the rule for {region}"
                )
            for number_type in types:
                yield region, number_type
        rule.refuse_the_rest()


def _allowances(table: "_Table", home_region: str) -> Iterator[Allowance]:
    names = set()
    for rule in table.tables("allowance"):
        allowance = Allowance(
            name=rule.text("name"),
            minutes=rule.minutes("minutes"),
            scope=rule.scope("per"),
            covers=frozenset(_covered(rule, "covers", home_region)),
        )
        rule.refuse_the_rest()
        if allowance.name in names:
            raise PlanError(f"allowance.name {allowance.name!r} is there twice; its minutes are counted by this name")
        if not allowance.covers:
            raise PlanError(
                f"allowance {allowance.name} covers nothing: write [[allowance.covers]] with regions and types"
            )
        names.add(allowance.name)
        yield allowance


class _Table:
    """One TOML table: hands out its keys, each checked once, and refuses what nobody asked for."""

    def __init__(self, content: dict[str, Any], where: str = "") -> None:
        self._content = dict(content)
        self.where = where
        """What stands before a key in messages, such as ``"away."``."""

    def text(self, key: str) -> str:
        value = self._content.pop(key, None)
        if not isinstance(value, str) or not value.strip():
            raise self._error(key, "must be there, as text in quotes")
        return value

    def name(self, key: str) -> str:
        name = self.text(key)
        if name == RESERVED_NAME or name != name.strip() or not name.isprintable():
            raise self._error(key, f"cannot be {name!r}: write letters and digits; {RESERVED_NAME} means the account's")
        return name

    def seconds(self, key: str) -> int | None:
        value = self._content.pop(key, None)
        # TOML's true is an int in Python.
        if value is not None and (not isinstance(value, int) or isinstance(value, bool) or value < 1):
            raise self._error(key, "must be whole seconds, 1 or more; leave it out for no limit")
        return value

    def minutes(self, key: str) -> int:
        value = self._content.pop(key, None)
        if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= MOST_MINUTES:
            raise self._error(key, f"must be whole minutes a month, 1 to {MOST_MINUTES}")
        return value

    def scope(self, key: str) -> AllowanceScope:
        word = self.text(key)
        if word not in set(AllowanceScope):
            raise self._error(key, f"cannot be {word!r}; choose from {', '.join(sorted(AllowanceScope))}")
        return AllowanceScope(word)

    def region(self, key: str) -> str:
        return self._known_region(key, self.text(key))

    def regions(self, key: str) -> list[str]:
        return [self._known_region(key, region) for region in self.texts(key)]

    def choices(self, key: str, allowed: frozenset[Choice]) -> list[Choice]:
        by_word = {choice.value: choice for choice in allowed}
        words = self.texts(key)
        for word in words:
            if word not in by_word:
                raise self._error(key, f"cannot hold {word!r}; choose from {', '.join(sorted(by_word))}")
        return [by_word[word] for word in words]

    def patterns(self, key: str) -> tuple[str, ...]:
        patterns = self.texts(key)
        for pattern in patterns:
            try:
                compile_pattern(pattern)
            except PatternError as error:
                raise self._error(key, str(error)) from error
        return tuple(patterns)

    def texts(self, key: str) -> list[str]:
        values = self._content.pop(key, [])
        if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
            raise self._error(key, 'must be a list of texts, such as ["FR", "ES"]')
        return values

    def table(self, key: str) -> "_Table":
        value = self._content.pop(key, {})
        if not isinstance(value, dict):
            raise self._error(key, f"must be a table: write [{key}] and its keys below")
        return _Table(value, f"{self.where}{key}.")

    def tables(self, key: str) -> list["_Table"]:
        values = self._content.pop(key, [])
        if not isinstance(values, list) or not all(isinstance(value, dict) for value in values):
            raise self._error(key, f"must be tables: write [[{key}]] before each")
        numbers = [f" {number}" for number in range(1, len(values) + 1)] if len(values) > 1 else [""]
        return [_Table(value, f"{self.where}{key}{number}.") for number, value in zip(numbers, values, strict=False)]

    def refuse_the_rest(self) -> None:
        """Raise where a key is left over: a misspelt key must not silently include nothing."""
        for key in self._content:
            raise self._error(key, "is not known; take it out or correct its spelling")

    def _known_region(self, key: str, region: str) -> str:
        if region not in SUPPORTED_REGIONS:
            raise self._error(key, f"{region!r} is no region; write two capitals, such as FR")
        return region

    def _error(self, key: str, mend: str) -> PlanError:
        return PlanError(f"{self.where}{key} {mend}")
