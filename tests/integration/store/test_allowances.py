"""Allowances in the ledger: seconds before money, a pool that several calls share, months, and the proof of it."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from rating.deck import PricedHours, Rate
from rating.hours import parse_hours
from rating.price import charge_micros
from store.allowances import AllowanceRequest
from store.answers import Denied, Granted, Held, Settled
from store.cdr_rows import from_ms
from store.errors import ChargeExceedsHoldError, KeyConflictError
from store.records import AllowanceUse
from store.renewal import renew_slice
from store.sessions import open_session
from store.settlement import settle_leg
from store.verify import Check
from tests.integration.store.conftest import ONLY_SQLITE
from tests.integration.store.office import EUR, PER_SECOND, T0_MS, Office, make_cdr, open_office
from tests.sqlite import url_of

NOVEMBER, DECEMBER = "2026-11-01", "2026-12-01"
MINUTES = AllowanceRequest(plan="minutes", allowance="domestic", extension="", month=NOVEMBER, limit_s=60, want_s=10)


@dataclass
class Calls:
    """Calls that an allowance pays for first."""

    office: Office

    async def open(
        self, call_id: str, request: AllowanceRequest | None = MINUTES, *, held_micros: int = 100_000, paid_s: int = 10
    ) -> Held | Denied:
        return await self.office.store.apply(
            open_session(
                call_id=call_id,
                node="pbx1",
                account_id=self.office.account_id,
                extension="101",
                held_micros=held_micros,
                paid_s=paid_s,
                per_minute_micros=600_000 if held_micros else 0,
                state='{"phase":"held"}',
                at_ms=T0_MS,
                allowance=request,
            )
        )

    async def renew(
        self,
        call_id: str,
        n: int,
        *,
        want_s: int,
        paid_until_s: int,
        rate: Rate | None = PER_SECOND,
        request: AllowanceRequest | None = MINUTES,
    ) -> Granted | Denied:
        return await self.office.store.apply(
            renew_slice(
                call_id=call_id,
                n=n,
                rate=rate,
                want_s=want_s,
                paid_until_ms=T0_MS + paid_until_s * 1000,
                state='{"phase":"talking"}',
                at_ms=T0_MS + (paid_until_s - 5) * 1000,
                allowance=None if request is None else replace(request, want_s=want_s),
                answered_at=from_ms(T0_MS).astimezone(ZoneInfo("Europe/Paris")),
            )
        )

    async def settle(self, call_id: str, allowance_s: int, charged_s: int = 0, *, close: bool = True) -> Settled:
        cdr = make_cdr(call_id, account_id=self.office.account_id, charged_micros=charged_s * 10_000)
        cdr = replace(cdr, billable_s=allowance_s + charged_s, allowance_s=allowance_s)
        return await self.office.store.apply(settle_leg(cdr=cdr, close=close, at_ms=T0_MS + 60_000))

    async def pools(self, month: str = NOVEMBER) -> list[tuple[str, int, int]]:
        uses = await self.office.store.allowance_uses(self.office.account_id, month)
        return [(use.extension, use.used_s, use.held_s) for use in uses]


@pytest.fixture
async def calls(database: str) -> AsyncIterator[Calls]:
    """An account with 1.00 EUR and an allowance of a minute."""
    async with open_office(database, funds_micros=EUR) as office:
        yield Calls(office)


async def test_first_slice_is_the_allowances_and_holds_no_money(calls: Calls) -> None:
    assert await calls.open("a") == Held(0, 10, 10)
    assert await calls.office.money() == (EUR, 0)
    assert await calls.pools() == [("", 0, 10)]
    assert await calls.settle("a", 4) == Settled(0, 0, 0, 0)
    assert await calls.pools() == [("", 4, 0)]


async def test_money_is_held_for_what_the_allowance_lacks(calls: Calls) -> None:
    assert await calls.open("a", replace(MINUTES, limit_s=4)) == Held(100_000, 14, 4)
    assert await calls.pools() == [("", 0, 4)]
    assert await calls.office.money() == (EUR - 100_000, 100_000)
    assert await calls.settle("a", 4, charged_s=3) == Settled(30_000, 70_000, 0, 0)
    assert await calls.office.money() == (EUR - 30_000, 0)


async def test_allowance_alone_lets_a_call_begin_that_has_no_money(calls: Calls) -> None:
    few = replace(MINUTES, limit_s=4)
    assert await calls.open("a", few, held_micros=2 * EUR, paid_s=200) == Held(0, 4, 4)
    assert await calls.open("b", few, held_micros=2 * EUR, paid_s=200) == Denied(EUR)


async def test_allowance_that_no_money_may_follow(calls: Calls) -> None:
    few = replace(MINUTES, limit_s=4)
    assert await calls.open("a", few, held_micros=0, paid_s=0) == Held(0, 4, 4)
    assert isinstance(await calls.renew("a", 2, want_s=60, paid_until_s=4, rate=None, request=few), Denied)
    assert await calls.open("b", few, held_micros=0, paid_s=0) == Denied(EUR)
    assert await calls.office.store.open_sessions() != []


async def test_call_that_costs_nothing_after_the_allowance_goes_on(calls: Calls) -> None:
    assert await calls.open("a", replace(MINUTES, limit_s=4), held_micros=0, paid_s=10) == Held(0, 14, 4)


async def test_call_goes_on_with_money_where_the_allowance_ends(calls: Calls) -> None:
    await calls.open("a")
    assert await calls.renew("a", 2, want_s=40, paid_until_s=10) == Granted(2, 50, 0, 50)
    # 10 s are left; the other 30 are money's.
    assert await calls.renew("a", 3, want_s=40, paid_until_s=50) == Granted(3, 90, 300_000, 60)
    # Money has begun: seconds that come back to the pool are for other calls.
    await calls.open("b", replace(MINUTES, limit_s=100))
    await calls.settle("b", 1)
    more = replace(MINUTES, limit_s=100)
    assert await calls.renew("a", 4, want_s=20, paid_until_s=90, request=more) == Granted(4, 110, 500_000, 60)
    assert await calls.settle("a", 60, charged_s=42) == Settled(420_000, 80_000, 0, 0)
    assert await calls.pools() == [("", 61, 0)]


async def test_money_that_follows_is_priced_by_the_moment_it_starts(calls: Calls) -> None:
    night = Rate(
        prefix="447797",
        destination="Jersey mobile",
        per_minute_micros=600_000,
        initial_increment_s=1,
        increment_s=1,
        periods=(PricedHours("morning", parse_hours("mon 10:01-24:00"), 60_000),),
    )
    # Answered on a Monday at 10:00:00 in Paris; 60 s of allowance first, so that all money falls into the cheap hours.
    await calls.open("a", replace(MINUTES, want_s=60))
    granted = await calls.renew("a", 2, want_s=30, paid_until_s=60, rate=night)
    assert granted == Granted(2, 90, 30_000, 60)
    starts_at = (from_ms(T0_MS) + timedelta(seconds=60)).astimezone(ZoneInfo("Europe/Paris"))
    assert charge_micros(night, 30, starts_at) == 30_000


async def test_two_calls_never_spend_a_second_twice(calls: Calls) -> None:
    answers = await asyncio.gather(*(calls.open(f"call{n}", replace(MINUTES, want_s=25)) for n in range(4)))
    held = [answer for answer in answers if isinstance(answer, Held)]
    assert sorted(answer.allowance_s for answer in held) == [0, 10, 25, 25]
    assert await calls.pools() == [("", 0, 60)]


async def test_what_a_call_gives_back_another_may_use(calls: Calls) -> None:
    await calls.open("a", replace(MINUTES, want_s=60))
    assert await calls.open("b") == Held(100_000, 10, 0)
    await calls.settle("a", 15)
    assert await calls.open("c", replace(MINUTES, want_s=60)) == Held(100_000, 55, 45)


async def test_each_month_and_each_owner_has_a_pool_of_its_own(calls: Calls) -> None:
    await calls.open("a", replace(MINUTES, want_s=60))
    # The call goes on in December, whose minutes are untouched.
    december = replace(MINUTES, month=DECEMBER)
    assert await calls.renew("a", 2, want_s=60, paid_until_s=60, request=december) == Granted(2, 120, 0, 120)
    own = replace(MINUTES, extension="101", want_s=60)
    assert await calls.open("b", own) == Held(0, 60, 60)
    assert await calls.pools() == [("", 0, 60), ("101", 0, 60)]
    # Used in order: the first minute is November's.
    await calls.settle("a", 61)
    await calls.settle("b", 60)
    assert await calls.pools() == [("", 60, 0), ("101", 60, 0)]
    assert await calls.pools(DECEMBER) == [("", 1, 0)]
    assert await calls.office.store.allowance_uses(1, DECEMBER) == [
        AllowanceUse(plan="minutes", allowance="domestic", extension="", month=DECEMBER, used_s=1, held_s=0)
    ]


async def test_repeated_requests_take_nothing_twice(calls: Calls) -> None:
    first = await calls.open("a")
    assert await calls.open("a") == first
    second = await calls.renew("a", 2, want_s=20, paid_until_s=10)
    assert await calls.renew("a", 2, want_s=20, paid_until_s=10) == second
    assert await calls.pools() == [("", 0, 30)]
    with pytest.raises(KeyConflictError):
        await calls.renew("a", 2, want_s=20, paid_until_s=10, request=replace(MINUTES, limit_s=61))
    await calls.settle("a", 30)
    await calls.settle("a", 30)
    assert await calls.pools() == [("", 30, 0)]


async def test_second_leg_leaves_the_end_of_the_talking_one_as_it_is_known(calls: Calls) -> None:
    await calls.open("a")
    await calls.renew("a", 2, want_s=20, paid_until_s=10)
    surplus = replace(make_cdr("a", account_id=1, leg=2), billable_s=0)
    await calls.office.store.apply(settle_leg(cdr=surplus, close=False, at_ms=T0_MS))
    [session] = await calls.office.store.open_sessions()
    assert (session.paid_s, session.paid_until_ms) == (30, T0_MS + 30_000)
    await calls.settle("a", 30)


async def test_free_hour_of_a_priced_rate_is_granted_whatever_is_available(calls: Calls) -> None:
    free = replace(PER_SECOND, periods=(PricedHours("night", parse_hours("always"), 0),))
    await calls.open("a", None)
    await calls.open("b", None, held_micros=900_000, paid_s=90)
    assert await calls.office.money() == (0, EUR)
    granted = await calls.renew("a", 2, want_s=60, paid_until_s=10, rate=free, request=None)
    assert granted == Granted(2, 70, 100_000, 0)
    assert await calls.renew("a", 3, want_s=60, paid_until_s=70, rate=PER_SECOND, request=None) == Denied(0)
    await calls.settle("a", 0, charged_s=10)
    await calls.settle("b", 0, charged_s=90)


async def test_record_of_more_seconds_than_were_held_is_refused(calls: Calls) -> None:
    await calls.open("a")
    with pytest.raises(ChargeExceedsHoldError):
        await calls.settle("a", 11)
    await calls.settle("a", 10)


async def test_leg_that_ends_before_its_call_gives_the_rest_back(calls: Calls) -> None:
    await calls.open("a", replace(MINUTES, limit_s=4))
    assert await calls.settle("a", 3, charged_s=0, close=False) == Settled(0, 0, 100_000, 10)
    assert await calls.pools() == [("", 3, 0)]
    await calls.office.close("a")


async def test_seats_that_go_away_leave_nothing_but_no_debt(calls: Calls) -> None:
    await calls.open("a", replace(MINUTES, want_s=60))
    await calls.settle("a", 60)
    assert await calls.open("b", replace(MINUTES, limit_s=30)) == Held(100_000, 10, 0)


DAMAGE = {
    "a pool forgot what was used": (
        "UPDATE allowance_pool SET used_s = 0",
        {(Check.ALLOWANCE_USED, "1", 4, 0)},
    ),
    "a pool holds for nobody": (
        "UPDATE allowance_pool SET held_s = held_s + 1",
        {(Check.ALLOWANCE_HELD, "1", 10, 11)},
    ),
    "a record hides what it used": (
        "UPDATE cdr SET allowance_s = 0",
        {(Check.CALL_ALLOWANCE, "a", 4, 0), (Check.PRICE, "a", 40_000, 0)},
    ),
    "a session is lost": (
        "DELETE FROM session",
        {(Check.CALL_ALLOWANCE_HOLD, "b", 10, 0), (Check.ALLOWANCE_SLICE, "b", None, 1)},
    ),
    "a pool is lost": (
        "DELETE FROM allowance_pool",
        {(Check.ALLOWANCE_SLICE, "a", 1, None), (Check.ALLOWANCE_SLICE, "b", 1, None)},
    ),
    "a pool is another account's": (
        "UPDATE allowance_pool SET account_id = 7",
        {(Check.ALLOWANCE_SLICE, "a", 1, 7), (Check.ALLOWANCE_SLICE, "b", 1, 7)},
    ),
}


@ONLY_SQLITE
@pytest.mark.parametrize(("statement", "expected"), DAMAGE.values(), ids=DAMAGE.keys())
async def test_verify_finds_damage(
    calls: Calls, tmp_path: Path, statement: str, expected: set[tuple[Check, str, int, int]]
) -> None:
    await calls.open("a")
    await calls.settle("a", 4)
    await calls.open("b")
    path = url_of(tmp_path).removeprefix("sqlite:///")
    with sqlite3.connect(path) as connection:
        saved = list(connection.iterdump())
        connection.executescript(statement)
    found = {(each.check, each.subject, each.expected, each.found) for each in await calls.office.store.verify()}
    assert found == expected
    with sqlite3.connect(path) as connection:  # mended, for the fixture's own look
        connection.executescript(_mend(saved, statement))


def _mend(saved: list[str], statement: str) -> str:
    name = next(name for name in ("allowance_pool", "cdr", "session") if name in statement)
    inserts = [line for line in saved if line.startswith(f'INSERT INTO "{name}"')]
    return f"PRAGMA foreign_keys=OFF; DELETE FROM {name};" + "".join(inserts)
