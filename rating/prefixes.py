"""The longest prefix of a number, in a handful of dictionary look-ups.

Trying every prefix length would cost up to 15 look-ups a number. Instead the lengths are searched by halves,
as routers find a route (Waldvogel, Varghese, Turner, Plattner: "Scalable High Speed IP Routing Lookups",
SIGCOMM 1997). A long prefix leaves a *marker* at each shorter length that the search visits before it, which
says "there are longer ones"; the marker carries the best value known at its own length, so the search never
has to come back. With 15 lengths it takes at most 4 look-ups.
"""

from collections.abc import Iterator, Mapping
from typing import Final, Generic, TypeVar

V = TypeVar("V")

_ABSENT: Final = object()


class PrefixIndex(Generic[V]):
    """An immutable map from prefixes to values that answers for whole numbers."""

    __slots__ = ("_best", "_lengths")

    def __init__(self, values: Mapping[str, V]) -> None:
        self._lengths = sorted({len(prefix) for prefix in values})
        self._best: dict[str, V | None] = dict(values)
        markers = {marker for prefix in values for marker in self._markers(prefix)} - values.keys()
        for marker in markers:
            self._best[marker] = _longest(values, marker)

    def find(self, number: str) -> V | None:
        """Return the value of the longest prefix of ``number``, or None when no prefix matches."""
        lengths = self._lengths
        found: V | None = None
        low, high = 0, len(lengths)
        while low < high:
            middle = (low + high) // 2
            length = lengths[middle]
            # A shorter number cannot have such a prefix; its slice would be the number itself.
            best = self._best.get(number[:length], _ABSENT) if length <= len(number) else _ABSENT
            if best is _ABSENT:
                high = middle
            else:
                found = best  # type: ignore[assignment]  # the sentinel was ruled out one line above
                low = middle + 1
        return found

    def _markers(self, prefix: str) -> Iterator[str]:
        """Yield the shorter prefixes at which the search must turn towards ``prefix``."""
        lengths = self._lengths
        low, high = 0, len(lengths)
        # The prefix's own length is one of them, so the search always arrives.
        while (length := lengths[middle := (low + high) // 2]) != len(prefix):
            if length > len(prefix):
                high = middle
            else:
                yield prefix[:length]
                low = middle + 1


def _longest(values: Mapping[str, V], marker: str) -> V | None:
    """Find the longest true prefix of a marker the slow way; done once, when the index is built."""
    for length in range(len(marker) - 1, 0, -1):
        value = values.get(marker[:length])
        if value is not None:
            return value
    return None
