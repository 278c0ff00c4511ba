"""The ledger's benchmark compares like with like: both ledgers keep the same books of the same calls."""

import pytest

from store.store import Store
from tests.bench.ledger_calls import CHARGED_MICROS, FUNDS_MICROS, OurLedger, fund_account, hammer
from tests.bench.ledger_orm import OrmLedger
from tests.integration.store.conftest import ON_DISK

TASKS = 4
SECONDS = 0.3


@ON_DISK
@pytest.mark.parametrize("is_orm", [False, True], ids=["ours", "orm"])
async def test_hammered_ledger_keeps_its_books_in_order(database: str, is_orm: bool) -> None:
    async with await Store.create(database) as store:
        account_id = await fund_account(store)
        if is_orm:
            async with OrmLedger.on(database, account_id, connections=2) as ledger:
                measured = await hammer(ledger, "call", tasks=TASKS, seconds=SECONDS)
        else:
            measured = await hammer(OurLedger(store, account_id), "call", tasks=TASKS, seconds=SECONDS)
        account = await store.account_by_id(account_id)
        assert account is not None
        spent_micros = measured.pairs * CHARGED_MICROS
        assert (account.available_micros, account.reserved_micros) == (FUNDS_MICROS - spent_micros, 0)
        assert len(measured.open_ms) == measured.pairs > 0
        assert await store.verify() == []
