"""What happened, in order: kept for the story of a failure, and traced to compare two runs."""

import hashlib
from collections import Counter, deque
from collections.abc import Callable
from typing import NamedTuple

REMEMBERED = 40_000


class Happening(NamedTuple):
    """One step; ``call`` is a call's id or a channel's, "" where it concerns none alone."""

    at_s: float
    kind: str
    call: str
    detail: str

    def __str__(self) -> str:
        """Return the line as people read it."""
        return f"{self.at_s:14.6f}  {self.kind:<18} {self.call:<24} {self.detail}".rstrip()


class Trace:
    """The last happenings, how many there were, and a digest of all of them where one is wanted."""

    def __init__(self, clock_s: Callable[[], float], *, traced: bool = False) -> None:
        self._clock_s = clock_s
        self._kept: deque[tuple[float, str, str, str]] = deque(maxlen=REMEMBERED)
        """Happenings, not made up yet: of millions some hundred are read."""
        self._digest = hashlib.sha256() if traced else None
        self.steps = 0
        self.kinds: Counter[str] = Counter()

    def note(self, kind: str, call: str = "", detail: str = "") -> None:
        """Keep a happening."""
        self.steps += 1
        self.kinds[kind] += 1
        happening = (self._clock_s(), kind, call, detail)
        self._kept.append(happening)
        if self._digest is not None:
            self._digest.update(repr(happening).encode())

    @property
    def digest(self) -> str:
        """What all happenings come to, the forgotten ones too; "" where that was not wanted."""
        return "" if self._digest is None else self._digest.hexdigest()

    def everything(self) -> tuple[str, ...]:
        """Return what is remembered, where everything is wanted."""
        return () if self._digest is None else tuple(str(Happening(*each)) for each in self._kept)

    def of(self, names: frozenset[str], around: frozenset[str], last: int) -> list[str]:
        """Return the last happenings of these calls and channels, and those of the kinds ``around`` meanwhile.

        Without names it is whatever happened last.
        """
        kept = [Happening(*each) for each in self._kept]
        own = [number for number, each in enumerate(kept) if not names or each.call in names]
        begin = own[-last] if len(own) >= last else next(iter(own), 0)
        wanted = set(own)
        return [
            str(each)
            for number, each in enumerate(kept)
            if number >= begin and (number in wanted or each.kind in around)
        ]
