"""Caps in the ledger: what is spent and held on a day or in a month never passes them, and they are reached exactly."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select

from rating.caps import NO_CAPS, Caps, CapScope, CapSpan, CapUse, TooManyCalls
from rating.deck import Rate
from store import schema
from store.allowances import AllowanceRequest
from store.answers import Denied, Granted, Held
from store.caps import SpendDay, Spending, SpendLimits
from store.lost_calls import charge_provisionally
from store.provisional import take_back
from store.renewal import renew_slice
from store.sessions import open_session, save_session
from store.settlement import settle_leg
from tests.integration.store.office import EUR, PER_SECOND, T0, T0_MS, Office, make_cdr, open_office

PARIS = ZoneInfo("Europe/Paris")
MONDAY = SpendDay("2026-11-02", "2026-11-01", "2026-12-01")
TUESDAY = SpendDay("2026-11-03", "2026-11-01", "2026-12-01")
MINUTES = AllowanceRequest(
    plan="minutes", allowance="domestic", extension="", month="2026-11-01", limit_s=10, want_s=10
)
MIDNIGHT = datetime(2026, 11, 3, tzinfo=PARIS).astimezone(UTC)


def capped(
    extension: Caps = NO_CAPS,
    account: Caps = NO_CAPS,
    *,
    of: str = "101",
    days: tuple[SpendDay, ...] = (MONDAY,),
    max_calls: int | None = None,
) -> Spending:
    return Spending(extension=of, days=days, limits=SpendLimits(extension, account, max_calls))


@dataclass
class Calls:
    """Calls at 10 000 micro-units a second, whose first hold is 10 s."""

    office: Office

    async def open(
        self,
        call_id: str,
        spending: Spending,
        *,
        allowance: AllowanceRequest | None = None,
        held_micros: int = 100_000,
    ) -> Held | Denied:
        return await self.office.store.apply(
            open_session(
                call_id=call_id,
                node="pbx1",
                account_id=self.office.account_id,
                extension=spending.extension,
                held_micros=held_micros,
                paid_s=10,
                per_minute_micros=600_000,
                state="{}",
                at_ms=T0_MS,
                allowance=allowance,
                spending=spending,
            )
        )

    async def answer(self, call_id: str, day: SpendDay, held_micros: int = 100_000) -> None:
        await self.office.store.apply(
            save_session(
                call_id=call_id,
                state="{}",
                at_ms=T0_MS,
                paid_until_ms=T0_MS + 10_000,
                held_by_day={day.day: held_micros},
            )
        )

    async def renew(
        self,
        call_id: str,
        n: int,
        spending: Spending,
        *,
        paid_s: int,
        want_s: int = 60,
        min_s: int = 2,
        rate: Rate = PER_SECOND,
        answered_at: datetime = T0,
    ) -> Granted | Denied:
        return await self.office.store.apply(
            renew_slice(
                call_id=call_id,
                n=n,
                rate=rate,
                want_s=want_s,
                paid_until_ms=T0_MS + paid_s * 1000,
                state="{}",
                at_ms=T0_MS + paid_s * 1000 - 5000,
                min_s=min_s,
                answered_at=answered_at.astimezone(PARIS),
                spending=spending,
            )
        )

    async def settle(self, call_id: str, seconds: int, *, answered_at: datetime = T0, extension: str = "101") -> None:
        cdr = make_cdr(
            call_id,
            account_id=self.office.account_id,
            charged_micros=seconds * 10_000,
            started_at=answered_at,
            extension=extension,
        )
        await self.office.store.apply(settle_leg(cdr=cdr, close=True, at_ms=T0_MS + 60_000))

    async def held_by_day(self) -> list[dict[str, int]]:
        _, holds = await self.office.store.spend(self.office.account_id, "0", "1")
        return [dict(hold.by_day) for hold in holds]

    async def spend(self) -> dict[tuple[str, str], int]:
        async with self.office.store._reading() as connection:
            rows = await connection.execute(select(schema.spend))
            return {(row.extension, row.day): row.spent_micros for row in rows}


@pytest.fixture
async def calls(database: str) -> AsyncIterator[Calls]:
    """Calls on an account of 100 EUR."""
    async with open_office(database, funds_micros=100 * EUR) as office:
        yield Calls(office)


async def test_first_hold_beyond_the_cap_is_denied_and_names_it(calls: Calls) -> None:
    denied = await calls.open("a", capped(Caps(daily_micros=99_999)))
    assert denied == Denied(100 * EUR, CapUse(CapScope.EXTENSION, CapSpan.DAILY, 99_999, 0))
    assert await calls.office.money() == (100 * EUR, 0)
    assert await calls.open("b", capped(Caps(daily_micros=100_000))) == Held(100_000, 10)


async def test_cap_is_reached_to_the_second_with_money_left_in_the_account(calls: Calls) -> None:
    cap = capped(Caps(daily_micros=305_000))
    await calls.open("a", cap)
    await calls.answer("a", MONDAY)
    assert await calls.renew("a", 2, cap, paid_s=10) == Granted(2, 30, 300_000)
    use = CapUse(CapScope.EXTENSION, CapSpan.DAILY, 305_000, 300_000)
    assert await calls.renew("a", 3, cap, paid_s=30) == Denied(100 * EUR - 300_000, use)
    await calls.settle("a", 30)
    assert await calls.spend() == {("101", MONDAY.day): 300_000, ("", MONDAY.day): 300_000}
    assert isinstance(await calls.open("b", cap), Denied)
    assert isinstance(await calls.open("c", capped(Caps(daily_micros=305_000), of="102")), Held)
    assert isinstance(await calls.open("d", capped(Caps(daily_micros=305_000), days=(TUESDAY,))), Held)


async def test_monthly_cap_counts_other_days(calls: Calls) -> None:
    cap = capped(Caps(monthly_micros=250_000))
    await calls.open("a", cap)
    await calls.settle("a", 10)
    await calls.open("b", replace(cap, days=(TUESDAY,)))
    await calls.settle("b", 10, answered_at=T0 + timedelta(days=1))
    denied = await calls.open("c", replace(cap, days=(TUESDAY,)))
    assert denied == Denied(100 * EUR - 200_000, CapUse(CapScope.EXTENSION, CapSpan.MONTHLY, 250_000, 200_000))
    december = SpendDay("2026-12-01", "2026-12-01", "2027-01-01")
    assert isinstance(await calls.open("d", replace(cap, days=(december,))), Held)


async def test_account_cap_counts_all_extensions(calls: Calls) -> None:
    cap = Caps(daily_micros=250_000)
    await calls.open("a", capped(account=cap))
    await calls.open("b", capped(account=cap, of="102"))
    await calls.answer("a", MONDAY)
    await calls.answer("b", MONDAY)
    denied = await calls.open("c", capped(account=cap, of="103"))
    assert isinstance(denied, Denied)
    assert denied.limit == CapUse(CapScope.ACCOUNT, CapSpan.DAILY, 250_000, 200_000)
    assert await calls.renew("a", 2, capped(account=cap), paid_s=10) == Granted(2, 12, 120_000)


async def test_calls_of_an_extension_share_what_its_cap_leaves(calls: Calls) -> None:
    cap = capped(Caps(daily_micros=EUR))
    paid_s = {"a": 10, "b": 10}
    for call_id in paid_s:
        await calls.open(call_id, cap)
        await calls.answer(call_id, MONDAY)
    await calls.open("other", capped(of="102"))
    slice_n = dict.fromkeys(paid_s, 1)
    for _ in range(8):
        for call_id, before_s in paid_s.items():
            answer = await calls.renew(call_id, slice_n[call_id] + 1, cap, paid_s=before_s)
            if isinstance(answer, Granted):
                paid_s[call_id], slice_n[call_id] = answer.paid_s, answer.n
    assert sum(paid_s.values()) == 100
    assert abs(paid_s["a"] - paid_s["b"]) <= 2


async def test_cap_that_is_raised_meanwhile_lets_the_call_go_on(calls: Calls) -> None:
    await calls.open("a", capped(Caps(daily_micros=100_000)))
    await calls.answer("a", MONDAY)
    assert isinstance(await calls.renew("a", 2, capped(Caps(daily_micros=100_000)), paid_s=10), Denied)
    assert await calls.renew("a", 2, capped(Caps(daily_micros=EUR)), paid_s=10) == Granted(2, 70, 700_000)
    denied = await calls.renew("a", 3, capped(Caps(daily_micros=500_000)), paid_s=70)
    assert isinstance(denied, Denied)
    assert denied.limit == CapUse(CapScope.EXTENSION, CapSpan.DAILY, 500_000, 700_000)


async def test_call_across_midnight_spends_of_both_days(calls: Calls) -> None:
    cap = Caps(daily_micros=200_000)
    answered_at = MIDNIGHT - timedelta(seconds=15)
    await calls.open("a", capped(cap))
    await calls.answer("a", MONDAY)
    renew = partial(calls.renew, "a", answered_at=answered_at)
    assert await renew(2, capped(cap), paid_s=10, want_s=5) == Granted(2, 15, 150_000)
    assert await renew(3, capped(cap, days=(TUESDAY,)), paid_s=15) == Granted(3, 35, 350_000)
    denied = await renew(4, capped(cap, days=(TUESDAY,)), paid_s=35)
    assert isinstance(denied, Denied)
    assert denied.limit == CapUse(CapScope.EXTENSION, CapSpan.DAILY, 200_000, 200_000)
    await calls.settle("a", 35, answered_at=answered_at)
    assert await calls.spend() == {
        ("101", MONDAY.day): 150_000,
        ("", MONDAY.day): 150_000,
        ("101", TUESDAY.day): 200_000,
        ("", TUESDAY.day): 200_000,
    }


async def test_call_that_rings_across_midnight_counts_on_both_days_until_its_answer(calls: Calls) -> None:
    cap = Caps(daily_micros=150_000)
    await calls.open("a", capped(cap, days=(MONDAY, TUESDAY)))
    for day in (MONDAY, TUESDAY):
        assert isinstance(await calls.open(f"b{day.day}", capped(cap, days=(day,))), Denied)
    await calls.answer("a", TUESDAY)
    assert isinstance(await calls.open("c", capped(cap)), Held)
    assert isinstance(await calls.open("d", capped(cap, days=(TUESDAY,))), Denied)


async def test_first_slice_across_midnight_counts_on_the_days_of_its_seconds(calls: Calls) -> None:
    """Answered 4 s before midnight: 6 s of the first slice are the new day's, whoever saved what at the answer."""
    cap = Caps(daily_micros=150_000)
    answered_at = MIDNIGHT - timedelta(seconds=4)
    await calls.open("a", capped(cap, days=(MONDAY, TUESDAY)))
    renew = partial(calls.renew, "a", answered_at=answered_at)
    assert await renew(2, capped(cap, days=(TUESDAY,)), paid_s=10) == Granted(2, 19, 190_000)
    assert await calls.held_by_day() == [{MONDAY.day: 40_000, TUESDAY.day: 150_000}]
    assert isinstance(await renew(3, capped(cap, days=(TUESDAY,)), paid_s=19), Denied)
    await calls.settle("a", 19, answered_at=answered_at)
    assert await calls.spend() == {
        ("101", MONDAY.day): 40_000,
        ("", MONDAY.day): 40_000,
        ("101", TUESDAY.day): 150_000,
        ("", TUESDAY.day): 150_000,
    }


