"""What one comparison of the living channels with the open sessions found."""

from dataclasses import dataclass, field
from datetime import datetime

from charging.cdr import EndSource


@dataclass(slots=True, kw_only=True)
class Findings:
    """The findings, filled in as the comparison goes on."""

    at: datetime
    """When the comparison began."""
    last_entry: int | None = None
    """The journal's newest entry at that time: what the comparison moves comes after it. None: not known yet."""
    alive: int = 0
    """Calls that go on, the adopted ones among them."""
    adopted: set[str] = field(default_factory=set)
    """Calls of the store's that nobody answered for, and that live here from now on."""
    ended: dict[str, EndSource | None] = field(default_factory=dict)
    """Calls that had ended unseen, each with how its end is known; None where it was never answered."""
    resumed: set[str] = field(default_factory=set)
    """Lost calls whose provisional charge was taken back."""
    final: set[str] = field(default_factory=set)
    """Lost calls of which nothing is left: their charge stays."""
    damaged: set[str] = field(default_factory=set)
    """Calls whose saved state cannot be read."""
    legs_of_nobody: set[str] = field(default_factory=set)
    """Channels of legs that no call answers for."""
    news: bool = False
    """Whether some of the unknown ones were not known as such at the comparison before."""

    def begins_after(self, entry: int) -> None:
        """Take note of the journal's newest entry, where none is known yet."""
        self.last_entry = entry if self.last_entry is None else self.last_entry

    @property
    def unknown(self) -> frozenset[str]:
        """Lost calls of which nothing is left, sessions that cannot be read, and legs that no call answers for."""
        return frozenset(self.final | self.damaged | self.legs_of_nobody)

    @property
    def is_something(self) -> bool:
        """Whether anything was otherwise than the service took it to be."""
        return bool(self.adopted or self.ended or self.resumed or self.final or self.news)

    def count(self, source: EndSource | None) -> int:
        """Return how many of the ended calls' ends are known in this way."""
        return sum(each is source for each in self.ended.values())
