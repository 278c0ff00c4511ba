"""What a store has in it, and whether that is what the model says."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, Table, select

from store import schema
from store.caps import text_days
from store.store import Store
from tests.property.store.ledger_model import ModelAccount, ModelLot
from tests.property.store.ledger_records import Leg

Rows = Sequence[Row[Any]]


@dataclass(frozen=True)
class LedgerState:
    """Rows of the ledger's tables."""

    accounts: Rows
    lots: Rows
    sessions: Rows
    records: Rows
    spend: Rows
    pools: Rows


async def read_state(store: Store) -> LedgerState:
    """Read the ledger's tables in one transaction."""

    async with store._reading() as connection:

        async def rows(table: Table) -> Rows:
            return (await connection.execute(select(table))).all()

        return LedgerState(
            accounts=await rows(schema.account),
            lots=(await connection.execute(select(schema.lot).order_by(schema.lot.c.id))).all(),
            sessions=await rows(schema.session),
            records=await rows(schema.cdr),
            spend=await rows(schema.spend),
            pools=await rows(schema.allowance_pool),
        )


def compare(state: LedgerState, accounts: Sequence[ModelAccount], legs: Sequence[Leg], now_ms: int) -> None:
    """Compare a store with the model, and both with what must always hold."""
    for account in accounts:
        _compare_money(state, account, now_ms)
        _compare_sessions(state, account)
        _compare_spend(state, account)
        _compare_pools(state, account)
    _compare_records(state, accounts, legs)


def _compare_money(state: LedgerState, account: ModelAccount, now_ms: int) -> None:
    """What is due and not held may still be in the store's lots: then it is overdue, and nobody may use it."""
    row = next(row for row in state.accounts if row.id == account.id)
    lots = [lot for lot in state.lots if lot.account_id == account.id]
    assert row.available_micros >= 0
    assert row.reserved_micros == account.reserved_micros >= 0
    assert sum(lot.remaining_micros for lot in lots) == row.available_micros + row.reserved_micros
    due_micros = sum(
        lot.remaining_micros for lot, known in zip(lots, account.lots, strict=True) if known.is_due(now_ms)
    )
    overdue_micros = max(0, due_micros - row.reserved_micros)
    assert row.available_micros - overdue_micros == account.available_micros >= 0
    for lot, known in zip(lots, account.lots, strict=True):
        assert (lot.amount_micros, lot.expires_at_ms) == (known.amount_micros, known.expires_at_ms)
        if not known.is_due(now_ms):
            assert lot.remaining_micros == known.remaining_micros
    assert due_micros - overdue_micros == _due_micros(account.lots, now_ms)


def _due_micros(lots: Sequence[ModelLot], now_ms: int) -> int:
    return sum(lot.remaining_micros for lot in lots if lot.is_due(now_ms))


def _compare_sessions(state: LedgerState, account: ModelAccount) -> None:
    found = {
        row.call_id: (row.held_micros, row.provisional_micros, row.paid_s, row.allowance_s)
        for row in state.sessions
        if row.account_id == account.id
    }
    expected = {
        call_id: (0, call.held_micros, call.paid_s, 0)
        if call.is_lost
        else (call.held_micros, 0, call.paid_s, call.allowance_s)
        for call_id, call in account.calls.items()
    }
    assert found == expected
    for row in state.sessions:
        call = account.calls.get(row.call_id)
        if call is not None and call.held_micros:
            assert text_days(row.held_by_day) == call.by_day


def _compare_spend(state: LedgerState, account: ModelAccount) -> None:
    found = {(row.extension, row.day): row.spent_micros for row in state.spend if row.account_id == account.id}
    assert {key: micros for key, micros in found.items() if micros} == {
        key: micros for key, micros in account.spent.items() if micros
    }


def _compare_pools(state: LedgerState, account: ModelAccount) -> None:
    for row in state.pools:
        if row.account_id != account.id:
            continue
        lost_s = sum(call.pool_s.get(row.month, 0) for call in account.calls.values() if call.is_lost)
        held_s = sum(call.pool_s.get(row.month, 0) for call in account.calls.values() if not call.is_lost)
        assert (row.used_s, row.held_s) == (account.pool_used_s.get(row.month, 0) + lost_s, held_s)
        assert account.pool_left_s(row.month) >= 0


def _compare_records(state: LedgerState, accounts: Sequence[ModelAccount], legs: Sequence[Leg]) -> None:
    """Each leg has one record; each lost call one provisional record more."""
    found = sorted((row.call_id, row.leg, row.provisional, row.charged_micros) for row in state.records)
    expected = [(leg.call_id, leg.number, False, leg.charged_micros) for leg in legs]
    expected += [
        (call_id, call.lost_leg, True, call.held_micros)
        for account in accounts
        for call_id, call in account.calls.items()
        if call.is_lost
    ]
    assert found == sorted(expected)
