"""More lots whose moment has come than one operation expires: no operation takes more, and none uses what is due."""

import pytest

from store.answers import Adjusted, Denied, Expired, Granted, Held
from store.cdr_rows import from_ms
from store.expiry import MOST_LOTS, expire_lots
from store.funds import adjust_funds
from store.renewal import renew_slice
from tests.integration.store.office import EUR, PER_SECOND, T0_MS, Office
from tests.integration.store.test_expiry import LAPSE_MS, expire, expiries, open_at, settle_at
from tollgate.housekeeping import tidy_account

DUE = 2 * MOST_LOTS + 10
LOT_MICROS = 1_000


@pytest.fixture
async def crowded(office: Office) -> Office:
    """An account with 1 EUR that does not expire, and many small lots that all do at the same moment."""
    for n in range(DUE):
        await office.fund(LOT_MICROS, f"r{n}", expires_at_ms=LAPSE_MS)
    return office


async def test_settlement_expires_some_and_leaves_the_rest_to_the_next(crowded: Office) -> None:
    await crowded.open("a")
    await settle_at(crowded, "a", 50_000, LAPSE_MS)
    # What it was charged came from the first of these lots.
    assert len(await expiries(crowded)) == MOST_LOTS
    assert (await expire(crowded)).more is False
    assert await crowded.money() == (EUR, 0)


async def test_hold_expires_some_and_finds_nothing_of_the_rest(crowded: Office) -> None:
    before = len(await expiries(crowded))
    assert await open_at(crowded, "a", EUR + 1, LAPSE_MS) == Denied(EUR)
    assert len(await expiries(crowded)) - before <= 2 * MOST_LOTS
    assert await open_at(crowded, "b", EUR, LAPSE_MS) == Held(EUR, 100)


async def test_hold_of_less_than_what_is_usable_expires_one_operations_worth(crowded: Office) -> None:
    assert await open_at(crowded, "a", 100_000, LAPSE_MS) == Held(100_000, 10)
    assert len(await expiries(crowded)) == MOST_LOTS


async def test_renewal_finds_nothing_of_the_rest(crowded: Office) -> None:
    await open_at(crowded, "a", 10_000, LAPSE_MS - 1)
    answer = await crowded.store.apply(
        renew_slice(
            call_id="a", n=2, rate=PER_SECOND, want_s=500, paid_until_ms=LAPSE_MS + 1_000, state="{}", at_ms=LAPSE_MS
        )
    )
    # As much of them as the first slice held stays its own; the rest is not there.
    assert answer == Granted(2, 101, EUR + 10_000)
    assert len(await expiries(crowded)) == MOST_LOTS


async def test_adjustment_downwards_finds_nothing_of_the_rest(crowded: Office) -> None:
    async def adjust(amount_micros: int, reference: str) -> Adjusted | Denied:
        return await crowded.store.apply(
            adjust_funds(
                account_id=crowded.account_id,
                amount_micros=amount_micros,
                reference=reference,
                reason="x",
                at_ms=LAPSE_MS,
            )
        )

    assert await adjust(-EUR - 1, "a1") == Denied(EUR)
    assert len(await expiries(crowded)) == MOST_LOTS
    assert isinstance(await adjust(-EUR, "a2"), Adjusted)


async def test_expiring_takes_as_many_operations_as_it_needs(crowded: Office) -> None:
    answers = [await expire(crowded) for _ in range(4)]
    assert answers == [
        Expired(MOST_LOTS * LOT_MICROS, overdue_micros=(DUE - MOST_LOTS) * LOT_MICROS),
        Expired(MOST_LOTS * LOT_MICROS, overdue_micros=10 * LOT_MICROS),
        Expired(10 * LOT_MICROS),
        Expired(0),
    ]


async def test_housekeeping_expires_them_all(crowded: Office) -> None:
    await tidy_account(crowded.store, [], at=from_ms(LAPSE_MS), account_id=crowded.account_id)
    assert len(await expiries(crowded)) == DUE
    assert await crowded.money() == (EUR, 0)


@pytest.mark.parametrize("held_micros", [0, 1, 70 * LOT_MICROS])
async def test_what_calls_hold_stays_however_many_lots_it_takes(crowded: Office, held_micros: int) -> None:
    if held_micros:
        await open_at(crowded, "a", held_micros, T0_MS)
    while (await crowded.store.apply(expire_lots(account_id=crowded.account_id, at_ms=LAPSE_MS))).more:
        pass
    assert await crowded.money() == (EUR, held_micros)
