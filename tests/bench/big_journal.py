"""A store with a journal of any length, written straight by SQL: healthy, with everything in it that a ledger does.

Calls of one, two and more slices, calls that were lost, charged provisionally and refunded, calls paid by an allowance,
calls that still talk, lots that were used up in turn and whose rest expired. Nothing here is computed by the code that
it is to test.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from string import Template

from sqlalchemy.ext.asyncio import AsyncConnection

_ACCOUNTS = 20
_EXTENSIONS = 1_000  # a multiple of the accounts: each belongs to one
_LOTS = 10  # an account's
_DAYS = 365
_OPEN = 50
_IDS_A_CALL = 8
_LOT_MICROS = 10**13
_AT_MS = 1_793_610_000_000
_ENTRIES_A_CALL = 3.11
_FIRST_DAY = date(2026, 11, 2)

_MAKE_DAYS = "CREATE TEMPORARY TABLE bench_day (n INTEGER PRIMARY KEY, day TEXT NOT NULL)"
_FILL_DAYS = "INSERT INTO bench_day (n, day) VALUES " + ", ".join(
    f"({n}, '{_FIRST_DAY + timedelta(days=n)}')" for n in range(_DAYS)
)

_MAKE_CALLS = """
CREATE TEMPORARY TABLE bench_call AS
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < $calls)
SELECT i,
       'pbx1-' || CAST(1790000000 + i AS TEXT) || '.' || CAST(i % 7 AS TEXT) AS call_id,
       i % $accounts + 1 AS account_id,
       CAST(1000 + i % $extensions AS TEXT) AS extension,
       100000 + i % 100 * 100 AS first_micros,
       CASE WHEN i % 10 = 0 THEN 50000 ELSE 0 END AS second_micros,
       CASE WHEN i > $closed THEN 0 ELSE 40000 + i % 50 * 10 END AS charged_micros,
       CASE WHEN i % 7 = 3 AND i <= $closed THEN 30 ELSE 0 END AS allowance_s,
       i % $accounts * $lots + i * $lots / ($calls + 1) + 1 AS lot_id,
       i * $days / ($calls + 1) AS day_n,
       i % 100 = 7 AND i <= $closed AS is_lost,
       i > $closed AS is_open
FROM n
"""
_ANSWERED_MS = (
    "$at_ms + CAST(day_n AS BIGINT) * 86400000 + i % 10000 * 3000"  # in office hours, also where clocks are changed
)
_RATE = """
'{"prefix":"447' || CAST(i % 1000 AS TEXT) || '","destination":"Jersey mobile","per_minute_micros":60000,'
|| '"connect_fee_micros":' || CAST(i % 50 * 10 AS TEXT)
|| ',"initial_increment_s":1,"increment_s":1,"minimum_charge_micros":0,"barred":false}'
"""

_MAKE_ACCOUNTS = """
INSERT INTO account (id, name, currency, timezone, month_day, available_micros, reserved_micros, created_at_ms)
SELECT i, 'account' || CAST(i AS TEXT), 'EUR', 'Europe/Paris', 1, 0, 0, $at_ms FROM bench_call WHERE i <= $accounts
"""
_MAKE_LOTS = """
INSERT INTO lot (id, account_id, reference, amount_micros, remaining_micros, purchased_at_ms)
SELECT i, (i - 1) / $lots + 1, 'lot ' || CAST(i AS TEXT), $lot_micros, $lot_micros, $at_ms
FROM bench_call WHERE i <= $accounts * $lots
"""

_INTO_JOURNAL = """
INSERT INTO journal (id, key, account_id, kind, debit_bucket, credit_bucket, amount_micros, call_id, lot_id, reference,
                     at_ms)
"""
# Part after part of each call, in the order in which it happens.
_CALL_ENTRIES = (
    _INTO_JOURNAL
    + """
SELECT i * $ids + part, call_id || suffix, account_id, kind, debit, credit,
       CASE WHEN part = 2 THEN second_micros WHEN part = 6 THEN charged_micros
            WHEN part = 7 THEN first_micros + second_micros - charged_micros
            WHEN part = 1 THEN first_micros ELSE first_micros + second_micros END,
       call_id, NULL, NULL, $at_ms + i
