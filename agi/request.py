"""What Asterisk says first: a block of ``agi_name: value`` lines, and an empty one. Pure.

``AGI(agi://HOST:PORT/PATH)`` sends PATH as ``agi_network_script`` (res_agi.c, ``launch_netscript`` and ``setup_env``).
Values hold what callers chose, such as their names. A name that comes twice makes the block worthless: a line break in
an outsider's display name would set another channel.
"""

import re
from dataclasses import dataclass
from typing import Final

from agi.outcome import Outcome, SessionOverError

MOST_LINES: Final = 160
"""Some twenty, and the 128 arguments that Asterisk allows."""
_LINE: Final = re.compile(r"agi_([a-z0-9_]{1,40}):(?: (.*))?", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What the dialplan asks for, and of which channel."""

    path: str
    """``balance`` of ``agi://127.0.0.1:4573/balance``."""
    channel: str
    """The channel's name, such as ``PJSIP/101-0000001f``."""
    channel_id: str
    """Its unique id."""


class RequestReader:
    """Puts a request together, a line at a time."""

    __slots__ = ("_values",)

    def __init__(self) -> None:
        """Begin with no line."""
        self._values: dict[str, str] = {}

    def take(self, line: str) -> Request | None:
        """Take a line; return the request once the empty line has come.

        Raises:
            SessionOverError: it is no such line, there are too many, or what must be said was not.
        """
        if not line:
            return self._request()
        found = _LINE.fullmatch(line)
        if found is None:
            raise SessionOverError(Outcome.MALFORMED, f"no line of a header: {line[:80]!r}")
        name, value = found[1], found[2] or ""
        if name in self._values:
            raise SessionOverError(Outcome.MALFORMED, f"agi_{name} came twice")
        if len(self._values) >= MOST_LINES:
            raise SessionOverError(Outcome.TOO_LARGE, f"a header of more than {MOST_LINES} lines")
        self._values[name] = value
        return None

    def _request(self) -> Request:
        values = self._values
        if not values.get("channel") or not values.get("uniqueid"):
            raise SessionOverError(Outcome.MALFORMED, "the header names no channel")
        return Request(
            path=values.get("network_script", "").partition("?")[0],
            channel=values["channel"],
            channel_id=values["uniqueid"],
        )
