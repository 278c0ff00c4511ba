"""Passwords and tokens."""

import asyncio
import threading

import pytest
from argon2 import PasswordHasher, extract_parameters
from argon2.low_level import Type

from web import password_check
from web.outcome import Outcome, RefusedError
from web.password_check import MOST_WAITING, PasswordCheck
from web.passwords import _NOBODYS, hash_password, is_password, password_fault, random_password
from web.tokens import form_token, is_form_token, is_token, new_token, token_hash


def test_password_is_known_by_its_hash_and_no_other_is() -> None:
    password_hash = hash_password("correct horse battery")
    assert password_hash.startswith("$argon2id$")
    assert is_password("correct horse battery", password_hash)
    assert not is_password("correct horse batterz", password_hash)
    assert hash_password("correct horse battery") != password_hash


def test_accents_are_the_same_however_a_keyboard_composes_them() -> None:
    assert is_password("e\u0301te\u0301 \u00e0 la mer", hash_password("\u00e9t\u00e9 a\u0300 la mer"))


@pytest.mark.parametrize("broken", ["", "x", "$argon2id$v=19$m=19456,t=2,p=1$c2FsdA", "$argon2id$" + "x" * 300])
def test_hash_that_cannot_be_read_is_nobodys(broken: str) -> None:
    assert not is_password("correct horse battery", broken)


def test_nobodys_hash_costs_what_a_users_costs() -> None:
    nobodys, users = extract_parameters(_NOBODYS), extract_parameters(hash_password("x" * 12))
    assert nobodys == users
    assert users.type is Type.ID
    assert not is_password("", None)
    with pytest.raises(Exception, match="does not match"):  # it is one that is compared, not one that cannot be read
        PasswordHasher().verify(_NOBODYS, "x")


@pytest.mark.parametrize(
    ("password", "is_taken"), [("x" * 11, False), ("x" * 12, True), ("x" * 256, True), ("x" * 257, False), ("", False)]
)
def test_length_is_all_that_is_asked_of_a_password(password: str, is_taken: bool) -> None:
    assert (password_fault(password) is None) is is_taken


def test_random_password_can_be_used_and_is_nobody_elses() -> None:
    assert password_fault(random_password()) is None
    assert random_password() != random_password()


def test_token_is_read_back_and_nothing_else_is() -> None:
    token = new_token()
    assert is_token(token)
    assert new_token() != token
    for other in ("", token[:-1], token + "x", token[:-1] + "\u00e9", token[:-1] + "\n", "x" * 10_000):
        assert not is_token(other)
    assert len(token_hash(token)) == 64
    assert token not in token_hash(token)


def test_form_token_is_of_one_token_alone() -> None:
    token, other = new_token(), new_token()
    assert is_form_token(form_token(token), token)
    assert not is_form_token(form_token(other), token)
    assert not is_form_token("", token)
    assert not is_form_token("\u00e9", token)


async def test_attempts_are_compared_one_at_a_time_and_few_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    at_once, most, go = 0, 0, threading.Event()

    def slow(_password: str, _hash: str | None) -> bool:
        nonlocal at_once, most
        at_once += 1
        most = max(most, at_once)
        go.wait(30)
        at_once -= 1
        return True

    monkeypatch.setattr(password_check, "is_password", slow)
    check = PasswordCheck()
    waiting = [asyncio.create_task(check.is_password("x", None)) for _ in range(MOST_WAITING)]
    await asyncio.sleep(0)
    with pytest.raises(RefusedError) as refused:
        await check.is_password("x", None)
    assert refused.value.outcome is Outcome.BUSY
    waiting[-1].cancel()
    await asyncio.wait(waiting[-1:])
    waiting[-1] = asyncio.create_task(check.is_password("x", None))
    go.set()
    assert await asyncio.gather(*waiting) == [True] * MOST_WAITING
    assert most == 1
    assert await check.is_password("x", None)
    check.close()
