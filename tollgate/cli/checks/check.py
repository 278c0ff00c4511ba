"""One line of doctor's: what was looked at, how it is, and the mend."""

from dataclasses import dataclass
from enum import StrEnum


class Status(StrEnum):
    """How it is."""

    OK = "OK"
    WARN = "WARN"
    FAIL = "FAIL"


@dataclass(frozen=True, slots=True)
class Check:
    """The answer of a check; ``mend`` says what to do and is None where nothing needs to be done."""

    name: str
    status: Status
    detail: str
    mend: str | None = None


def ok(name: str, detail: str) -> Check:
    """Answer that all is well."""
    return Check(name, Status.OK, detail)


def warn(name: str, detail: str, mend: str) -> Check:
    """Answer that calls work, but something is worse than it should be, or could not be looked at."""
    return Check(name, Status.WARN, detail, mend)


def fail(name: str, detail: str, mend: str) -> Check:
    """Answer that calls or their money are not safe."""
    return Check(name, Status.FAIL, detail, mend)
