"""A command line to type into: status, stdout and stderr of each command."""

import json
from dataclasses import dataclass
from typing import Any

import pytest

from tollgate.cli.app import run


@dataclass(frozen=True)
class Answer:
    """What a command left behind."""

    status: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """Its one JSON document."""
        return json.loads(self.out)


class Terminal:
    """Runs commands in this process, through the error boundary that the console script has."""

    def __init__(self, captured: pytest.CaptureFixture[str]) -> None:
        self._captured = captured

    def __call__(self, *arguments: str) -> Answer:
        """Run a command, whatever comes of it."""
        self._captured.readouterr()
        status = run(list(arguments))
        out, err = self._captured.readouterr()
        assert "Traceback" not in err
        return Answer(status, out, err)

    def done(self, *arguments: str) -> Answer:
        """Run a command that must succeed, in silence on stderr."""
        answer = self(*arguments)
        assert (answer.status, answer.err) == (0, ""), answer
        return answer

    def json(self, *arguments: str) -> Any:
        """Run a command that must succeed and return its document."""
        return self.done(*arguments, "--json").document

    def fails(self, status: int, *arguments: str) -> str:
        """Run a command that must fail with one line on stderr, and nothing on stdout; return the line."""
        answer = self(*arguments)
        assert answer.status == status, answer
        assert answer.out == ""
        assert answer.err.count("\n") == 1
        assert answer.err.startswith("error: ")
        return answer.err
