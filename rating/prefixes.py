"""The prefixes of a number among a million, in flat arrays.

Theory of operation. A prefix stands for an interval of numbers: ``44`` for all that begin with 44. Digits are
written to base 11, each one higher than it is and with zeros behind, so that the order of these integers is
that of the texts and a number that ends is not one that goes on with 0. Intervals of prefixes never overlap
in part: one lies within the other, or they are apart. Entries are kept in order; the last one that does not
begin after the number is its longest prefix, or lies beside it; then the entry's *wider* one, the last
entry that began before and is not ended, is the next to try. One bisection (20 steps for a million) and at
most a step for each shorter prefix find them all, without a dictionary.
"""

from array import array
from bisect import bisect_right
from collections.abc import Iterator

LONGEST_PREFIX = 15
"""Digits of the longest E.164 number (ITU-T E.164, 6.2.1)."""

_BASE = 11
_ONE_HIGHER = str.maketrans("0123456789", "123456789a")
_WIDTHS: list[int] = [_BASE ** (LONGEST_PREFIX - length) for length in range(LONGEST_PREFIX + 1)]
_NONE = -1


class PrefixIndex:
    """Prefixes, numbered from 0 as they were added; 13 bytes each."""

    __slots__ = ("_begins", "_lengths", "_widers")

    def __init__(self) -> None:
        self._begins: array[int] = array("q")
        self._lengths: array[int] = array("b")
        self._widers: array[int] = array("i")

    def append(self, prefix: str) -> None:
        """Add 1 to 15 digits in the order of texts; the same prefix may come again.

        Raises:
            ValueError: the prefix belongs before the last one, or is too long.
        """
        begin = _begin(prefix)
        wider = len(self._begins) - 1
        if wider >= 0 and begin < self._begins[wider]:
            raise ValueError(f"prefix {prefix} comes too late; add prefixes in order")
        while wider != _NONE and not self._covers(wider, begin):
            wider = self._widers[wider]
        self._begins.append(begin)
        self._lengths.append(len(prefix))
        self._widers.append(wider)

    def matches(self, number: str) -> Iterator[tuple[int, int]]:
        """Yield the entries that ``number`` begins with and their lengths, the longest first.

        Of one prefix the entry that was added last comes first. What is not ASCII digits has no prefix.
        """
        if not (number.isascii() and number.isdecimal()):
            return
        at = _begin(number[:LONGEST_PREFIX])
        entry = bisect_right(self._begins, at) - 1
        while entry != _NONE:
            if self._covers(entry, at):
                yield entry, self._lengths[entry]
            entry = self._widers[entry]

    def _covers(self, entry: int, at: int) -> bool:
        return at < self._begins[entry] + _WIDTHS[self._lengths[entry]]


def _begin(digits: str) -> int:
    """Return the first number of the interval."""
    return int(digits.translate(_ONE_HIGHER), _BASE) * _WIDTHS[len(digits)]
