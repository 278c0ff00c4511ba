"""What counts against caps, as reports and quotes read it."""

from datetime import timedelta

from store.caps import Hold, SpendDay, Spending, Spent
from store.catalog import create_account
from store.sessions import open_session, save_session
from store.settlement import settle_leg
from tests.integration.store.office import EUR, T0, T0_MS, Office, make_cdr

TODAY = SpendDay("2026-11-02", "2026-11-01", "2026-12-01")
TOMORROW = TODAY._replace(day="2026-11-03")


async def open_call(office: Office, call_id: str, extension: str, micros: int, *days: SpendDay) -> None:
    await office.store.apply(
        open_session(
            call_id=call_id,
            node="pbx1",
            account_id=office.account_id,
            extension=extension,
            held_micros=micros,
            paid_s=10,
            per_minute_micros=micros,
            state="{}",
            at_ms=T0_MS,
            spending=Spending(extension=extension, days=days),
        )
    )


async def spend(office: Office, call_id: str, extension: str, micros: int, days_later: int) -> None:
    """Let a call of some seconds end, so many days after 2 November."""
    await open_call(office, call_id, extension, micros, TODAY)
    cdr = make_cdr(
        call_id,
        account_id=office.account_id,
        charged_micros=micros,
        extension=extension,
        started_at=T0 + timedelta(days=days_later),
    )
    await office.store.apply(settle_leg(cdr=cdr, close=True, at_ms=T0_MS))


async def test_spend_is_read_by_day_of_one_account(office: Office) -> None:
    await office.fund(10 * EUR, "r1")
    for call_id, extension, micros, days_later in (
        ("a", "101", 50_000, 0),
        ("b", "102", 70_000, 0),
        ("c", "101", 110_000, -1),
        ("d", "101", 130_000, -2),
        ("e", "101", 170_000, 29),
    ):
        await spend(office, call_id, extension, micros, days_later)
    spent, holds = await office.store.spend(office.account_id, TODAY.month_from, TODAY.month_to)
    assert spent == [
        Spent("", "2026-11-01", 110_000),
        Spent("", "2026-11-02", 120_000),
        Spent("101", "2026-11-01", 110_000),
        Spent("101", "2026-11-02", 50_000),
        Spent("102", "2026-11-02", 70_000),
    ]
    assert holds == []
    other_id = await office.store.apply(create_account(name="b", currency="EUR", timezone="UTC", at_ms=T0_MS))
    assert await office.store.spend(other_id, TODAY.month_from, TODAY.month_to) == ([], [])


async def test_holds_are_read_by_the_days_on_which_they_count(office: Office) -> None:
    await office.fund(10 * EUR, "r1")
    await open_call(office, "a", "101", EUR, TODAY, TOMORROW)
    await open_call(office, "b", "102", 2 * EUR, TODAY, TOMORROW)
    await open_call(office, "free", "101", 0)
    await office.store.apply(
        save_session(
            call_id="b", state="{}", at_ms=T0_MS, paid_until_ms=T0_MS + 10_000, held_by_day={TODAY.day: 2 * EUR}
        )
    )
    _, holds = await office.store.spend(office.account_id, TODAY.month_from, TODAY.month_to)
    assert holds == [
        Hold("101", {TODAY.day: EUR, TOMORROW.day: EUR}, is_answered=False),
        Hold("102", {TODAY.day: 2 * EUR}, is_answered=True),
    ]
