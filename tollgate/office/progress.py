"""How long work says what it is doing: one line of text per step, to whoever started it."""

from collections.abc import Callable

Progress = Callable[[str], None]


def silent(_line: str) -> None:
    """Take a progress line and show nothing."""
