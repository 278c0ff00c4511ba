"""Housekeeping of funds: what is due expires, and is announced beforehand.

The service keeps house when it starts, at each lot's moment, and every ``POLL_S`` seconds for what other processes
added. The commands that show or change funds do it once before they answer, so that an installation without a running
service is right as well. Any number of processes may do it at the same time: the store does each thing once.
"""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NoReturn
from zoneinfo import ZoneInfo

import structlog

from ari_app.clock import epoch_ms
from charging.expiry import warning_due
from store.cdr_rows import from_ms
from store.errors import StoreError
from store.expiry import expire_lots
from store.notices import NoticeKind, lot_expires_key, record_notice
from store.records import ExpiringLot
from store.store import Store

log = structlog.get_logger(__name__)

POLL_S = 60.0
"""How late what another process added may be noticed; lots that are known expire at their moment."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tidied:
    """What was done, and what could not be."""

    expired_micros: Mapping[int, int]
    """By account."""
    warned: Sequence[str]
    """The keys of the new warnings."""
    faults: Mapping[int, StoreError]
    """Why an account's funds could not expire, by account."""
    next_expiry: datetime | None
    """When the next of the lots that were seen expires; None where none does soon."""


async def keep_house(
    store: Store,
    warn_days: Sequence[int],
    *,
    clock: Callable[[], datetime],
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> NoReturn:
    """Keep house for ever; whatever goes wrong is logged and tried again.

    Args:
        warn_days: How many days before a lot expires there are warnings.
        clock: Tells the time.
        sleep: Waits so many seconds.
    """
    while True:
        pause_s = POLL_S
        try:
            done = await tidy_up(store, warn_days, at=clock())
            _log(done)
            if done.next_expiry is not None:
                pause_s = min(POLL_S, max(0.0, (done.next_expiry - clock()).total_seconds()))
        except StoreError as error:
            log.warning("house_not_kept", error=repr(error))
        except Exception:  # the calls that talk need this service
            log.exception("house_not_kept")
        await sleep(pause_s)


def _log(done: Tidied) -> None:
    for account_id, micros in done.expired_micros.items():
        log.info("funds_expired", account_id=account_id, expired_micros=micros)
    for key in done.warned:
        log.info("lot_expires_soon", notice=key)
    for account_id, fault in done.faults.items():
        log.error("funds_not_expired", account_id=account_id, error=repr(fault))


async def tidy_account(store: Store, warn_days: Sequence[int], *, at: datetime, account_id: int) -> None:
    """Do what is due for one account.

    Raises:
        StoreError: it could not be done.
    """
    done = await tidy_up(store, warn_days, at=at, account_id=account_id)
    for fault in done.faults.values():
        raise fault


async def tidy_up(store: Store, warn_days: Sequence[int], *, at: datetime, account_id: int | None = None) -> Tidied:
    """Expire what is due of an account's lots, or of all, and record the warnings that are due.

    Where nothing is due it only reads. An account whose books are wrong does not keep the others from being done.

    Raises:
        StoreError: the store cannot be read or written.
    """
    # A day more than the longest warning: clocks that are changed in between move its moment by hours.
    horizon = at + timedelta(days=max(warn_days, default=0) + 1)
    lots = await store.expiring_lots(epoch_ms(horizon), account_id)
    at_ms = epoch_ms(at)
    expired_micros, faults = {}, {}
    for due_id in _accounts_due(lots, at_ms):
        try:
            expired_micros[due_id] = await _expire(store, due_id, at_ms)
        except StoreError as error:
            faults[due_id] = error
    return Tidied(
        expired_micros=expired_micros,
        warned=await _warn(store, lots, warn_days, at),
        faults=faults,
        next_expiry=next((from_ms(lot.expires_at_ms) for lot in lots if lot.expires_at_ms > at_ms), None),
    )


def _accounts_due(lots: Iterable[ExpiringLot], at_ms: int) -> list[int]:
    """Return the accounts that have more in lots whose moment has come than their calls hold."""
    due_micros: defaultdict[int, int] = defaultdict(int)
    reserved_micros = {}
    for lot in lots:
        if lot.expires_at_ms <= at_ms:
            due_micros[lot.account_id] += lot.remaining_micros
            reserved_micros[lot.account_id] = lot.reserved_micros
    return [account_id for account_id, micros in due_micros.items() if micros > reserved_micros[account_id]]


async def _expire(store: Store, account_id: int, at_ms: int) -> int:
    expired_micros, more = 0, True
    while more:
        expired = await store.apply(expire_lots(account_id=account_id, at_ms=at_ms))
        expired_micros, more = expired_micros + expired.expired_micros, expired.more
    return expired_micros


async def _warn(store: Store, lots: Iterable[ExpiringLot], warn_days: Sequence[int], at: datetime) -> list[str]:
    """Record the warnings that are due and not recorded yet; return their keys."""
    due = {
        lot_expires_key(lot.id, days): (lot, days) for lot in lots if (days := _days(lot, warn_days, at)) is not None
    }
    recorded = await store.recorded_notices(due)
    missing = [key for key in due if key not in recorded]
    for key in missing:
        lot, days = due[key]
        await store.apply(
            record_notice(
                account_id=lot.account_id,
                key=key,
                kind=NoticeKind.LOT_EXPIRES,
                detail={
                    "reference": lot.reference,
                    "remaining_micros": lot.remaining_micros,
                    "expires_at_ms": lot.expires_at_ms,
                    "days": days,
                },
                at_ms=epoch_ms(at),
            )
        )
    return missing


def _days(lot: ExpiringLot, warn_days: Sequence[int], at: datetime) -> int | None:
    return warning_due(
        purchased_at=from_ms(lot.purchased_at_ms),
        expires_at=from_ms(lot.expires_at_ms),
        at=at,
        account_zone=ZoneInfo(lot.timezone),
        days_before=warn_days,
    )
