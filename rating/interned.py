"""Byte strings that repeat, each kept once, in two flat arrays."""

from array import array

_MOST_REMEMBERED = 16_384


class Interned:
    """Byte strings, numbered from 0; 4 GiB of them at most.

    The last few thousand are remembered: one that comes again later is kept a second time, which costs
    room and nothing else, while a million different ones never fill a dictionary.
    """

    __slots__ = ("_bytes", "_ends", "_known")

    def __init__(self) -> None:
        self._bytes = bytearray()
        self._ends = array("I", [0])
        self._known: dict[bytes, int] = {}

    def add(self, data: bytes) -> int:
        """Return the number of ``data``, which is kept if it is not known."""
        number = self._known.get(data)
        if number is None:
            number = len(self._ends) - 1
            self._bytes += data
            self._ends.append(len(self._bytes))
            if len(self._known) == _MOST_REMEMBERED:
                self._known.clear()
            self._known[data] = number
        return number

    def __getitem__(self, number: int) -> bytes:
        """Return what was added under this number."""
        return bytes(self._bytes[self._ends[number] : self._ends[number + 1]])
