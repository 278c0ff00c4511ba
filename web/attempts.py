"""Limits guessing: so many failed attempts to sign in for one name, and from one address, in a stretch of time.

An attempt counts when it begins, so that many at once are as limited as one after the other; where it succeeds it is
taken back. The limit of a name holds for its owner too, wherever the attempts came from: they wait, or have an
administrator look who tries. What is remembered is bounded; a restart forgets it.
"""

from collections import OrderedDict, deque
from collections.abc import Callable
from ipaddress import IPv6Address, ip_address, ip_network
from math import ceil
from typing import Final

WINDOW_S: Final = 900.0
MOST_OF_A_NAME: Final = 10
MOST_OF_AN_ADDRESS: Final = 30
MOST_REMEMBERED: Final = 10_000
"""Names and addresses; those of the oldest attempts are forgotten first."""

_Key = tuple[str, str]


class Attempts:
    """The failed attempts of the last ``WINDOW_S`` seconds."""

    def __init__(self, steady_s: Callable[[], float]) -> None:
        """Begin with none.

        Args:
            steady_s: Seconds of a clock that nobody sets.
        """
        self._steady_s = steady_s
        self._failed: OrderedDict[_Key, deque[float]] = OrderedDict()

    def begin(self, name: str, address: str) -> int:
        """Count an attempt, and return 0; or return for how many seconds none is taken, and count nothing."""
        now_s = self._steady_s()
        limits = _limits(name, address)
        wait_s = max(self._wait_s(key, most, now_s) for key, most in limits.items())
        if wait_s > 0:
            return ceil(wait_s)
        for key in limits:
            self._failed.setdefault(key, deque()).append(now_s)
            self._failed.move_to_end(key)
        while len(self._failed) > MOST_REMEMBERED:
            self._failed.popitem(last=False)
        return 0

    def succeeded(self, name: str, address: str) -> None:
        """Take the newest attempt back, and the name's failed ones before it: its owner is here."""
        self._failed.pop(_of_name(name), None)
        of_address = _of_address(address)
        if times := self._failed.get(of_address):
            times.pop()
            if not times:
                del self._failed[of_address]

    def _wait_s(self, key: _Key, most: int, now_s: float) -> float:
        times = self._failed.get(key)
        if times is None:
            return 0.0
        while times and times[0] <= now_s - WINDOW_S:
            times.popleft()
        return 0.0 if len(times) < most else times[0] + WINDOW_S - now_s


def _limits(name: str, address: str) -> dict[_Key, int]:
    return {_of_name(name): MOST_OF_A_NAME, _of_address(address): MOST_OF_AN_ADDRESS}


def _of_name(name: str) -> _Key:
    return "name", name


def _of_address(address: str) -> _Key:
    """Return under what an address is counted: of IPv6 the network, whose addresses are one customer's to choose."""
    try:
        read = ip_address(address)
    except ValueError:
        return "address", address
    if isinstance(read, IPv6Address) and read.ipv4_mapped is None:
        return "address", str(ip_network((read, 64), strict=False))
    return "address", str(read)