FROM bench_call CROSS JOIN (
  SELECT 1 AS part, ':slice:1' AS suffix, 'hold' AS kind, 'available' AS debit, 'reserved' AS credit
  UNION ALL SELECT 2, ':slice:2', 'hold', 'available', 'reserved'
  UNION ALL SELECT 3, ':provisional:1', 'charge', 'reserved', 'spent'
  UNION ALL SELECT 4, ':provisional:1:refund', 'refund', 'spent', 'available'
  UNION ALL SELECT 5, ':provisional:1:hold', 'hold', 'available', 'reserved'
  UNION ALL SELECT 6, ':leg:1:charge', 'charge', 'reserved', 'spent'
  UNION ALL SELECT 7, ':release', 'release', 'reserved', 'available') parts
WHERE part = 1 OR (part = 2 AND second_micros > 0) OR (part IN (3, 4, 5) AND is_lost) OR (part > 5 AND NOT is_open)
ORDER BY i, part
"""
)
_PURCHASES = (
    _INTO_JOURNAL
    + """
SELECT ($calls + 1) * $ids + id * 2, 'account:' || CAST(account_id AS TEXT) || ':ref:' || reference, account_id, 'fund',
       'funding', 'available', amount_micros, NULL, id, reference, $at_ms
FROM lot
"""
)
_USES = """
INSERT INTO lot_use (lot_id, journal_id, amount_micros)
SELECT lot_id, i * $ids + part, CASE WHEN part = 6 THEN charged_micros ELSE first_micros + second_micros END
FROM bench_call CROSS JOIN (SELECT 3 AS part UNION ALL SELECT 4 UNION ALL SELECT 6) parts
WHERE (part = 6 AND NOT is_open) OR (part IN (3, 4) AND is_lost)
ORDER BY lot_id, i, part
"""
_SPEND_LOTS = """
UPDATE lot SET remaining_micros = amount_micros - COALESCE(
  (SELECT SUM(charged_micros) FROM bench_call WHERE bench_call.lot_id = lot.id), 0)
"""
_EXPIRIES = (
    _INTO_JOURNAL
    + """
SELECT ($calls + 1) * $ids + id * 2 + 1, 'lot:' || CAST(id AS TEXT) || ':expire:1', account_id, 'expire', 'available',
       'expired', remaining_micros, NULL, id, NULL, $at_ms
FROM lot WHERE id % $lots <> 0
"""
)
_EXPIRY_USES = """
INSERT INTO lot_use (lot_id, journal_id, amount_micros)
SELECT lot_id, id, amount_micros FROM journal WHERE kind = 'expire'
"""
_EXPIRE_LOTS = "UPDATE lot SET remaining_micros = 0 WHERE id % $lots <> 0"

_RECORDS = f"""
INSERT INTO cdr (call_id, leg, node, account_id, extension, endpoint, dialled, e164, destination_class, deck, rate,
                 started_at_ms, answered_at_ms, ended_at_ms, billable_s, allowance_s, charged_micros, unfunded_micros,
                 funded_by, disposition, trunk, end_source)
SELECT call_id, 1, 'pbx1', account_id, extension, 'PJSIP/' || extension, '00447797123456', '+447797123456',
       'international', 'example', {_RATE}, {_ANSWERED_MS}, {_ANSWERED_MS}, {_ANSWERED_MS} + 39500 + allowance_s * 1000,
       40 + allowance_s, allowance_s, charged_micros, 0, '["account"]', 'ANSWERED', 'carrier', 'event'
FROM bench_call WHERE NOT is_open ORDER BY i
"""
_SESSIONS = """
INSERT INTO session (call_id, node, account_id, extension, per_minute_micros, first_held_micros, first_paid_s,
                     first_allowance_s, held_micros, paid_s, allowance_s, paid_until_ms, slice_n, state, opened_at_ms,
                     updated_at_ms, held_by_day)
SELECT call_id, 'pbx1', account_id, extension, 190000, first_micros, 30, 0, first_micros + second_micros, 60, 0,
       $at_ms + 60000, 1, '{}', $at_ms, $at_ms,
       '{"2026-11-02":' || CAST(second_micros AS TEXT) || ',"2026-11-03":' || CAST(first_micros AS TEXT) || '}'
