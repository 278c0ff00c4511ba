"""What was moved for calls after an entry of the journal, by call; and a report that is written twice."""

from dataclasses import replace

from store.lost_calls import charge_provisionally
from store.reconciliations import (
    CallMoney,
    MoneyMoved,
    Reconciliation,
    ReconciliationCause,
    record_reconciliation,
)
from tests.integration.store.office import MEMORY, T0_MS, Office, make_cdr, open_office


async def test_only_what_came_after_the_entry_is_summed_up_by_call(office: Office) -> None:
    await office.open("before")
    await office.open("after")
    await office.open("other")
    await office.settle("before", 40_000)
    last = await office.store.last_entry()
    await office.settle("after", 30_000)
    await office.settle("other", 50_000)

    moved = await office.store.moved_since(last, ["before", "after", "never"])

    assert moved == [
        CallMoney(
            call_id="after",
            account_id=office.account_id,
            moved=MoneyMoved(charged_micros=30_000, released_micros=70_000),
        )
    ]
    assert await office.store.moved_since(last, []) == []


async def test_refund_of_a_lost_call_is_summed_up_too(office: Office) -> None:
    await office.open("1-1")
    cdr = replace(make_cdr("1-1", account_id=office.account_id, charged_micros=100_000), provisional=True)
    assert await office.store.apply(charge_provisionally(cdr=cdr, seen_at_ms=None, at_ms=T0_MS))
    last = await office.store.last_entry()
    await office.settle("1-1", 40_000)

    [call] = await office.store.moved_since(last, ["1-1"])

    assert call.moved == MoneyMoved(charged_micros=40_000, released_micros=60_000, refunded_micros=100_000)


async def test_more_calls_than_a_statement_takes_are_asked_for_in_parts(office: Office) -> None:
    await office.open("last")
    await office.settle("last", 10_000)

    moved = await office.store.moved_since(0, [*(f"call {number}" for number in range(1200)), "last"])

    assert [call.call_id for call in moved] == ["last"]


async def test_journal_without_an_entry_begins_at_nothing() -> None:
    async with open_office(MEMORY) as office:
        assert await office.store.last_entry() == 0


async def test_report_that_is_written_again_is_there_once(office: Office) -> None:
    """Its commit's answer was lost."""
    report = Reconciliation(
        node="pbx1", cause=ReconciliationCause.SWEEP, at_ms=T0_MS, alive=1, ended=0, unknown=0, money={}
    )
    for _ in range(2):
        await office.store.apply(record_reconciliation(report))
    await office.store.apply(record_reconciliation(replace(report, cause=ReconciliationCause.AMI_RECONNECT)))

    assert len(await office.store.reconciliations()) == 2