async def test_surplus_of_yesterdays_hold_is_spent_today_and_within_the_cap(calls: Calls) -> None:
    """0.50 is held on Monday for the dearest price that there might have been; 0.40 of it pay for Tuesday's seconds."""
    cap = Caps(daily_micros=600_000)
    answered_at = MIDNIGHT - timedelta(seconds=10)
    await calls.open("a", capped(cap, days=(MONDAY, TUESDAY)), held_micros=500_000)
    total = Granted(1, 10, 500_000)
    while isinstance(
        answer := await calls.renew(
            "a", total.n + 1, capped(cap, days=(TUESDAY,)), paid_s=total.paid_s, answered_at=answered_at
        ),
        Granted,
    ):
        total = answer
    assert (total.paid_s, total.held_micros) == (70, 700_000)
    assert await calls.held_by_day() == [{MONDAY.day: 100_000, TUESDAY.day: 600_000}]
    await calls.settle("a", 70, answered_at=answered_at)
    assert (await calls.spend())["101", TUESDAY.day] == 600_000


async def test_leg_that_cost_nothing_leaves_the_hold_on_its_day(calls: Calls) -> None:
    cap = Caps(daily_micros=300_000)
    answered_at = MIDNIGHT - timedelta(seconds=10)
    await calls.open("a", capped(cap))
    await calls.answer("a", MONDAY)
    await calls.renew("a", 2, capped(cap, days=(TUESDAY,)), paid_s=10, want_s=5, answered_at=answered_at)
    before = await calls.held_by_day()
    await calls.office.settle("a", 0, close=False)
    assert await calls.held_by_day() == before == [{MONDAY.day: 100_000, TUESDAY.day: 50_000}]


