"""Lines out of whatever bytes come, in whatever portions: bounded each and together. Pure."""

from typing import Final

from agi.outcome import Outcome, SessionOverError

LONGEST_LINE_BYTES: Final = 4096
"""Asterisk cuts its own at 2048 (``AGI_BUF_LEN`` of res_agi.c)."""
MOST_BYTES: Final = 65_536
"""In a whole session: its header is about a thousand, and each answer tens."""


class LineBuffer:
    """What has been received and not been read yet."""

    __slots__ = ("_rest", "_searched", "received")

    def __init__(self) -> None:
        """Begin with nothing."""
        self.received = 0
        """Bytes so far."""
        self._rest = bytearray()
        self._searched = 0

    def feed(self, data: bytes) -> None:
        """Take what was received.

        Raises:
            SessionOverError: it is more than a session may be.
        """
        self.received += len(data)
        if self.received > MOST_BYTES:
            raise SessionOverError(Outcome.TOO_LARGE, f"more than {MOST_BYTES} bytes in one session")
        self._rest += data

    def next_line(self) -> str | None:
        """Return a line without its end, None where none is whole; what is no UTF-8 in it is replaced.

        Raises:
            SessionOverError: it is longer than a line may be, or would be.
        """
        end = self._rest.find(b"\n", self._searched)
        if (len(self._rest) if end < 0 else end) > LONGEST_LINE_BYTES:
            raise SessionOverError(Outcome.TOO_LARGE, f"a line of more than {LONGEST_LINE_BYTES} bytes")
        if end < 0:
            self._searched = len(self._rest)
            return None
        line = bytes(self._rest[:end])
        del self._rest[: end + 1]
        self._searched = 0
        return line.removesuffix(b"\r").decode("utf-8", "replace")
