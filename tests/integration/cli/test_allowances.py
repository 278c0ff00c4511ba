"""Allowances at the command line: what a plan gives, what is left, and what a call would use of it."""

from decimal import Decimal
from pathlib import Path

import pytest

from tests.integration.cli.terminal import Terminal

PLAN = """
name = "minutes"
title = "Minutes"
home_region = "FR"
deck = "example"

[[allowance]]
name = "domestic"
minutes = 1
per = "seat"

[[allowance.covers]]
regions = ["FR"]
types = ["fixed"]
"""
NUMBER = "0142685300"


@pytest.fixture
def minutes(office: Terminal) -> Terminal:
    """An office of two extensions under a plan of a minute each, with 10 EUR."""
    Path("minutes.toml").write_text(PLAN)
    office.done("plan", "import", "minutes.toml")
    office.done("account", "set", "main", "--plan", "minutes")
    office.done("extension", "add", "101")
    office.done("extension", "add", "102")
    office.done("funds", "add", "10.00", "--reference", "r1")
    return office


def test_account_shows_what_is_left_of_each_pool(minutes: Terminal) -> None:
    [pool] = minutes.json("account", "show")["allowances"]
    assert (pool["plan"], pool["allowance"], pool["per"], pool["extension"]) == ("minutes", "domestic", "seat", None)
    assert (pool["limit_s"], pool["used_s"], pool["held_s"], pool["left_s"]) == (120, 0, 0, 120)
    assert "domestic" in minutes.done("account", "show").out


def test_months_begin_on_the_account_s_own_day(minutes: Terminal) -> None:
    assert minutes.json("account", "set", "main", "--month-day", "31")["month_day"] == 31
    [pool] = minutes.json("account", "show")["allowances"]
    begins, ends = (pool[name][8:10] for name in ("from", "to"))
    assert int(begins) >= 28
    assert int(ends) >= 28
    minutes.fails(2, "account", "set", "main", "--month-day", "32")
    minutes.fails(2, "account", "set", "main")


def test_quote_uses_the_allowance_then_the_account(minutes: Terminal) -> None:
    document = minutes.json("quote", NUMBER, "--duration", "150", "--at", "2026-11-10T12:00", "--extension", "101")
    assert document["class"] == "national"
    assert document["allowance"] == {"name": "domestic", "minutes": 1, "per": "seat", "left_s": 120}
    assert document["funded_by"] == ["allowance", "account"]
    assert (document["allowance_s"], document["billable_s"]) == (120, 150)
    per_minute = Decimal(document["rate"]["per_minute"])
    assert Decimal(document["charge"]) == per_minute / 2
    assert "120 s of the allowance are left this month." in document["steps"]


def test_quote_at_the_end_of_a_month_goes_on_with_the_next_one(minutes: Terminal) -> None:
    # 40 s of November, then December's two minutes.
    document = minutes.json("quote", NUMBER, "--duration", "170", "--at", "2026-11-30T23:59:20")
    assert (document["allowance_s"], document["billable_s"]) == (160, 170)


@pytest.mark.parametrize(("duration", "allowance_s"), [("0", 1), ("1", 1), ("120", 120)])
def test_quote_of_a_call_that_the_allowance_pays(minutes: Terminal, duration: str, allowance_s: int) -> None:
    document = minutes.json("quote", NUMBER, "--duration", duration, "--at", "2026-11-10T12:00")
    assert (document["allowance_s"], document["billable_s"]) == (allowance_s, allowance_s)
    assert Decimal(document["charge"]) == 0


def test_quote_without_prepaid_ends_with_the_allowance(minutes: Terminal) -> None:
    minutes.done("extension", "set", "101", "--prepaid", "off")
    document = minutes.json("quote", NUMBER, "--extension", "101", "--at", "2026-11-10T12:00")
    assert (document["admitted"], document["max_duration_s"], document["rate"]) == (True, 120, None)
    assert document["funded_by"] == ["allowance"]


def test_quote_holds_what_the_settings_say(office: Terminal) -> None:
    office.done("funds", "add", "0.20", "--reference", "r1")
    assert office.json("quote", "00447797123456")["admitted"]
    settings = Path("tollgate.toml")
    settings.write_text(settings.read_text() + "\n[metering]\nfirst_slice_s = 120\n")
    answer = office("quote", "00447797123456", "--json")
    assert (answer.status, answer.document["deny_reason"]) == (1, "no_funds")


def test_plan_shows_its_allowances(minutes: Terminal) -> None:
    [allowance] = minutes.json("plan", "show", "minutes")["allowances"]
    assert allowance == {
        "name": "domestic",
        "minutes": 1,
        "per": "seat",
        "covers": [{"region": "FR", "type": "fixed"}],
    }


@pytest.mark.parametrize("language", ["en", "es", "fr"])
def test_quote_explains_itself_in_three_languages(minutes: Terminal, language: str) -> None:
    steps = minutes.json("quote", NUMBER, "--duration", "150", "--language", language)["steps"]
    assert any({"en": "allowance", "es": "bolsa", "fr": "quota"}[language] in step for step in steps)
    minutes.done("extension", "set", "102", "--language", language)
    assert minutes.json("quote", NUMBER, "--duration", "150", "--extension", "102")["steps"][:2] == steps[:2]
