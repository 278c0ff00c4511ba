"""What a good programmer writes first: one ORM session and one transaction for each opening and each settling.

It keeps the same books in the same tables with the same guarantees as ours: idempotent by call, the account read under
a lock, never below zero, the journal, the lots, the record and the day's spend written in one durable transaction.
"""

import json
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any, Self

from sqlalchemy import Connection, Table, event, select
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import registry

from store import schema
from store.cdr_rows import cdr_params
from store.journal import charge_key, release_key, slice_key
from tests.bench.ledger_calls import AT_MS, CHARGED_MICROS, DAY, EXTENSION, HELD_MICROS, RATE, record

_BUSY_TIMEOUT_S = 30.0


class _Row:
    """A mapped row: its columns are its attributes."""

    def __init__(self, **values: Any) -> None:
        for name, value in values.items():
            setattr(self, name, value)


class _Account(_Row):
    id: int
    available_micros: int
    reserved_micros: int


class _Lot(_Row):
    id: int
    remaining_micros: int


class _Entry(_Row):
    id: int


class _Use(_Row): ...


class _Session(_Row):
    held_micros: int


class _Record(_Row): ...


class _Spend(_Row):
    spent_micros: int


_MAPPED: Iterable[tuple[type[_Row], Table]] = (
    (_Account, schema.account),
    (_Lot, schema.lot),
    (_Entry, schema.journal),
    (_Use, schema.lot_use),
    (_Session, schema.session),
    (_Record, schema.cdr),
    (_Spend, schema.spend),
)
for _class, _table in _MAPPED:
    registry().map_imperatively(_class, _table)


class OrmLedger:
    """The baseline."""

    def __init__(self, engine: AsyncEngine, account_id: int) -> None:
        self._sessions = async_sessionmaker(engine, expire_on_commit=False)
        self._account_id = account_id

    @classmethod
    @asynccontextmanager
    async def on(cls, url: str, account_id: int, *, connections: int) -> AsyncIterator[Self]:
        """Use the store at ``url`` with so many connections at a time."""
        if url.startswith("sqlite"):
            engine = _sqlite_engine(url.replace("sqlite:", "sqlite+aiosqlite:", 1), connections)
        else:
            engine = create_async_engine(
                url.replace("postgresql:", "postgresql+asyncpg:", 1), pool_size=connections, max_overflow=0
            )
        try:
            yield cls(engine, account_id)
        finally:
            await engine.dispose()

    async def open(self, call_id: str) -> None:
        """Hold the first slice and write the session."""
        async with self._sessions() as db, db.begin():
            if await db.get(_Session, call_id) is not None:
                return
            if await db.scalar(select(_Record).where(schema.cdr.c.call_id == call_id).limit(1)) is not None:
                raise AssertionError(f"{call_id} is settled")
            account = await self._account(db)
            assert account.available_micros >= HELD_MICROS
            account.available_micros -= HELD_MICROS
            account.reserved_micros += HELD_MICROS
            db.add(_session(call_id, account.id))
            db.add(_entry(slice_key(call_id, 1), account.id, "hold", "available", "reserved", HELD_MICROS, call_id))

    async def settle(self, call_id: str) -> None:
        """Write the record, charge it, release the rest and end the session."""
        async with self._sessions() as db, db.begin():
            session = await db.get(_Session, call_id, with_for_update=True)
            recorded = await db.scalar(
                select(_Record).where(schema.cdr.c.call_id == call_id, schema.cdr.c.leg == 1).limit(1)
            )
            if recorded is not None or session is None:
                return
            account = await self._account(db)
            released_micros = session.held_micros - CHARGED_MICROS
            account.reserved_micros -= session.held_micros
            account.available_micros += released_micros
            db.add(_Record(**cdr_params(record(call_id, account.id))))
            charge = _entry(charge_key(call_id, 1), account.id, "charge", "reserved", "spent", CHARGED_MICROS, call_id)
            db.add(charge)
            db.add(
                _entry(release_key(call_id), account.id, "release", "reserved", "available", released_micros, call_id)
            )
            await db.flush()
            await self._take_from_lots(db, charge.id)
            await self._count_spend(db)
            await db.delete(session)

    async def _account(self, db: AsyncSession) -> _Account:
        account = await db.get(_Account, self._account_id, with_for_update=True)
        assert account is not None
        return account

    async def _take_from_lots(self, db: AsyncSession, journal_id: int) -> None:
        lot = schema.lot.c
        unspent = (
            select(_Lot)
            .where(lot.account_id == self._account_id, lot.remaining_micros > 0)
            .order_by(lot.expires_at_ms.is_(None), lot.expires_at_ms, lot.id)
            .limit(8)
            .with_for_update()
        )
        missing_micros = CHARGED_MICROS
        for each in await db.scalars(unspent):
            taken_micros = min(missing_micros, each.remaining_micros)
            each.remaining_micros -= taken_micros
            db.add(_Use(lot_id=each.id, journal_id=journal_id, amount_micros=taken_micros))
            missing_micros -= taken_micros
            if not missing_micros:
                return

    async def _count_spend(self, db: AsyncSession) -> None:
        for extension in ("", EXTENSION):
            key = (self._account_id, extension, DAY)
            spend = await db.get(_Spend, key, with_for_update=True)
            if spend is None:
                db.add(_Spend(account_id=key[0], extension=extension, day=DAY, spent_micros=CHARGED_MICROS))
            else:
                spend.spent_micros += CHARGED_MICROS


def _session(call_id: str, account_id: int) -> _Session:
    return _Session(
        call_id=call_id,
        node="bench",
        account_id=account_id,
        extension=EXTENSION,
        per_minute_micros=RATE.per_minute_micros,
        first_held_micros=HELD_MICROS,
        first_paid_s=10,
        first_allowance_s=0,
        held_micros=HELD_MICROS,
        paid_s=10,
        allowance_s=0,
        slice_n=1,
        state="{}",
        held_by_day=json.dumps({DAY: HELD_MICROS}),
        opened_at_ms=AT_MS,
        updated_at_ms=AT_MS,
    )


def _entry(key: str, account_id: int, kind: str, debit: str, credit: str, amount_micros: int, call_id: str) -> _Entry:
    return _Entry(
        key=key,
        account_id=account_id,
        kind=kind,
        debit_bucket=debit,
        credit_bucket=credit,
        amount_micros=amount_micros,
        call_id=call_id,
        at_ms=AT_MS,
    )


def _sqlite_engine(url: str, connections: int) -> AsyncEngine:
    engine = create_async_engine(url, pool_size=connections, max_overflow=0, connect_args={"timeout": _BUSY_TIMEOUT_S})

    def configure(connection: Any, _record: object) -> None:
        connection.isolation_level = None
        cursor = connection.cursor()
        cursor.execute("PRAGMA synchronous = FULL")
        cursor.close()

    def begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")  # else two that read first cannot both write

    event.listen(engine.sync_engine, "connect", configure)
    event.listen(engine.sync_engine, "begin", begin)
    return engine
