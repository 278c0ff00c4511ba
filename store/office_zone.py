"""The time zone in which what belongs to no account is told: the main account's, where there is one."""

from typing import Final
from zoneinfo import ZoneInfo

from store.catalog_reads import CatalogReads

MAIN_ACCOUNT: Final = "main"


async def office_zone(store: CatalogReads) -> ZoneInfo:
    """Return the time zone of account ``main``, or UTC."""
    account = await store.account(MAIN_ACCOUNT)
    return ZoneInfo("UTC" if account is None else account.timezone)
