"""What Asterisk is told, and what it answers. Pure.

A command is one line. Its answer is one too, ``200 result=1``, or a block from ``520-`` to ``520 `` where the command
was used wrongly. ``HANGUP`` may come at any moment, once the caller has left (res_agi.c, ``agi_handle_command``).
"""

import re
from dataclasses import dataclass
from typing import Final

from agi.outcome import AgiError, Outcome, SessionOverError

MOST_LINES: Final = 100
"""Of one answer; the longest text on usage has some twenty."""
LONGEST_COMMAND_BYTES: Final = 2000
"""Asterisk reads a line into 2048 bytes."""
_ANSWER: Final = re.compile(r"([0-9]{3})(?: result=(\S*))?(?:[ ].*)?", re.DOTALL)
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,78}")
_DONE: Final = 200
_TRYING: Final = 100


class CommandError(AgiError):
    """A command that Asterisk would read as another one."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of a command; ``result`` is '' where none was given."""

    code: int
    result: str

    @property
    def is_done(self) -> bool:
        """Whether Asterisk did it: 510 is no command, 511 none for a channel that is gone, 520 none of this form."""
        return self.code == _DONE and self.result not in ("", "-1")


class AnswerReader:
    """Reads the answer to one command, a line at a time."""

    __slots__ = ("_in_usage", "_lines")

    def __init__(self) -> None:
        """Begin with no line."""
        self._lines = 0
        self._in_usage = False

    def take(self, line: str) -> Answer | None:
        """Take a line; return the answer once it is whole.

        Raises:
            SessionOverError: the caller has left, or this is no answer, or one without end.
        """
        if line == "HANGUP":
            raise SessionOverError(Outcome.HUNG_UP, "the caller left")
        self._lines += 1
        if self._lines > MOST_LINES:
            raise SessionOverError(Outcome.BAD_ANSWER, f"an answer of more than {MOST_LINES} lines")
        if self._in_usage and not line.startswith("520 "):
            return None
        if line.startswith("520-"):
            self._in_usage = True
            return None
        found = _ANSWER.fullmatch(line)
        if found is None:
            raise SessionOverError(Outcome.BAD_ANSWER, f"no answer: {line[:80]!r}")
        code = int(found[1])
        return None if code == _TRYING else Answer(code, found[2] or "")


def set_variable(name: str, value: str) -> bytes:
    """Return the command that sets a variable of the channel.

    Raises:
        CommandError: no variable has such a name, or the value cannot be written on a line that Asterisk reads whole.
    """
    if not _NAME.fullmatch(name):
        raise CommandError(f"{name!r} is no name of a variable")
    if not value.isprintable():  # a line break would begin a command of its own
        raise CommandError(f"{value[:80]!r} has a character that no command can carry")
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    command = f'SET VARIABLE {name} "{escaped}"\n'.encode()
    if len(command) > LONGEST_COMMAND_BYTES:
        raise CommandError(f"a command of {len(command)} bytes; Asterisk would cut it")
    return command