async def test_leg_on_an_allowance_leaves_the_hold_whole_on_its_last_day(calls: Calls) -> None:
    """It rings again then, and whenever the next leg is answered, all of what it holds counts."""
    cap = Caps(monthly_micros=10 * EUR)
    answered_at = MIDNIGHT - timedelta(seconds=9)
    await calls.open("a", capped(cap, days=(MONDAY, TUESDAY)), allowance=replace(MINUTES, limit_s=5))
    await calls.renew("a", 2, capped(cap, days=(TUESDAY,)), paid_s=15, want_s=5, answered_at=answered_at)
    assert await calls.held_by_day() == [{MONDAY.day: 40_000, TUESDAY.day: 110_000}]
    leg = make_cdr("a", account_id=calls.office.account_id, started_at=answered_at)
    leg = replace(leg, allowance_s=3, billable_s=3)
    await calls.office.store.apply(settle_leg(cdr=leg, close=False, at_ms=T0_MS + 60_000))
    assert await calls.held_by_day() == [{TUESDAY.day: 150_000}]


async def test_leg_that_ends_leaves_the_rest_on_its_day(calls: Calls) -> None:
    cap = capped(Caps(daily_micros=150_000))
    await calls.open("a", cap)
    await calls.answer("a", MONDAY)
    await calls.office.settle("a", 40_000, close=False)
    denied = await calls.open("b", cap)
    assert isinstance(denied, Denied)
    assert denied.limit == CapUse(CapScope.EXTENSION, CapSpan.DAILY, 150_000, 100_000)
    await calls.office.settle("a", 60_000, leg=2)
    assert (await calls.spend())[("101", MONDAY.day)] == 100_000


