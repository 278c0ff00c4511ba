"""Lots whose moment has come: what expires of them, and what calls keep."""

import pytest

from store.answers import Adjusted, Denied, Expired, Granted, Held
from store.catalog import create_account
from store.errors import LedgerInconsistentError, UnknownAccountError
from store.expiry import MOST_LOTS, expire_lots, read_usable
from store.funds import adjust_funds
from store.renewal import renew_slice
from store.sessions import close_session, open_session
from store.settlement import settle_leg
from tests.integration.store.office import EUR, PER_SECOND, T0_MS, Office, make_cdr

HOUR_MS = 3_600_000
LAPSE_MS = T0_MS + HOUR_MS
"""When the lots of these tests expire, but for the account's first, which never does."""


async def expire(office: Office, at_ms: int = LAPSE_MS) -> Expired:
    return await office.store.apply(expire_lots(account_id=office.account_id, at_ms=at_ms))


async def open_at(office: Office, call_id: str, held_micros: int, at_ms: int) -> Held | Denied:
    return await office.store.apply(
        open_session(
            call_id=call_id,
            node="pbx1",
            account_id=office.account_id,
            extension="101",
            held_micros=held_micros,
            paid_s=held_micros // 10_000,
            per_minute_micros=600_000,
            state="{}",
            at_ms=at_ms,
        )
    )


async def settle_at(office: Office, call_id: str, charged_micros: int, at_ms: int, *, close: bool = True) -> None:
    cdr = make_cdr(call_id, account_id=office.account_id, charged_micros=charged_micros)
    await office.store.apply(settle_leg(cdr=cdr, close=close, at_ms=at_ms))


async def rests(office: Office) -> dict[str, tuple[int, int]]:
    """Answer what remains of each lot and what has expired of it."""
    return {
        lot.reference: (lot.remaining_micros, lot.expired_micros) for lot in await office.store.lots(office.account_id)
    }


async def expiries(office: Office) -> list[tuple[str, int]]:
    return [
        (entry.key, entry.amount_micros)
        for entry in await office.store.journal(office.account_id)
        if entry.kind == "expire"
    ]


async def test_lot_whose_moment_has_come_expires_with_entry_and_notice(office: Office) -> None:
    lot = await office.fund(500_000, "r1", expires_at_ms=LAPSE_MS)

    assert await expire(office, LAPSE_MS - 1) == Expired(0)
    assert await office.money() == (1_500_000, 0)
    assert await expire(office) == Expired(500_000)

    assert await office.money() == (1_000_000, 0)
    assert await rests(office) == {"start": (1_000_000, 0), "r1": (0, 500_000)}
    entry = (await office.store.journal(office.account_id))[-1]
    assert (entry.key, entry.debit_bucket, entry.credit_bucket) == (
        f"lot:{lot.lot_id}:expire:1",
        "available",
        "expired",
    )
    assert (entry.amount_micros, entry.lot_id, entry.at_ms) == (500_000, lot.lot_id, LAPSE_MS)
    (notice,) = await office.store.notices(office.account_id)
    assert (notice.key, notice.kind, notice.at_ms) == (f"lot:{lot.lot_id}:expired:1", "lot_expired", LAPSE_MS)
    assert notice.detail == {"reference": "r1", "expired_micros": 500_000, "expires_at_ms": LAPSE_MS}
    balance = await office.store.balance(office.account_id)
    assert balance is not None
    assert balance.expired_micros == 500_000


async def test_expiring_again_changes_nothing(office: Office) -> None:
    await office.fund(500_000, "r1", expires_at_ms=LAPSE_MS)
    await expire(office)
    assert await expire(office) == Expired(0)
    assert len(await expiries(office)) == 1
    assert len(await office.store.notices()) == 1


async def test_lots_that_never_expire_stay(office: Office) -> None:
    assert await expire(office, 2**62) == Expired(0)
    assert await office.money() == (EUR, 0)


