"""Numbers of things, in the singular and the plural."""


def counted(number: int, noun: str) -> str:
    """Write ``1 call``, ``0 calls``, ``2 calls``; the noun is one whose plural takes an s."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
