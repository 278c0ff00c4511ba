"""``user``: who may use the portal; and the first one, whom ``init`` adds."""

import asyncio
import io
import sys
from pathlib import Path

import pytest

from store.store import Store
from store.user_sessions import begin_session
from tests.integration.cli.terminal import Terminal
from web.passwords import is_password

PASSWORD = "correct horse battery"


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is typed where a password is asked for, in this order; asking for more finds the end of the input."""
    lines: list[str] = []

    def answer(_prompt: str) -> str:
        if not lines:
            raise EOFError
        return lines.pop(0)

    monkeypatch.setattr("getpass.getpass", answer)
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    return lines


def pipe(monkeypatch: pytest.MonkeyPatch, text: bytes) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text), encoding="utf-8"))


def has_password(tmp_path: Path, name: str, password: str) -> bool:
    async def ask() -> bool:
        async with await Store.open(f"sqlite:///{tmp_path}/tollgate.db") as store:
            found = await store.credentials(name)
            return found is not None and is_password(password, found.password_hash)

    return asyncio.run(ask())


def sign_in(tmp_path: Path, name: str) -> bool:
    """Begin a session as the portal does, or find that it is refused."""

    async def begin() -> bool:
        async with await Store.open(f"sqlite:///{tmp_path}/tollgate.db") as store:
            found = await store.credentials(name)
            assert found is not None
            return await store.apply(
                begin_session(name=name, verified_hash=found.password_hash, token_hash=name, at_ms=1000)
            )

    return asyncio.run(begin())


def is_signed_in(tmp_path: Path, name: str) -> bool:
    async def ask() -> bool:
        async with await Store.open(f"sqlite:///{tmp_path}/tollgate.db") as store:
            return await store.portal_session(name, 1001) is not None

    return asyncio.run(ask())


def test_init_adds_an_administrator_whose_password_is_shown_once(terminal: Terminal, tmp_path: Path) -> None:
    administrator = terminal.json("init")["administrator"]
    assert administrator["name"] == "admin"
    assert has_password(tmp_path, "admin", administrator["password"])
    [user] = terminal.json("user", "list")["users"]
    assert (user["user"], user["role"], user["disabled"]) == ("admin", "admin", False)
    for file in ("tollgate.toml", "tollgate.db"):
        assert administrator["password"].encode() not in Path(file).read_bytes()


def test_init_says_the_password_in_words(terminal: Terminal, tmp_path: Path) -> None:
    [line] = [line for line in terminal.done("init").out.splitlines() if line.startswith("portal ")]
    assert has_password(tmp_path, "admin", line.partition("password ")[2].split()[0])


def test_user_is_added_with_a_password_that_is_typed_twice(office: Terminal, typed: list[str], tmp_path: Path) -> None:
    typed += [PASSWORD, PASSWORD]
    document = office.json("user", "add", "Anna", "--role", "manager")
    assert {name: document[name] for name in ("user", "role", "disabled")} == {
        "user": "anna",
        "role": "manager",
        "disabled": False,
    }
    assert document["created_at"].endswith(("+01:00", "+02:00"))
    assert has_password(tmp_path, "anna", PASSWORD)
    assert "anna" in office.done("user", "list").out


def test_user_is_added_by_a_program(office: Terminal, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pipe(monkeypatch, f"{PASSWORD}\r\nmore\n".encode())
    assert office.json("user", "add", "anna", "--password-stdin")["role"] == "viewer"
    assert has_password(tmp_path, "anna", PASSWORD)


@pytest.mark.parametrize("name", ["", " ", "-x", "a b", "x" * 64, "ann\u00e9", "a\nb", "<b>"])
def test_name_that_cannot_be_typed_anywhere_is_refused(office: Terminal, typed: list[str], name: str) -> None:
    assert "error: " in office.fails(2, "user", "add", "--", name)
    assert len(office.json("user", "list")["users"]) == 1


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (["short", "short"], "12 characters at least"),
        (["x" * 257, "x" * 257], "256 characters at most"),
        ([PASSWORD, PASSWORD + "x"], "the two passwords differ"),
        ([], "no password was typed"),
    ],
)
def test_password_that_cannot_be_used_changes_nothing(
    office: Terminal, typed: list[str], lines: list[str], said: str
) -> None:
    typed += lines
    assert said in office.fails(2, "user", "add", "anna")
    assert len(office.json("user", "list")["users"]) == 1


def test_password_is_not_asked_for_where_there_is_no_terminal(
    office: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipe(monkeypatch, b"")
    assert "--password-stdin" in office.fails(2, "user", "add", "anna")
    assert "12 characters" in office.fails(2, "user", "add", "anna", "--password-stdin")
    pipe(monkeypatch, b"\xff\xfe\xff\xfe and more than enough\n")
    assert "no text" in office.fails(2, "user", "add", "anna", "--password-stdin")


def test_name_is_taken_once(office: Terminal, typed: list[str]) -> None:
    typed += [PASSWORD, PASSWORD]
    assert "there is a user admin already" in office.fails(1, "user", "add", "ADMIN")


def test_disabled_user_is_signed_out_and_stays_out_until_enabled(office: Terminal, tmp_path: Path) -> None:
    assert sign_in(tmp_path, "admin")
    assert office.json("user", "disable", "admin")["disabled"] is True
    assert not is_signed_in(tmp_path, "admin")
    assert not sign_in(tmp_path, "admin")
    assert "disabled" in office.done("user", "list").out
    assert office.json("user", "enable", "Admin")["disabled"] is False
    assert sign_in(tmp_path, "admin")


def test_new_password_signs_the_user_out(office: Terminal, typed: list[str], tmp_path: Path) -> None:
    assert sign_in(tmp_path, "admin")
    typed += [PASSWORD, PASSWORD]
    assert "is signed out" in office.done("user", "password", "admin").out
    assert not is_signed_in(tmp_path, "admin")
    assert has_password(tmp_path, "admin", PASSWORD)


@pytest.mark.parametrize("command", ["disable", "enable", "password"])
def test_change_of_nobody_is_refused(office: Terminal, typed: list[str], command: str) -> None:
    typed += [PASSWORD, PASSWORD]
    assert office.fails(1, "user", command, "nobody") == (
        "error: there is no user nobody; `tollgate user list` shows them\n"
    )


def test_role_that_there_is_not_is_bad_usage(office: Terminal) -> None:
    assert "admin" in office.fails(2, "user", "add", "anna", "--role", "boss")
