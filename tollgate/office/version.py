"""Asterisk versions: reading what `asterisk -V` prints, and which releases may be used.

Releases before 20.20.1 and 22.10.1 carry two known ARI security holes; the 21 line ended without the fixes.
From 23 on every release has them.
"""

import re
from typing import NamedTuple

_VERSION_LINE = re.compile(r"^Asterisk (\d+)\.(\d+)(?:\.(\d+))?(?=$|[\s~+-])", re.MULTILINE)
_FIRST_CLEAN_LINE = 23

REQUIREMENT = "20.20.1 or later in the 20 line, 22.10.1 or later in the 22 line, or any release from 23 on"


class AsteriskVersion(NamedTuple):
    """A release number; compares in release order."""

    major: int
    minor: int
    patch: int

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}.{self.patch}"


_OLDEST_IN_LINE = {20: AsteriskVersion(20, 20, 1), 22: AsteriskVersion(22, 10, 1)}


def parse_version(text: str) -> AsteriskVersion | None:
    """Read the output of `asterisk -V`.

    Returns:
        None for anything but a numbered release: builds from git and the certified branch do not say which
        fixes they have.
    """
    found = _VERSION_LINE.search(text)
    if found is None:
        return None
    return AsteriskVersion(int(found[1]), int(found[2]), int(found[3] or 0))


def is_suitable(version: AsteriskVersion) -> bool:
    """Tell whether a release has every fix that an exposed ARI needs."""
    if version.major >= _FIRST_CLEAN_LINE:
        return True
    oldest = _OLDEST_IN_LINE.get(version.major)
    return oldest is not None and version >= oldest
