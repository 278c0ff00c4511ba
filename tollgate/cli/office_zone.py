"""The time zone in which what belongs to no account is told: the main account's, where there is one."""

from zoneinfo import ZoneInfo

from store.store import Store
from tollgate.cli.context import MAIN_ACCOUNT
from tollgate.cli.times import zone


async def office_zone(store: Store) -> ZoneInfo:
    """Return the time zone of account ``main``, or UTC."""
    account = await store.account(MAIN_ACCOUNT)
    return zone("UTC" if account is None else account.timezone)
