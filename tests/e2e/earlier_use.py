"""What calls before the test used of an allowance, written into the store by the ledger's own operations."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from ari_app.clock import epoch_ms
from charging.cdr import Cdr, Disposition
from rating.calendar import period_at
from rating.destination import DestinationClass
from store.allowances import AllowanceRequest
from store.answers import Held
from store.sessions import open_session
from store.settlement import settle_leg
from store.store import Store
from tests.e2e.desk import Desk


def use_allowance(desk: Desk, allowance: str, limit_s: int, used_s: int) -> None:
    """Have the account's extensions used seconds of a shared allowance this month."""
    asyncio.run(_use_allowance(desk, allowance, limit_s, used_s))


async def _use_allowance(desk: Desk, allowance: str, limit_s: int, used_s: int) -> None:
    now = datetime.now(UTC)
    async with await Store.open(desk.database_url) as store:
        account = await store.account("main")
        assert account is not None
        month = period_at(now, ZoneInfo(account.timezone), account.month_day).first_day.isoformat()
        call = _earlier_call(account.id, now)
        opening = open_session(
            call_id=call.call_id,
            node=call.node,
            account_id=account.id,
            extension=call.extension,
            held_micros=0,
            paid_s=0,
            per_minute_micros=0,
            state="{}",
            at_ms=epoch_ms(now),
            allowance=AllowanceRequest(
                plan=account.plan or "", allowance=allowance, extension="", month=month, limit_s=limit_s, want_s=used_s
            ),
        )
        assert await store.apply(opening) == Held(0, used_s, used_s)
        record = replace(call, billable_s=used_s, allowance_s=used_s)
        await store.apply(settle_leg(cdr=record, close=True, at_ms=epoch_ms(now)))


def _earlier_call(account_id: int, at: datetime) -> Cdr:
    return Cdr(
        call_id="earlier-1",
        leg=1,
        node="elsewhere",
        account_id=account_id,
        extension="104",
        endpoint="PJSIP/104",
        dialled="0612345678",
        e164="+33612345678",
        destination_class=DestinationClass.NATIONAL,
        deck=None,
        rate=None,
        started_at=at - timedelta(hours=1),
        answered_at=at - timedelta(hours=1),
        ended_at=at,
        billable_s=0,
        charged_micros=0,
        funded_by=("allowance",),
        disposition=Disposition.ANSWERED,
    )