async def test_several_lots_expire_each_with_its_entry_first_to_expire_first(office: Office) -> None:
    late = await office.fund(30_000, "late", expires_at_ms=LAPSE_MS)
    early = await office.fund(20_000, "early", expires_at_ms=LAPSE_MS - 1)
    assert await expire(office) == Expired(50_000)
    assert await expiries(office) == [(f"lot:{early.lot_id}:expire:1", 20_000), (f"lot:{late.lot_id}:expire:1", 30_000)]


async def test_what_calls_hold_stays_and_they_may_spend_it(office: Office) -> None:
    lot = await office.fund(300_000, "r1", expires_at_ms=LAPSE_MS)
    await office.open("a")
    assert await expire(office) == Expired(200_000)
    assert await rests(office) == {"start": (EUR, 0), "r1": (100_000, 200_000)}
    assert await office.money() == (EUR, 100_000)

    await settle_at(office, "a", 60_000, LAPSE_MS + 1)

    # What the call left of the lot expired with its settlement; the other lot was not touched.
    assert await rests(office) == {"start": (EUR, 0), "r1": (0, 240_000)}
    assert await office.money() == (EUR, 0)
    assert await expiries(office) == [(f"lot:{lot.lot_id}:expire:1", 200_000), (f"lot:{lot.lot_id}:expire:2", 40_000)]
    kinds = [entry.kind for entry in await office.store.journal(office.account_id)]
    assert kinds[-3:] == ["charge", "release", "expire"]
    amounts = [notice.detail["expired_micros"] for notice in await office.store.notices()]
    assert amounts == [40_000, 200_000]


async def test_call_that_is_closed_later_gives_back_what_expires(office: Office) -> None:
    await office.fund(100_000, "r1", expires_at_ms=LAPSE_MS)
    await office.open("a")
    await settle_at(office, "a", 30_000, LAPSE_MS - 1, close=False)
    assert await expire(office) == Expired(0)
    await office.store.apply(close_session(call_id="a", at_ms=LAPSE_MS))
    assert await rests(office) == {"start": (EUR, 0), "r1": (0, 70_000)}


async def test_settlement_before_the_moment_expires_nothing(office: Office) -> None:
    await office.fund(100_000, "r1", expires_at_ms=LAPSE_MS)
    await office.open("a")
    await settle_at(office, "a", 30_000, LAPSE_MS - 1)
    assert await rests(office) == {"start": (EUR, 0), "r1": (70_000, 0)}


async def test_hold_after_the_moment_does_not_use_what_nobody_has_expired_yet(office: Office) -> None:
    await office.fund(500_000, "r1", expires_at_ms=LAPSE_MS)
    assert await open_at(office, "a", EUR + 1, LAPSE_MS) == Denied(EUR)
    assert await open_at(office, "a", EUR, LAPSE_MS) == Held(EUR, 100)
    assert await office.money() == (0, EUR)
    assert await rests(office) == {"start": (EUR, 0), "r1": (0, 500_000)}


async def test_hold_at_the_last_moment_before_uses_it_to_the_end(office: Office) -> None:
    await office.fund(500_000, "r1", expires_at_ms=LAPSE_MS)
    assert await open_at(office, "a", EUR + 500_000, LAPSE_MS - 1) == Held(EUR + 500_000, 150)
    assert await expire(office) == Expired(0)
    await settle_at(office, "a", EUR + 500_000, LAPSE_MS + HOUR_MS)
    assert await rests(office) == {"start": (0, 0), "r1": (0, 0)}


async def test_renewal_after_the_moment_does_not_use_what_nobody_has_expired_yet(office: Office) -> None:
    await office.fund(500_000, "r1", expires_at_ms=LAPSE_MS)
    await open_at(office, "a", 100_000, LAPSE_MS - 1)
    answer = await office.store.apply(
        renew_slice(
            call_id="a", n=2, rate=PER_SECOND, want_s=120, paid_until_ms=LAPSE_MS + 10_000, state="{}", at_ms=LAPSE_MS
        )
    )
    # The call's first hold keeps what it holds of the lot; the renewal finds the other lot's money only.
    assert answer == Granted(2, 110, 1_100_000)
    assert await rests(office) == {"start": (EUR, 0), "r1": (100_000, 400_000)}
    assert await office.money() == (0, 1_100_000)


