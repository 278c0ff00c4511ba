"""Purchases of funds, adjustments, and the lots they make and spend."""

import pytest

from store.answers import Adjusted, Denied
from store.errors import KeyConflictError, LedgerInconsistentError, UnknownAccountError
from store.funds import add_funds, adjust_funds
from store.lots import consume_lots
from tests.integration.store.office import T0_MS, Office

DAY_MS = 86_400_000


async def adjust(office: Office, amount_micros: int, reference: str) -> Adjusted | Denied:
    return await office.store.apply(
        adjust_funds(
            account_id=office.account_id,
            amount_micros=amount_micros,
            reference=reference,
            reason="carrier's credit note",
            at_ms=T0_MS,
        )
    )


async def rests(office: Office) -> dict[str, int]:
    return {lot.reference: lot.remaining_micros for lot in await office.store.lots(office.account_id)}


async def test_add_makes_a_lot_and_a_journal_row(office: Office) -> None:
    funded = await office.fund(5, "r1", expires_at_ms=T0_MS + DAY_MS)
    assert (funded.amount_micros, funded.expires_at_ms) == (5, T0_MS + DAY_MS)
    balance = await office.store.balance(office.account_id)
    assert balance is not None
    assert balance.account.total_micros == 1_000_005
    assert [lot.reference for lot in balance.lots] == ["r1", "start"]
    entry = (await office.store.journal(office.account_id))[-1]
    assert (entry.kind, entry.debit_bucket, entry.credit_bucket) == ("fund", "funding", "available")
    assert (entry.reference, entry.lot_id) == ("r1", funded.lot_id)


async def test_add_again_answers_the_first(office: Office) -> None:
    first = await office.fund(5, "r1", expires_at_ms=T0_MS + DAY_MS)
    assert await office.fund(5, "r1", expires_at_ms=T0_MS + 2 * DAY_MS) == first
    assert await office.money() == (1_000_005, 0)


async def test_a_reference_used_otherwise_is_a_conflict(office: Office) -> None:
    await office.fund(5, "r1")
    await adjust(office, -5, "r2")
    with pytest.raises(KeyConflictError):
        await office.fund(6, "r1")
    with pytest.raises(KeyConflictError):
        await adjust(office, 5, "r1")
    with pytest.raises(KeyConflictError):
        await adjust(office, 5, "r2")
    with pytest.raises(KeyConflictError):
        await office.fund(5, "r2")


async def test_nothing_and_less_are_not_funds(office: Office) -> None:
    with pytest.raises(ValueError, match="above zero"):
        await office.fund(0, "r1")
    with pytest.raises(ValueError, match="adjusts nothing"):
        await adjust(office, 0, "r1")


async def test_funds_of_an_unknown_account_are_an_error(office: Office) -> None:
    for operation in (
        add_funds(account_id=9, amount_micros=1, reference="r", at_ms=T0_MS, expires_at_ms=None),
        adjust_funds(account_id=9, amount_micros=1, reference="r", reason="", at_ms=T0_MS),
        adjust_funds(account_id=9, amount_micros=-1, reference="r", reason="", at_ms=T0_MS),
    ):
        with pytest.raises(UnknownAccountError):
            await office.store.apply(operation)


async def test_adjust_up_makes_a_lot_and_down_takes_from_lots(office: Office) -> None:
    assert await adjust(office, 50, "up") == Adjusted(50, T0_MS)
    first, again = await adjust(office, -30, "down"), await adjust(office, -30, "down")
    assert first == again == Adjusted(-30, T0_MS)
    assert isinstance(first, Adjusted)
    assert isinstance(again, Adjusted)
    assert (first.already_there, again.already_there) == (False, True)
    assert await rests(office) == {"start": 999_970, "up": 50}
    assert await office.money() == (1_000_020, 0)


async def test_adjust_down_takes_only_what_is_available(office: Office) -> None:
    await office.open("a", held_micros=300_000)
    assert await adjust(office, -700_001, "down") == Denied(700_000)
    assert await office.money() == (700_000, 300_000)
    assert await adjust(office, -700_000, "down") == Adjusted(-700_000, T0_MS)
    await office.settle("a", 300_000)
    assert await office.money() == (0, 0)


async def test_charges_take_from_the_lot_that_expires_first(office: Office) -> None:
    await office.fund(30_000, "late", expires_at_ms=T0_MS + 2 * DAY_MS)
    await office.fund(20_000, "early", expires_at_ms=T0_MS + DAY_MS)
    await office.open("a")
    await office.settle("a", 60_000)
    assert await rests(office) == {"start": 990_000, "late": 0, "early": 0}


async def test_a_charge_over_many_small_lots_takes_from_all(office: Office) -> None:
    for n in range(20):
        await office.fund(1_000, f"r{n}", expires_at_ms=T0_MS + DAY_MS)
    await office.open("a")
    await office.settle("a", 19_500)
    assert sum((await rests(office)).values()) == 1_000_500


async def test_lots_below_the_balance_are_an_error(office: Office) -> None:
    consume = consume_lots(account_id=office.account_id, journal_id=1, amount_micros=1_000_001)
    with pytest.raises(LedgerInconsistentError, match="verify"):
        await office.store.apply(consume)
    assert await rests(office) == {"start": 1_000_000}
