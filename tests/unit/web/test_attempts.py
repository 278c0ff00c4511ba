"""Failed attempts to sign in: limited for a name and from an address, remembered within bounds."""

import pytest

from web import attempts as attempts_module
from web.attempts import MOST_OF_A_NAME, MOST_OF_AN_ADDRESS, WINDOW_S, Attempts


class Steady:
    """A clock that stands until it is put forward."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def steady() -> Steady:
    return Steady()


@pytest.fixture
def attempts(steady: Steady) -> Attempts:
    return Attempts(steady)


def test_name_that_failed_too_often_waits_wherever_it_comes_from(attempts: Attempts, steady: Steady) -> None:
    for number in range(MOST_OF_A_NAME):
        assert attempts.begin("anna", f"192.0.2.{number}") == 0
        steady.now_s += 1
    assert attempts.begin("anna", "198.51.100.1") == WINDOW_S - MOST_OF_A_NAME
    assert attempts.begin("zoe", "198.51.100.1") == 0
    steady.now_s += WINDOW_S - MOST_OF_A_NAME
    assert attempts.begin("anna", "198.51.100.1") == 0
    assert attempts.begin("anna", "198.51.100.1") == 1


def test_address_that_failed_too_often_waits_whatever_name_it_tries(attempts: Attempts) -> None:
    for number in range(MOST_OF_AN_ADDRESS):
        assert attempts.begin(f"name{number}", "192.0.2.1") == 0
    assert attempts.begin("anna", "192.0.2.1") == WINDOW_S
    assert attempts.begin("anna", "192.0.2.2") == 0


def test_attempts_that_are_refused_do_not_lengthen_the_wait(attempts: Attempts, steady: Steady) -> None:
    for _ in range(MOST_OF_A_NAME):
        attempts.begin("anna", "192.0.2.1")
    for _ in range(100):
        attempts.begin("anna", "192.0.2.1")
    steady.now_s += WINDOW_S
    assert attempts.begin("anna", "192.0.2.1") == 0


def test_success_forgets_what_failed_for_the_name_and_itself_from_the_address(attempts: Attempts) -> None:
    for _ in range(MOST_OF_A_NAME - 1):
        attempts.begin("anna", "192.0.2.1")
    assert attempts.begin("anna", "192.0.2.1") == 0
    attempts.succeeded("anna", "192.0.2.1")
    assert attempts.begin("anna", "192.0.2.9") == 0
    for number in range(MOST_OF_AN_ADDRESS - MOST_OF_A_NAME + 1):
        assert attempts.begin(f"name{number}", "192.0.2.1") == 0
    assert attempts.begin("last", "192.0.2.1") > 0


def test_attempts_at_once_are_counted_before_they_fail(attempts: Attempts) -> None:
    assert [attempts.begin("anna", f"192.0.2.{n}") for n in range(MOST_OF_A_NAME + 1)].count(0) == MOST_OF_A_NAME


def test_ipv6_counts_by_network_and_mapped_ipv4_by_address(attempts: Attempts) -> None:
    for number in range(MOST_OF_AN_ADDRESS):
        attempts.begin(f"a{number}", f"2001:db8:0:1::{number:x}")
        attempts.begin(f"b{number}", f"::ffff:192.0.2.{number}")
    assert attempts.begin("anna", "2001:db8:0:1:ffff::1") > 0
    assert attempts.begin("anna", "2001:db8:0:2::1") == 0
    assert attempts.begin("anna", "::ffff:192.0.2.1") == 0


def test_what_is_remembered_is_bounded_and_the_oldest_goes(attempts: Attempts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attempts_module, "MOST_REMEMBERED", 20)
    for number in range(1000):
        attempts.begin(f"name{number}", f"no address {number}")
    assert len(attempts._failed) == 20
    assert ("name", "name999") in attempts._failed
