"""Proving that two tables say the same of each of millions of calls, in memory that does not grow with them.

Theory of operation. Each key (a call, a journal entry) has amounts that are expected of it and amounts that are found,
scattered over tables in any order. They balance where, for every key, they sum up to zero. Instead of a sum for each
key there is one sum for each of ``BUCKETS`` groups of keys, in which every amount is multiplied by a number of its key
that nobody can foresee, ``hash((salt, key))``::

    sums[h % BUCKETS] += amount * h

Where every key balances, every sum is zero. Where one does not, its group's sum is its difference times its ``h``, and
only another difference in the same group that happens to be the exact multiple could hide it: of the 2**48 values that
``h`` can have in a group, at most one. So a sum that is not zero proves a difference, and 65 536 zeros prove, but for
one chance in some 10**14, that there is none. The tables are read once, without sorting, and without an index on the
call; which keys differ is found by reading again, and summing up exactly for the keys of the groups that differ.

(Vector sums of the same kind check set equality in Blum, Evans, Gemmell, Kannan and Naor, "Checking the correctness of
memories", 1991.)
"""

import secrets
from collections.abc import Hashable, Iterable

BUCKETS = 1 << 16
_MASK = BUCKETS - 1


class Fingerprints:
    """A sum for each group of keys: zero where what is expected of each key is what is found."""

    def __init__(self) -> None:
        self._salt = secrets.randbits(64)
        self._sums = [0] * BUCKETS

    def add(self, amounts: Iterable[tuple[Hashable, int]]) -> None:
        """Add amounts to their keys: expected ones as they are, found ones negated."""
        salt, sums = self._salt, self._sums
        for key, amount in amounts:
            number = hash((salt, key))
            sums[number & _MASK] += amount * number

    def bucket(self, key: Hashable) -> int:
        """Answer the group of a key."""
        return hash((self._salt, key)) & _MASK

    def differing(self) -> list[int]:
        """Answer the groups in which at least one key does not balance."""
        if not any(self._sums):  # as a rule, and ten times as quick
            return []
        return [bucket for bucket, total in enumerate(self._sums) if total]


def secret_weight() -> int:
    """Answer a factor for one of several amounts of a key, so that they can share a sum without hiding each other."""
    return secrets.randbits(61) | 1
