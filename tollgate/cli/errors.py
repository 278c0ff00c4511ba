"""What a command raises when it cannot do what it was asked, and how any error becomes one line."""

from dataclasses import dataclass

REFUSED = 1
BAD_INPUT = 2


class CliError(Exception):
    """Root of the command line's errors: what is wrong, and what to do about it."""

    exit_code = REFUSED

    def __init__(self, error: str, hint: str) -> None:
        super().__init__(f"{error}; {hint}")
        self.error = error
        self.hint = hint


class BadInputError(CliError):
    """An argument, an option or a file that cannot be used as it is: exit status 2."""

    exit_code = BAD_INPUT


class RefusedError(CliError):
    """Well said, but what is there does not allow it: exit status 1."""


class CheckFailedError(CliError):
    """The command has shown its result, and the result is bad: exit status 1, nothing more on stdout."""


@dataclass(frozen=True, slots=True)
class Failure:
    """An error as it is shown: one line for people, two fields for programs."""

    error: str
    hint: str
    exit_code: int
    shown: bool = False
    """Whether the command's own document is on stdout already."""

    @property
    def line(self) -> str:
        """The line on stderr."""
        return f"error: {self.error}; {self.hint}" if self.hint else f"error: {self.error}"


def failure_of(error: CliError) -> Failure:
    """Return a command's own error as it is shown."""
    return Failure(_one_line(error.error), _one_line(error.hint), error.exit_code, isinstance(error, CheckFailedError))


def failure_from_text(text: str, exit_code: int, otherwise: str) -> Failure:
    """Return an error whose message says what to do after its last semicolon, as ours do where they know.

    Args:
        text: The message.
        exit_code: 1 or 2.
        otherwise: The hint where the message has none.
    """
    line = _one_line(text)
    error, found, hint = line.rpartition("; ")
    return Failure(error, hint, exit_code) if found else Failure(line, otherwise, exit_code)


def _one_line(text: str) -> str:
    """Put a message on one line, without what a terminal would obey."""
    printable = "".join(character if character.isprintable() else " " for character in text)
    return " ".join(printable.split())