FROM bench_call WHERE is_open
"""
_POOLS = """
INSERT INTO allowance_pool (id, account_id, plan, allowance, extension, month, used_s, held_s)
SELECT account_id, account_id, 'office', 'minutes', '', '2026-11-01', SUM(allowance_s), 0
FROM bench_call GROUP BY account_id
"""
_SLICES = """
INSERT INTO allowance_slice (call_id, n, pool_id, held_s, used_s)
SELECT call_id, 1, account_id, 0, allowance_s FROM bench_call WHERE allowance_s > 0 ORDER BY call_id
"""
_SPEND = """
INSERT INTO spend (account_id, extension, day, spent_micros)
SELECT account_id, {extension}, day, SUM(charged_micros) FROM bench_call JOIN bench_day ON n = day_n GROUP BY {group}
"""
_BALANCES = """
UPDATE account SET
  reserved_micros = COALESCE((SELECT SUM(held_micros) FROM session WHERE session.account_id = account.id), 0),
  available_micros = (SELECT SUM(remaining_micros) FROM lot WHERE lot.account_id = account.id)
    - COALESCE((SELECT SUM(held_micros) FROM session WHERE session.account_id = account.id), 0)
"""
_STEPS = (
    _MAKE_DAYS,
    _FILL_DAYS,
    _MAKE_CALLS,
    _MAKE_ACCOUNTS,
    _MAKE_LOTS,
    _CALL_ENTRIES,
    _PURCHASES,
    _USES,
    "CREATE INDEX temp_bench_call_lot ON bench_call (lot_id)",
    _SPEND_LOTS,
    _EXPIRIES,
    _EXPIRY_USES,
    _EXPIRE_LOTS,
    _RECORDS,
    _SESSIONS,
    _POOLS,
    _SLICES,
    _SPEND.format(extension="extension", group="account_id, extension, day"),
    _SPEND.format(extension="''", group="account_id, day"),
    _BALANCES,
    "DROP TABLE bench_call",
    "DROP TABLE bench_day",
)


@dataclass(frozen=True, slots=True)
class Corruption:
    """One place changed behind the store's back, how it is mended, and the differences it makes: check and subject."""

    name: str
    statement: str
    mend: str
    differences: frozenset[tuple[str, str]]


def call_id(i: int) -> str:
    """Answer the name of the ``i``-th call, counted from 1."""
    return f"pbx1-{1_790_000_000 + i}.{i % 7}"


def _spend_of(i: int, calls: int) -> str:
    """Answer the extension and the day on which the ``i``-th of so many calls counts."""
    return f"{1000 + i % _EXTENSIONS} on {_FIRST_DAY + timedelta(days=i * _DAYS // (calls + 1))}"


def corruptions(calls: int) -> tuple[Corruption, ...]:
    """Answer a corrupted account, lot and call; the call is in the middle of the journal."""
    # Two calls of one extension that make up for each other: no sum of the account or the extension sees it, nor, in a
    # journal so long that both are of one day, that day's.
    two = (calls // 2, calls // 2 + _EXTENSIONS)
    days = {_spend_of(i, calls) for i in two}
    one, other = (call_id(i) for i in two)
    swapped = (
        "UPDATE cdr SET charged_micros = charged_micros + CASE call_id WHEN '{plus}' THEN 1 ELSE -1 END"
        f" WHERE call_id IN ('{one}', '{other}')"
    )
    return (
        Corruption(
            "account",
            "UPDATE account SET available_micros = available_micros + 1 WHERE id = 7",
            "UPDATE account SET available_micros = available_micros - 1 WHERE id = 7",
            frozenset({("available", "7"), ("lots", "7")}),
        ),
        Corruption(
            "lot",
            "UPDATE lot SET remaining_micros = remaining_micros - 1 WHERE id = 20",
            "UPDATE lot SET remaining_micros = remaining_micros + 1 WHERE id = 20",
            frozenset({("lot", "lot 20"), ("lots", "2")}),
        ),
        Corruption(
            "call",
            swapped.format(plus=one),
            swapped.format(plus=other),
            frozenset(
                {
                    *(("call_charge", call_id(i)) for i in two),
                    *(("price", call_id(i)) for i in two),
                    *(("spend", day) for day in days if len(days) > 1),
                }
            ),
        ),
    )


def calls_of(entries: int) -> int:
    """Answer how many calls make about so many journal entries."""
    return round(entries / _ENTRIES_A_CALL)


async def write_journal(connection: AsyncConnection, entries: int) -> None:
    """Fill an empty store of this version's schema; 20 accounts need some thousand entries at least."""
    calls = calls_of(entries)
    values = {
        "calls": calls,
        "closed": calls - _OPEN,
        "accounts": _ACCOUNTS,
        "extensions": _EXTENSIONS,
        "lots": _LOTS,
        "days": _DAYS,
        "ids": _IDS_A_CALL,
        "lot_micros": _LOT_MICROS,
        "at_ms": _AT_MS,
    }
    for step in _STEPS:
        await connection.exec_driver_sql(Template(step).substitute(values))