async def test_as_many_calls_hold_money_as_may(calls: Calls) -> None:
    two = capped(max_calls=2)
    assert isinstance(await calls.open("a", two), Held)
    assert isinstance(await calls.open("b", two), Held)
    assert isinstance(await calls.open("other", capped(of="102", max_calls=1)), Held)
    assert await calls.open("c", two) == Denied(100 * EUR - 300_000, TooManyCalls(2))
    await calls.settle("a", 5)
    assert isinstance(await calls.open("c", two), Held)
    assert await calls.open("d", capped(max_calls=0)) == Denied(100 * EUR - 350_000, TooManyCalls(0))


async def test_allowance_goes_first_and_the_cap_ends_the_call_with_it(calls: Calls) -> None:
    none_left = capped(Caps(daily_micros=0))
    assert await calls.open("a", none_left, allowance=MINUTES) == Held(0, 10, 10)
    denied = await calls.renew("a", 2, none_left, paid_s=10)
    assert denied == Denied(100 * EUR, CapUse(CapScope.EXTENSION, CapSpan.DAILY, 0, 0))
    assert isinstance(await calls.open("b", none_left, allowance=MINUTES), Denied)


async def test_call_on_an_allowance_takes_its_first_money_only_where_a_call_may_pay(calls: Calls) -> None:
    one = capped(max_calls=1)
    assert await calls.open("a", one, allowance=MINUTES) == Held(0, 10, 10)
    assert isinstance(await calls.open("b", one), Held)
    assert await calls.renew("a", 2, one, paid_s=10) == Denied(100 * EUR - 100_000, TooManyCalls(1))
    await calls.settle("b", 10)
    assert isinstance(await calls.renew("a", 2, one, paid_s=10), Granted)
    assert isinstance(await calls.renew("a", 3, one, paid_s=70), Granted)


async def test_want_of_money_is_told_where_both_are_short(database: str) -> None:
    async with open_office(database, funds_micros=150_000) as office:
        calls = Calls(office)
        cap = capped(Caps(daily_micros=155_000))
        await calls.open("a", cap)
        await calls.answer("a", MONDAY)
        assert await calls.renew("a", 2, cap, paid_s=10) == Granted(2, 15, 150_000)
        assert await calls.renew("a", 3, cap, paid_s=15) == Denied(0)


async def test_lost_call_that_rang_across_midnight_counts_whole_on_both_days_once_held_again(
    calls: Calls,
) -> None:
    cap = Caps(monthly_micros=150_000)
    await calls.open("a", capped(cap, days=(MONDAY, TUESDAY)))
    lost = replace(
        make_cdr("a", account_id=calls.office.account_id, charged_micros=100_000, started_at=MIDNIGHT),
        answered_at=MIDNIGHT - timedelta(seconds=5),
        provisional=True,
    )
    assert await calls.office.store.apply(charge_provisionally(cdr=lost, seen_at_ms=None, at_ms=T0_MS))
    assert isinstance(await calls.open("b", capped(cap)), Denied)
    assert await calls.office.store.apply(take_back(call_id="a", at_ms=T0_MS))
    denied = await calls.open("c", capped(cap))
    assert isinstance(denied, Denied)
    assert denied.limit == CapUse(CapScope.EXTENSION, CapSpan.MONTHLY, 150_000, 100_000)
