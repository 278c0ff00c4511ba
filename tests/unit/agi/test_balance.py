"""The balance by phone: who is told, and what; nobody by a claim alone."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agi import balance as balance_module
from agi.amount import currency_decimals, said_amount
from agi.balance import MOST_AT_ONCE, AsteriskAwayError, BalanceQuestion
from agi.connection import AgiConnection
from agi.outcome import Outcome
from agi.request import Request
from store.errors import StoreUnavailableError
from store.records import Account
from tests.unit.ari_app.office import ACCOUNT, catalog

CHANNEL_ID, CHANNEL = "1793610000.31", "PJSIP/101-0000001f"
ASKED = Request(path="balance", channel=CHANNEL, channel_id=CHANNEL_ID)
RICH = replace(ACCOUNT, available_micros=10_129_999)


@dataclass
class Desk:
    """An Asterisk with one channel, a store with one account, and what was set."""

    channels: dict[str, str] = field(default_factory=lambda: {CHANNEL_ID: CHANNEL})
    account: Account | None = RICH
    fault: Exception | None = None
    hangs: bool = False
    asking: int = 0
    most_asking: int = 0
    variables: dict[str, str] = field(default_factory=dict)

    async def set_variables(self, variables: Mapping[str, str]) -> None:
        """Take note."""
        self.variables |= variables

    async def name_of(self, channel_id: str) -> str | None:
        """Say what a channel is called."""
        self.asking += 1
        self.most_asking = max(self.asking, self.most_asking)
        await asyncio.sleep(60 if self.hangs else 0)
        self.asking -= 1
        if isinstance(self.fault, AsteriskAwayError):
            raise self.fault
        return self.channels.get(channel_id)

    async def account_by_id(self, account_id: int) -> Account | None:
        """Read the account."""
        if self.fault is not None:
            raise self.fault
        assert account_id == ACCOUNT.id
        return self.account

    def question(self) -> BalanceQuestion:
        """Return what answers here."""
        return BalanceQuestion(payer_at=catalog().payer_at, account=self.account_by_id, channel_name=self.name_of)

    async def answer(self, request: Request = ASKED, question: BalanceQuestion | None = None) -> Outcome:
        """Have a request answered."""
        return await (question or self.question())(request, cast("AgiConnection", self))


async def test_extension_is_told_what_its_account_has_available() -> None:
    desk = Desk()
    assert await desk.answer() is Outcome.HANDLED
    assert list(desk.variables.items()) == [
        ("TG_BALANCE_MICROS", "10129999"),
        ("TG_BALANCE", "10.12"),
        ("TG_CURRENCY", "EUR"),
        ("TG_BALANCE_STATUS", "OK"),
    ]


@pytest.mark.parametrize(
    "asked",
    [
        replace(ASKED, channel="PJSIP/carrier1-0000001f"),
        replace(ASKED, channel="Local/101@phones-0000001f;1"),
        replace(ASKED, channel="PJSIP/101"),
        replace(ASKED, channel="101"),
        replace(ASKED, channel="PJSIP/102-00000020"),
        replace(ASKED, channel_id="1793610000.99"),
        replace(ASKED, channel_id=CHANNEL),
        replace(ASKED, channel_id="1\r\nAction: x"),
        replace(ASKED, channel_id=""),
    ],
    ids=["carrier", "local", "endpoint", "number", "another", "other id", "name for id", "line break", "no id"],
)
async def test_who_is_no_extension_or_another_is_told_nothing(asked: Request) -> None:
    desk = Desk(channels={CHANNEL_ID: CHANNEL, CHANNEL: CHANNEL})
    assert await desk.answer(asked) is Outcome.UNKNOWN_EXTENSION
    assert desk.variables == {"TG_BALANCE_STATUS": "UNKNOWN"}


async def test_account_that_was_deleted_is_unknown() -> None:
    desk = Desk(account=None)
    assert await desk.answer() is Outcome.UNKNOWN_EXTENSION
    assert desk.variables == {"TG_BALANCE_STATUS": "UNKNOWN"}


@pytest.mark.parametrize("fault", [StoreUnavailableError("gone"), AsteriskAwayError("gone"), TimeoutError()])
async def test_where_store_or_asterisk_do_not_tell_it_is_unavailable(fault: Exception) -> None:
    desk = Desk(fault=fault)
    assert await desk.answer() is Outcome.UNAVAILABLE
    assert desk.variables == {"TG_BALANCE_STATUS": "UNAVAILABLE"}


async def test_where_asterisk_hangs_it_is_unavailable_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(balance_module, "LOOK_LIMIT_S", 0.01)
    desk = Desk(hangs=True)
    assert await desk.answer() is Outcome.UNAVAILABLE
    assert desk.variables == {"TG_BALANCE_STATUS": "UNAVAILABLE"}


async def test_crowd_of_callers_asks_store_and_asterisk_a_few_at_a_time() -> None:
    desk = Desk()
    question = desk.question()
    outcomes = await asyncio.gather(*(desk.answer(question=question) for _ in range(100)))
    assert set(outcomes) == {Outcome.HANDLED}
    assert desk.most_asking == MOST_AT_ONCE


@pytest.mark.parametrize(
    ("micros", "currency", "said"),
    [
        (0, "EUR", "0.00"),
        (9_999, "EUR", "0.00"),
        (10_000, "EUR", "0.01"),
        (10_129_999, "EUR", "10.12"),
        (1_000_000_000_000, "USD", "1000000.00"),
        (1_999_999, "JPY", "1"),
        (1_234_999, "KWD", "1.234"),
        (50_000, "XAF", "0"),
    ],
)
def test_amount_is_said_in_the_decimals_of_its_currency_rounded_down(micros: int, currency: str, said: str) -> None:
    assert said_amount(micros, currency) == said


@given(st.integers(0, 10**18), st.sampled_from(["EUR", "JPY", "KWD"]))
def test_nobody_is_told_of_more_than_there_is_nor_of_much_less(micros: int, currency: str) -> None:
    units, _, minor = said_amount(micros, currency).partition(".")
    decimals = currency_decimals(currency)
    assert len(minor) == decimals
    told_micros = int(units + minor) * 10 ** (6 - decimals)
    assert 0 <= micros - told_micros < 10 ** (6 - decimals)
