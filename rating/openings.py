"""Which digits can begin a number of a kind: the beginnings of every text that a range's pattern matches.

The metadata's patterns speak of whole numbers. A number with a digit too many or too few matches none of them, yet
open numbering plans connect it all the same, to what its first digits say. So each pattern is rewritten into one
that matches the beginnings of its numbers, whatever their length.

Theory of operation. What begins ``AB`` is a beginning of A, or a whole A and a beginning of B; a beginning of
``X{2,4}`` is up to four X; a beginning of ``A|B`` is one of A or of B. The metadata uses digits, ``\\d``, sets,
groups, ``|``, ``?`` and counts, and nothing else; a test reads every range of every region.
"""

import re
from functools import lru_cache

_ONE = re.compile(r"[0-9]|\\d|\[[0-9-]+\]")
_COUNT = re.compile(r"\?|\{[0-9]+(?:,([0-9]+))?\}")


@lru_cache(maxsize=4096)
def beginnings(pattern: str) -> re.Pattern[str]:
    """Return the expression of whatever a text that ``pattern`` matches in full can begin with; use ``fullmatch``.

    Raises:
        ValueError: the pattern holds what no range of the metadata does.
    """
    reader = _Reader(pattern)
    begun = reader.alternatives()
    if reader.rest:
        raise ValueError(f"{pattern!r} cannot be read from {reader.rest!r}")
    # ASCII only: \d must not match Arabic digits.
    return re.compile(begun, re.ASCII)


class _Reader:
    """Reads a pattern from left to right; each method returns the beginnings of what it took."""

    def __init__(self, pattern: str) -> None:
        self.rest = pattern

    def alternatives(self) -> str:
        begun = [self._sequence()]
        while self.rest.startswith("|"):
            self.rest = self.rest[1:]
            begun.append(self._sequence())
        return f"(?:{'|'.join(begun)})"

    def _sequence(self) -> str:
        items = []
        while self.rest and self.rest[0] not in "|)":
            items.append(self._item())
        begun = ""
        for whole, begun_item in reversed(items):
            begun = f"(?:{begun_item}|{whole}{begun})"
        return begun

    def _item(self) -> tuple[str, str]:
        """Take one item with its count: what matches all of it, and what matches its beginnings."""
        before = self.rest
        if before.startswith("(?:"):
            self.rest = before[3:]
            begun = self.alternatives()
            if not self.rest.startswith(")"):
                raise ValueError("a group does not end")
            self.rest = self.rest[1:]
        else:
            begun = f"{self._one()}?"
        item = before[: len(before) - len(self.rest)]
        count = _COUNT.match(self.rest)
        if count is None:
            return item, begun
        self.rest = self.rest[count.end() :]
        if count[0] == "?":
            return f"{item}?", begun
        most = int(count[1] or count[0][1:-1])
        return f"{item}{count[0]}", f"(?:{item}{{0,{most - 1}}}{begun})"

    def _one(self) -> str:
        found = _ONE.match(self.rest)
        if found is None:
            raise ValueError(f"{self.rest!r} is no digit, set or group")
        self.rest = self.rest[found.end() :]
        return found[0]
