"""The service's housekeeping on a real store, with a clock that jumps: no test sleeps."""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from store import expiry
from store.catalog import create_account
from store.cdr_rows import from_ms
from store.errors import StoreUnavailableError
from store.funds import add_funds
from store.store import Store
from tests.integration.store.office import EUR, T0, T0_MS, Office, open_office
from tests.sqlite import url_of
from tollgate import housekeeping
from tollgate.housekeeping import POLL_S, Tidied, keep_house, tidy_account, tidy_up

DAYS = (30, 7)
DAY = timedelta(days=1)


class Time:
    """A clock that only moves when somebody sleeps, to the end of the sleep; the last sleep never ends."""

    def __init__(self, now: datetime, sleeps: int) -> None:
        self.now = now
        self.slept: list[float] = []
        self._sleeps = sleeps
        self.over = asyncio.Event()

    def __call__(self) -> datetime:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        if len(self.slept) >= self._sleeps:
            self.over.set()
            await asyncio.Event().wait()
        self.now += timedelta(seconds=seconds)


async def pass_time(store: Store, start: datetime, sleeps: int) -> Time:
    """Let the housekeeping run until it has slept so often."""
    time = Time(start, sleeps)
    keeping = asyncio.create_task(keep_house(store, DAYS, clock=time, sleep=time.sleep))
    await asyncio.wait_for(time.over.wait(), 60)
    keeping.cancel()
    return time


def ms(at: datetime) -> int:
    return int(at.timestamp() * 1000)


async def told(store: Store) -> list[tuple[str, Any]]:
    """Answer the notices, oldest first."""
    found = reversed(await store.notices())
    return [(notice.kind, notice.detail.get("days", notice.detail.get("expired_micros"))) for notice in found]


async def test_lot_expires_at_its_moment_not_at_the_next_poll(tmp_path: Path) -> None:
    async with open_office(tmp_path, funds_micros=EUR) as office:
        await office.fund(500_000, "r1", expires_at_ms=T0_MS + 90_500)

        time = await pass_time(office.store, T0, 3)

        assert time.slept == [POLL_S, 30.5, POLL_S]
        assert await office.money() == (EUR, 0)
        assert await told(office.store) == [("lot_expired", 500_000)]


async def test_lot_that_another_process_adds_is_found_at_the_next_poll(tmp_path: Path) -> None:
    async with open_office(tmp_path) as office:

        class Adding(Time):
            async def sleep(self, seconds: float) -> None:
                if not self.slept:
                    await office.fund(7, "r1", expires_at_ms=T0_MS + 61_000)
                await super().sleep(seconds)

        time = Adding(T0, 3)
        keeping = asyncio.create_task(keep_house(office.store, DAYS, clock=time, sleep=time.sleep))
        await asyncio.wait_for(time.over.wait(), 60)
        keeping.cancel()
        assert time.slept == [POLL_S, 1.0, POLL_S]
        assert await office.money() == (0, 0)


async def test_what_calls_hold_is_not_looked_at_again_and_again(tmp_path: Path) -> None:
    async with open_office(tmp_path) as office:
        await office.fund(100_000, "r1", expires_at_ms=T0_MS + 1_000)
        await office.open("a")
        commits = office.store.writer_stats().commits

        time = await pass_time(office.store, T0, 4)

        assert time.slept == [1.0, POLL_S, POLL_S, POLL_S]
        assert office.store.writer_stats().commits == commits
        assert await office.money() == (0, 100_000)


async def test_warnings_are_recorded_once_each_and_then_the_expiry(tmp_path: Path) -> None:
    expires = T0 + 40 * DAY
    async with open_office(tmp_path) as office:
        await office.fund(5, "r1", expires_at_ms=ms(expires))
        for day in range(42):
            await tidy_up(office.store, DAYS, at=T0 + day * DAY)
            await tidy_up(office.store, DAYS, at=T0 + day * DAY)
        assert await told(office.store) == [("lot_expires", 30), ("lot_expires", 7), ("lot_expired", 5)]
        first = (await office.store.notices())[-1]
        assert first.at_ms == ms(T0 + 10 * DAY)
        assert first.detail == {"reference": "r1", "remaining_micros": 5, "expires_at_ms": ms(expires), "days": 30}


@pytest.mark.parametrize(
    ("away_until", "notices"),
    [
        (timedelta(days=38), [("lot_expires", 7)]),
        (timedelta(days=20), [("lot_expires", 30)]),
        (timedelta(days=50), [("lot_expired", 5)]),
    ],
)
async def test_service_that_was_away_says_the_nearest_only(
    tmp_path: Path, away_until: timedelta, notices: list[tuple[str, int]]
) -> None:
    async with open_office(tmp_path) as office:
        await office.fund(5, "r1", expires_at_ms=ms(T0 + 40 * DAY))
        await tidy_up(office.store, DAYS, at=T0 + away_until)
        assert await told(office.store) == notices


async def test_lot_bought_with_few_days_left_is_warned_at_the_next_step_only(tmp_path: Path) -> None:
    async with open_office(tmp_path) as office:
        await office.fund(5, "twenty", expires_at_ms=ms(T0 + 20 * DAY))
        await office.fund(6, "three", expires_at_ms=ms(T0 + 3 * DAY))
        for day in range(21):
            await tidy_up(office.store, DAYS, at=T0 + day * DAY)
        assert await told(office.store) == [("lot_expired", 6), ("lot_expires", 7), ("lot_expired", 5)]


