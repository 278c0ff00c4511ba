"""A small office to test the ledger with: one account, one price, calls by name."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from charging.cdr import Cdr, Disposition
from rating.deck import Rate
from rating.destination import DestinationClass
from rating.price import affordable_s
from store.answers import Denied, Funded, Granted, Held, Settled
from store.catalog import create_account
from store.cdr_rows import from_ms
from store.funds import add_funds
from store.renewal import renew_slice
from store.sessions import close_session, open_session
from store.settlement import settle_leg
from store.store import Store
from tests.sqlite import fresh_file

EUR = 1_000_000
MEMORY = "memory"
"""The place of a store that has no URL."""
T0_MS = 1_793_610_000_000
"""2026-11-02 09:00 UTC."""
T0 = from_ms(T0_MS)

# 0.60 a minute by the second: 10 000 micro-units a second.
PER_SECOND = Rate(
    prefix="447797",
    destination="Jersey mobile",
    per_minute_micros=600_000,
    initial_increment_s=1,
    increment_s=1,
)


def make_cdr(
    call_id: str,
    *,
    account_id: int | None,
    leg: int = 1,
    charged_micros: int = 0,
    rate: Rate | None = PER_SECOND,
    started_at: datetime = T0,
    extension: str = "101",
    destination_class: DestinationClass | None = DestinationClass.INTERNATIONAL,
    disposition: Disposition = Disposition.ANSWERED,
) -> Cdr:
    """Answer a record of a call that lasted a minute."""
    return Cdr(
        call_id=call_id,
        leg=leg,
        node="pbx1",
        account_id=account_id,
        extension=extension,
        endpoint=f"PJSIP/{extension}",
        dialled="00447797123456",
        e164="+447797123456",
        destination_class=destination_class,
        deck="example",
        rate=rate,
        started_at=started_at,
        answered_at=started_at if disposition is Disposition.ANSWERED else None,
        ended_at=started_at + timedelta(seconds=60),
        billable_s=affordable_s(PER_SECOND if rate is None else rate, charged_micros),
        charged_micros=charged_micros,
        funded_by=("account",),
        disposition=disposition,
        hangup_cause=16,
        trunk="carrier",
    )


@dataclass
class Office:
    """A store with an account, and the operations of a call in short."""

    store: Store
    account_id: int

    async def fund(self, amount_micros: int, reference: str, expires_at_ms: int | None = None) -> Funded:
        """Add funds."""
        return await self.store.apply(
            add_funds(
                account_id=self.account_id,
                amount_micros=amount_micros,
                reference=reference,
                at_ms=T0_MS,
                expires_at_ms=expires_at_ms,
            )
        )

    async def open(self, call_id: str, *, held_micros: int = 100_000, paid_s: int = 10) -> Held | Denied:
        """Open a call at 0.60 a minute, or a free one."""
        return await self.store.apply(
            open_session(
                call_id=call_id,
                node="pbx1",
                account_id=self.account_id,
                extension="101",
                held_micros=held_micros,
                paid_s=paid_s,
                per_minute_micros=600_000 if held_micros else 0,
                state='{"phase":"held"}',
                at_ms=T0_MS,
            )
        )

    async def renew(
        self,
        call_id: str,
        n: int,
        *,
        want_s: int = 60,
        paid_until_s: int = 10,
        lead_s: int = 5,
        rate: Rate = PER_SECOND,
        min_s: int = 10,
    ) -> Granted | Denied:
        """Ask for a call's next slice, ``lead_s`` before the paid seconds run out."""
        return await self.store.apply(
            renew_slice(
                call_id=call_id,
                n=n,
                rate=rate,
                want_s=want_s,
                paid_until_ms=T0_MS + paid_until_s * 1000,
                state='{"phase":"talking"}',
                min_s=min_s,
                at_ms=T0_MS + (paid_until_s - lead_s) * 1000,
            )
        )

    async def settle(
        self, call_id: str, charged_micros: int, *, leg: int = 1, close: bool = True, rate: Rate | None = PER_SECOND
    ) -> Settled:
        """Settle a leg."""
        cdr = make_cdr(call_id, account_id=self.account_id, leg=leg, charged_micros=charged_micros, rate=rate)
        return await self.store.apply(settle_leg(cdr=cdr, close=close, at_ms=T0_MS + 60_000))

    async def close(self, call_id: str) -> Settled:
        """Close a call whose legs are settled."""
        return await self.store.apply(close_session(call_id=call_id, at_ms=T0_MS + 60_000))

    async def money(self) -> tuple[int, int]:
        """Answer what is available and what is reserved."""
        account = await self.store.account_by_id(self.account_id)
        assert account is not None
        return account.available_micros, account.reserved_micros

    async def keys(self) -> list[str]:
        """Answer the keys of the journal, oldest first."""
        return [entry.key for entry in await self.store.journal(self.account_id)]


@asynccontextmanager
async def open_office(place: Path | str, *, funds_micros: int = 0) -> AsyncIterator[Office]:
    """Give a store an account ``main``, and check when done that ``verify`` finds nothing.

    Args:
        place: The URL of an empty store, a folder in which to make one, or ``MEMORY``.
    """
    async with await _make(place) as store:
        account_id = await store.apply(
            create_account(name="main", currency="EUR", timezone="Europe/Paris", at_ms=T0_MS)
        )
        office = Office(store, account_id)
        if funds_micros:
            await office.fund(funds_micros, "start")
        yield office
        assert await store.verify() == []


async def _make(place: Path | str) -> Store:
    if place == MEMORY:
        return Store.in_memory()
    return await Store.open(place if isinstance(place, str) else fresh_file(place))