async def test_adjustment_downwards_takes_nothing_that_has_expired(office: Office) -> None:
    await office.fund(500_000, "r1", expires_at_ms=LAPSE_MS)

    async def adjust(amount_micros: int, reference: str) -> Adjusted | Denied:
        return await office.store.apply(
            adjust_funds(
                account_id=office.account_id,
                amount_micros=amount_micros,
                reference=reference,
                reason="x",
                at_ms=LAPSE_MS,
            )
        )

    assert await adjust(-EUR - 1, "a1") == Denied(EUR)
    assert await adjust(-400_000, "a2") == Adjusted(-400_000, LAPSE_MS)
    assert await rests(office) == {"start": (600_000, 0), "r1": (0, 500_000)}


async def test_usable_money_is_what_has_not_expired(office: Office) -> None:
    await office.fund(500_000, "r1", expires_at_ms=LAPSE_MS)
    assert await office.store.apply(read_usable(office.account_id, LAPSE_MS - 1)) == 1_500_000
    assert await office.store.apply(read_usable(office.account_id, LAPSE_MS)) == EUR


async def test_many_lots_expire_some_at_a_time_and_all_before_a_hold(office: Office) -> None:
    for n in range(MOST_LOTS + 10):
        await office.fund(1_000, f"r{n}", expires_at_ms=LAPSE_MS)
    assert await expire(office) == Expired(MOST_LOTS * 1_000, overdue_micros=10_000)
    assert await open_at(office, "a", EUR + 1, LAPSE_MS) == Denied(EUR)
    assert await expire(office) == Expired(0)


async def test_many_calls_that_settle_after_the_moment_each_leave_an_entry(office: Office) -> None:
    lot = await office.fund(400_000, "r1", expires_at_ms=LAPSE_MS)
    for n in range(4):
        await office.open(f"call{n}")
    assert await expire(office) == Expired(0)
    for n in range(4):
        await settle_at(office, f"call{n}", 0, LAPSE_MS)
    assert await expiries(office) == [(f"lot:{lot.lot_id}:expire:{n}", 100_000) for n in (1, 2, 3, 4)]
    assert await rests(office) == {"start": (EUR, 0), "r1": (0, 400_000)}


async def test_expiry_of_one_account_leaves_another_alone(office: Office) -> None:
    other = await office.store.apply(create_account(name="o", currency="EUR", timezone="UTC", at_ms=T0_MS))
    await office.fund(500_000, "r1", expires_at_ms=LAPSE_MS)
    assert await office.store.apply(expire_lots(account_id=other, at_ms=LAPSE_MS)) == Expired(0)
    assert await office.money() == (1_500_000, 0)


async def test_expiry_of_an_unknown_account_is_an_error(office: Office) -> None:
    with pytest.raises(UnknownAccountError):
        await office.store.apply(expire_lots(account_id=99, at_ms=LAPSE_MS))


async def test_expiring_and_other_lots_are_listed_apart(office: Office) -> None:
    lot = await office.fund(500_000, "r1", expires_at_ms=LAPSE_MS)
    await office.open("a")
    assert await office.store.expiring_lots(LAPSE_MS) == []
    (found,) = await office.store.expiring_lots(LAPSE_MS + 1)
    assert (found.id, found.timezone, found.reserved_micros) == (lot.lot_id, "Europe/Paris", 100_000)
    assert await office.store.expiring_lots(LAPSE_MS + 1, account_id=99) == []
    await settle_at(office, "a", 0, T0_MS)


def test_lots_above_the_balance_are_an_error_and_nothing_expires() -> None:
    operation = expire_lots(account_id=1, at_ms=LAPSE_MS)
    next(operation)
    operation.send([(0, 5)])  # nothing is reserved, 5 are due
    operation.send([(7, "r1", 5, LAPSE_MS)])
    with pytest.raises(LedgerInconsistentError, match="verify"):
        operation.send([])  # less than 5 is available
