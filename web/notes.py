"""Where outcomes are counted."""

from typing import Protocol


class Notes(Protocol):
    """Counts what became of requests and connections; logs those that no browser of an administrator would have."""

    def count(self, outcome: str) -> None:
        """Count one that is worth no line in the log."""

    def note(self, outcome: str, event: str, *, error: BaseException | None = None, **detail: object) -> None:
        """Count one that is, and log it within bounds."""
