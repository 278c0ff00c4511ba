"""Every text that a finite regular expression matches, without trying a million digits.

Only the syntax that the short-number metadata uses for emergency numbers is known: digits, ``\\d``, ``[...]``,
``(?:...|...)`` and ``?``. Anything else raises, so that a caller can fall back to trying.
"""

import re
from itertools import product

_DIGITS = "0123456789"
_RANGE = re.compile(r"([0-9])-([0-9])|([0-9])")
_SET = re.compile(r"\[((?:[0-9](?:-[0-9])?)+)\]")


class UnknownSyntaxError(Exception):
    """The expression holds what this module does not know."""


def every_match(pattern: str) -> frozenset[str]:
    """Return every text that ``pattern`` matches in full.

    Raises:
        UnknownSyntaxError: the pattern is not of the known, finite syntax.
    """
    reader = _Reader(pattern)
    texts = reader.alternatives()
    if reader.rest:
        raise UnknownSyntaxError(f"{pattern!r} cannot be read from {reader.rest!r}")
    return frozenset(texts)


class _Reader:
    """Reads a pattern from left to right; each method returns the texts of what it took."""

    def __init__(self, pattern: str) -> None:
        self.rest = pattern

    def alternatives(self) -> set[str]:
        texts = self._sequence()
        while self._take("|"):
            texts |= self._sequence()
        return texts

    def _sequence(self) -> set[str]:
        texts = {""}
        while self.rest and self.rest[0] not in "|)":
            item = self._item()
            if self._take("?"):
                item = item | {""}
            texts = {before + after for before, after in product(texts, item)}
        return texts

    def _item(self) -> set[str]:
        if self._take("(?:"):
            texts = self.alternatives()
            if not self._take(")"):
                raise UnknownSyntaxError("a group does not end")
            return texts
        if self._take(r"\d"):
            return set(_DIGITS)
        found = _SET.match(self.rest)
        if found is not None:
            self.rest = self.rest[found.end() :]
            return _members(found[1])
        digit = self.rest[0]
        if digit not in _DIGITS:
            raise UnknownSyntaxError(f"{self.rest!r} is not known")
        self.rest = self.rest[1:]
        return {digit}

    def _take(self, text: str) -> bool:
        if not self.rest.startswith(text):
            return False
        self.rest = self.rest[len(text) :]
        return True


def _members(content: str) -> set[str]:
    members: set[str] = set()
    for first, last, single in _RANGE.findall(content):
        members |= {single} if single else set(_DIGITS[int(first) : int(last) + 1])
    return members
