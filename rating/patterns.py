"""Asterisk's dialplan patterns of fixed length, read the way Asterisk reads them.

They are written without Asterisk's leading underscore: ``0[13]XXXXXXXX``. X is 0-9, Z is 1-9, N is 2-9,
``[...]`` is a set with ranges, everything else is itself. The open-ended ``.`` and ``!`` are refused: a plan
that matches any length would let numbers through that nobody has looked at.

Source: Asterisk documentation, "Pattern Matching".
"""

import re

from rating.errors import RatingError

_ELEMENT = re.compile(r"(?P<set>\[(?:[0-9](?:-[0-9])?)+\])|(?P<letter>[XZN])|(?P<literal>[0-9+])")
_LETTERS = {"X": "[0-9]", "Z": "[1-9]", "N": "[2-9]"}


class PatternError(RatingError):
    """Text that is not a dialplan pattern of fixed length."""


def compile_pattern(pattern: str) -> re.Pattern[str]:
    """Return the regular expression of a dialplan pattern; use its ``fullmatch``.

    Raises:
        PatternError: the pattern is empty, open-ended, or holds what no phone number does.
    """
    elements = []
    position = 0
    while position < len(pattern):
        match = _ELEMENT.match(pattern, position)
        if match is None:
            raise PatternError(f"{pattern!r} cannot be read from its character {position + 1}; {_MEND}")
        elements.append(_LETTERS.get(match.group()) or match["set"] or re.escape(match.group()))
        position = match.end()
    if not elements:
        raise PatternError(f"a pattern is empty; {_MEND}")
    try:
        return re.compile("".join(elements))
    except re.error as error:
        raise PatternError(f"{pattern!r} has a range that runs backwards; write [1-5], not [5-1]") from error


def pattern_length(pattern: str) -> int:
    """Return how many characters a dialplan pattern matches."""
    return len(_ELEMENT.findall(pattern))


_MEND = "write digits, X, Z, N or a set such as [1-5], without leading underscore"
