"""The prefixes of a number among a million, in flat arrays.

Theory of operation. A prefix stands for an interval of numbers of 15 digits: ``44`` for all that begin with 44, from
44 with zeros behind. Intervals of prefixes never overlap in part: one lies within the other, or they are apart.
Entries are kept in the order of their texts, which is that of the intervals' begins, the wider one first. The last
one that does not begin after the number is its longest prefix, or lies beside it; then the entry's *wider* one, the
last entry that began before and is not ended, is the next to try. One bisection (20 steps for a million) and at most a
step for each shorter prefix find them all, without a dictionary. A number that ends is not one that goes on with 0,
though both begin the same interval: no prefix is longer than the number.
"""

from array import array
from bisect import bisect_right
from collections.abc import Iterable, Iterator

LONGEST_PREFIX = 15
"""Digits of the longest E.164 number (ITU-T E.164, 6.2.1)."""

_WIDTHS: list[int] = [10 ** (LONGEST_PREFIX - length) for length in range(LONGEST_PREFIX + 1)]
_NONE = -1


class PrefixIndex:
    """Prefixes, numbered from 0 as they were added; 13 bytes each."""

    __slots__ = ("_begins", "_lengths", "_open_ends", "_open_entries", "_widers")

    def __init__(self) -> None:
        self._begins: array[int] = array("q")
        self._lengths: array[int] = array("b")
        self._widers: array[int] = array("i")
        self._open_ends: list[int] = [_WIDTHS[0]]
        """Where the last entry ends, the one that it lies within, and so on; behind them all what has no end."""
        self._open_entries: list[int] = [_NONE]
        """Which entries these are."""

    def append(self, prefix: str) -> None:
        """Add 1 to 15 digits in the order of texts; the same prefix may come again.

        Raises:
            ValueError: the prefix belongs before the last one, or is too long.
        """
        self.extend((prefix,))

    def extend(self, prefixes: Iterable[str]) -> None:
        """Add prefixes as :meth:`append` does, quicker.

        Raises:
            ValueError: a prefix belongs before the one in front of it, or is too long.
        """
        entry = len(self._begins)
        last = (self._begins[-1], self._lengths[-1]) if entry else (0, 0)
        open_ends, open_entries = self._open_ends, self._open_entries
        for prefix in prefixes:
            length = len(prefix)
            if length > LONGEST_PREFIX:
                raise ValueError(f"prefix {prefix} has more than {LONGEST_PREFIX} digits")
            begin = int(prefix) * _WIDTHS[length]
            if (begin, length) < last:
                raise ValueError(f"prefix {prefix} comes too late; add prefixes in order")
            last = begin, length
            while begin >= open_ends[-1]:
                open_ends.pop()
                open_entries.pop()
            self._begins.append(begin)
            self._lengths.append(length)
            self._widers.append(open_entries[-1])
            open_ends.append(begin + _WIDTHS[length])
            open_entries.append(entry)
            entry += 1

    def matches(self, number: str) -> Iterator[tuple[int, int]]:
        """Yield the entries that ``number`` begins with and their lengths, the longest first.

        Of one prefix the entry that was added last comes first. What is not ASCII digits has no prefix.
        """
        if not (number.isascii() and number.isdecimal()):
            return
        digits = min(len(number), LONGEST_PREFIX)
        at = int(number[:digits]) * _WIDTHS[digits]
        entry = bisect_right(self._begins, at) - 1
        while entry != _NONE:
            length = self._lengths[entry]
            if length <= digits and at < self._begins[entry] + _WIDTHS[length]:
                yield entry, length
            entry = self._widers[entry]
