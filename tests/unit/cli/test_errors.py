"""How errors are shown."""

import io
import json
from collections.abc import AsyncIterator

import pytest

from tollgate.cli.app import run
from tollgate.cli.errors import BadInputError, CheckFailedError, RefusedError, failure_from_text, failure_of
from tollgate.cli.output import Document, write_json_stream


def test_failure_of_our_own_errors_has_their_status() -> None:
    assert failure_of(BadInputError("wrong", "mend")).exit_code == 2
    refused = failure_of(RefusedError("no", "do\nthis"))
    assert (refused.exit_code, refused.line, refused.shown) == (1, "error: no; do this", False)
    assert failure_of(CheckFailedError("bad", "")).line == "error: bad"
    assert failure_of(CheckFailedError("bad", "")).shown


@pytest.mark.parametrize(
    ("text", "error", "hint"),
    [
        ("no store; run init", "no store", "run init"),
        ("a; b; c", "a; b", "c"),
        ("host:port is away", "host:port is away", "otherwise"),
        ("ARI says: not now", "ARI says: not now", "otherwise"),
        ("two\nlines\x1b[31m", "two lines [31m", "otherwise"),
    ],
)
def test_failure_from_a_message_takes_its_mend_as_hint(text: str, error: str, hint: str) -> None:
    failure = failure_from_text(text, 1, "otherwise")
    assert (failure.error, failure.hint) == (error, hint)


@pytest.mark.parametrize("count", [0, 1, 3])
async def test_a_streamed_document_is_one_document(count: int) -> None:
    async def items() -> AsyncIterator[Document]:
        for number in range(count):
            yield {"n": number, "text": 'é"\n'}

    file = io.StringIO()
    await write_json_stream({"head": {"a": [1]}}, "items", items(), file, lambda: {"tail": {"n": count}})
    expected = [{"n": number, "text": 'é"\n'} for number in range(count)]
    assert json.loads(file.getvalue()) == {"head": {"a": [1]}, "items": expected, "tail": {"n": count}}


class Screen(io.StringIO):
    """A terminal."""

    def isatty(self) -> bool:
        """Say so."""
        return True


def reported(monkeypatch: pytest.MonkeyPatch, *arguments: str, kind: type[io.StringIO]) -> tuple[str, str]:
    """Run a command that must fail; return what is on stdout and stderr."""
    out, err = kind(), kind()
    monkeypatch.setattr("sys.stdout", out)
    monkeypatch.setattr("sys.stderr", err)
    assert run(list(arguments)) == 2
    return out.getvalue(), err.getvalue()


def test_error_is_one_line_on_stderr_for_people(monkeypatch: pytest.MonkeyPatch) -> None:
    out, err = reported(monkeypatch, "nosuch", kind=io.StringIO)
    assert (out, err) == ("", "error: No such command 'nosuch'; see `tollgate --help`\n")


def test_error_for_a_program_is_its_document_too(monkeypatch: pytest.MonkeyPatch) -> None:
    out, err = reported(monkeypatch, "nosuch", "--json", kind=io.StringIO)
    assert out == err
    assert json.loads(out) == {"error": "No such command 'nosuch'", "hint": "see `tollgate --help`"}


def test_error_object_is_on_a_terminal_once(monkeypatch: pytest.MonkeyPatch) -> None:
    out, err = reported(monkeypatch, "nosuch", "--json", kind=Screen)
    assert (out, json.loads(err)["hint"]) == ("", "see `tollgate --help`")
