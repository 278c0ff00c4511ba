"""Which Asterisk it is, and what it can do."""

import re
from dataclasses import dataclass

_VERSION = re.compile(r"(\d+)\.(\d+)(?:\.(\d+))?")


@dataclass(frozen=True, slots=True, order=True)
class AsteriskVersion:
    """A release such as 22.10.1."""

    major: int
    minor: int
    patch: int

    @classmethod
    def parse(cls, text: str) -> "AsteriskVersion":
        """Read the first version number in ``text`` (``Asterisk 22.10.1~dfsg…``); 0.0.0 where there is none."""
        found = _VERSION.search(text)
        if found is None:
            return cls(0, 0, 0)
        return cls(int(found[1]), int(found[2]), int(found[3] or 0))

    @property
    def has_rest_over_websocket(self) -> bool:
        """Whether REST requests may travel on the event socket (from 20.14, 22.4, 23)."""
        return self.major >= 23 or (self.major, self.minor) >= (22, 4) or self._in_20_from(14)

    @property
    def is_supported(self) -> bool:
        """Whether it sets many variables at once and carries the fixes for the two ARI security advisories."""
        if self.major == 20:
            return self >= AsteriskVersion(20, 20, 1)
        return self >= AsteriskVersion(22, 10, 1)

    def _in_20_from(self, minor: int) -> bool:
        return self.major == 20 and self.minor >= minor

    def __str__(self) -> str:
        """Return the dotted form."""
        return f"{self.major}.{self.minor}.{self.patch}"