async def test_lot_that_is_spent_is_not_warned_of(tmp_path: Path) -> None:
    async with open_office(tmp_path) as office:
        await office.fund(100_000, "r1", expires_at_ms=ms(T0 + 40 * DAY))
        await office.open("a")
        await office.settle("a", 100_000)
        await tidy_up(office.store, DAYS, at=T0 + 35 * DAY)
        assert await told(office.store) == []


async def test_two_services_at_once_record_everything_once(tmp_path: Path) -> None:
    async with open_office(tmp_path) as office, await Store.open(url_of(tmp_path)) as other:
        await office.fund(5, "gone", expires_at_ms=ms(T0 + DAY))
        await office.fund(6, "soon", expires_at_ms=ms(T0 + 9 * DAY))
        at = T0 + 3 * DAY
        await asyncio.gather(*(tidy_up(store, DAYS, at=at) for store in (office.store, other) * 3))
        assert sorted(await told(office.store)) == [("lot_expired", 5), ("lot_expires", 7)]
        assert await office.money() == (6, 0)


async def test_accounts_expire_at_their_own_midnights(tmp_path: Path) -> None:
    midnights = {"Pacific/Kiritimati": "2026-12-01T10:00+00:00", "America/Los_Angeles": "2026-12-02T08:00+00:00"}
    async with open_office(tmp_path) as office:
        made = {}
        for timezone, midnight in midnights.items():
            made[timezone] = await office.store.apply(
                create_account(name=timezone, currency="EUR", timezone=timezone, at_ms=T0_MS)
            )
            await office.store.apply(
                add_funds(
                    account_id=made[timezone],
                    amount_micros=5,
                    reference="r",
                    at_ms=T0_MS,
                    expires_at_ms=ms(datetime.fromisoformat(midnight)),
                )
            )
        time = await pass_time(office.store, datetime.fromisoformat("2026-12-02T07:59:59+00:00"), 2)
        assert time.slept == [1.0, POLL_S]
        notices = [notice for notice in await office.store.notices() if notice.kind == "lot_expired"]
        expired_at = {notice.account_id: from_ms(notice.at_ms).isoformat() for notice in notices}
        assert expired_at == {
            made["Pacific/Kiritimati"]: "2026-12-02T07:59:59+00:00",
            made["America/Los_Angeles"]: "2026-12-02T08:00:00+00:00",
        }


Fault = Callable[[], Exception]


@pytest.mark.parametrize("fault", [lambda: StoreUnavailableError("locked"), lambda: KeyError(7)], ids=["store", "bug"])
async def test_faults_are_tried_again_and_never_end_the_service(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: Fault
) -> None:
    faults = [fault()]

    async def faulty(*arguments: Any, **named: Any) -> Tidied:
        if faults:
            raise faults.pop()
        return await tidy_up(*arguments, **named)

    monkeypatch.setattr(housekeeping, "tidy_up", faulty)
    async with open_office(tmp_path) as office:
        await office.fund(5, "r1", expires_at_ms=T0_MS - 1)
        time = await pass_time(office.store, T0, 2)
        assert time.slept == [POLL_S, POLL_S]
        assert await office.money() == (0, 0)


async def test_account_whose_books_are_wrong_does_not_keep_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_office(tmp_path) as office:
        wrong = await office.store.apply(create_account(name="w", currency="EUR", timezone="UTC", at_ms=T0_MS))
        await office.store.apply(
            add_funds(account_id=wrong, amount_micros=5, reference="r", at_ms=T0_MS, expires_at_ms=T0_MS + 1)
        )
        await office.fund(5, "r1", expires_at_ms=T0_MS + 2)

        def expire_lots(*, account_id: int, at_ms: int) -> Any:
            if account_id == wrong:
                raise StoreUnavailableError("its books are wrong")
            return expiry.expire_lots(account_id=account_id, at_ms=at_ms)

        monkeypatch.setattr(housekeeping, "expire_lots", expire_lots)
        done = await tidy_up(office.store, DAYS, at=T0 + DAY)
        assert (done.expired_micros, list(done.faults)) == ({office.account_id: 5}, [wrong])
        assert await office.money() == (0, 0)
        with pytest.raises(StoreUnavailableError, match="books"):
            await tidy_account(office.store, DAYS, at=T0 + DAY, account_id=wrong)
        await tidy_account(office.store, DAYS, at=T0 + DAY, account_id=office.account_id)
        time = await pass_time(office.store, T0 + DAY, 2)
        assert time.slept == [POLL_S, POLL_S]


async def test_one_account_may_be_done_alone(tmp_path: Path) -> None:
    async with open_office(tmp_path) as office:
        other = await office.store.apply(create_account(name="o", currency="EUR", timezone="UTC", at_ms=T0_MS))
        await office.fund(5, "r1", expires_at_ms=T0_MS + 2)
        await tidy_up(office.store, DAYS, at=T0 + DAY, account_id=other)
        assert await Office(office.store, office.account_id).money() == (5, 0)
