"""Calls that another node charged while this one was away: taken back, or left as they were charged."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from types import GeneratorType
from typing import Any

import pytest

from ari_app.errors import AriUnavailableError
from charging import events as ev
from charging.cdr import Disposition, EndSource
from charging.session import Phase, Session, step
from store.errors import LedgerInconsistentError, StoreError, StoreOverloadedError, StoreUnavailableError
from store.records import OpenSession
from tests.unit.ari_app.morning import (
    CALLER_CHANNEL,
    POLICY,
    TRUNK,
    Morning,
    SomeStore,
    ago,
    asterisk_since,
    epoch,
    leg_channel,
    live,
    saved,
    talking_since,
)
from tests.unit.ari_app.office import CALL_ID, LEG, until


@dataclass
class Ledger(SomeStore):
    """A store whose one call was charged by another node while this one was away."""

    lost: bool = True
    applied: list[str] = field(default_factory=list)
    fault: StoreError | None = None
    alerted: list[str] = field(default_factory=list)
    """What was applied together with its alert."""

    async def open_sessions(self, *, node: str) -> list[OpenSession]:
        """Return the rows, lost ones as long as nothing was done about them."""
        rows = await super().open_sessions(node=node)
        opened_at_ms = int(ago(300).timestamp() * 1000)
        return [replace(row, is_lost=self.lost, opened_at_ms=opened_at_ms) for row in rows]

    async def apply(self, operation: Any) -> bool:
        """Note which operation it was, and do what it would have done."""
        assert isinstance(operation, GeneratorType)
        alerting = operation.gi_code.co_name == "with_alert"
        if alerting:
            assert operation.gi_frame is not None, "it has not begun"
            operation = operation.gi_frame.f_locals["operation"]
        name = str(operation.gi_code.co_name)
        operation.close()
        self.alerted += [name] if alerting else []
        if self.fault is not None:
            raise self.fault
        self.applied.append(name)
        self.lost = False
        if name == "settle_as_charged":
            self.sessions = []
        return True


@pytest.fixture
def return_of(morning: Morning) -> Callable[..., Ledger]:
    """Have the node come back to a lost call, on an Asterisk that was started so long ago."""

    def prepare(session: Session, asterisk_age_s: float) -> Ledger:
        morning.store = ledger = Ledger([session])
        morning.ari.info = asterisk_since(asterisk_age_s)
        return ledger

    return prepare


async def test_lost_call_that_talks_is_taken_back_and_adopted(
    morning: Morning, return_of: Callable[..., Ledger]
) -> None:
    ledger = return_of(talking_since(3), 60)
    morning.ari.channels = [leg_channel()]

    await morning.compare()
    morning.desk.board.stop()

    assert ledger.applied == ["take_back"]
    assert morning.session.phase is Phase.TALKING


async def test_lost_call_whose_handler_left_a_record_is_taken_back_and_settled_by_it(
    morning: Morning, return_of: Callable[..., Ledger]
) -> None:
    ledger = return_of(talking_since(60), 30)
    record = f"{CALL_ID},{epoch(ago(60))},{epoch(ago(55.5))},16,{TRUNK}"
    morning.ami.tree = {f"2026110209/{LEG}": record}

    await morning.compare()

    assert ledger.applied == ["take_back"]
    [settle] = morning.desk.notes.settled()
    assert (settle.cdr.end_source, settle.cdr.billable_s) == (EndSource.HANDLER, 5)


async def test_lost_call_of_which_nothing_is_left_stays_as_charged(
    morning: Morning, return_of: Callable[..., Ledger]
) -> None:
    ledger = return_of(saved(started_ago_s=300), 60)

    await morning.compare()

    assert ledger.applied == ledger.alerted == ["settle_as_charged"]
    assert morning.desk.board.calls == {}
    assert morning.desk.notes.commands == []


async def test_lost_call_that_was_saved_after_its_end_is_settled_by_it(
    morning: Morning, return_of: Callable[..., Ledger]
) -> None:
    """Its handler's record went with its Asterisk; what its service had seen of its end is known all the same."""
    ended = step(talking_since(60), ev.LegEnded(ago(55.5), LEG, TRUNK, 16), POLICY)[0]
    ledger = return_of(ended, 30)

    await morning.compare()

    assert ledger.applied == ["take_back"]
    [settle] = morning.desk.notes.settled()
    assert (settle.cdr.end_source, settle.cdr.billable_s, settle.close) == (EndSource.EVENT, 5, True)


async def test_lost_call_that_cannot_be_taken_back_keeps_no_other_from_being_adopted(
    morning: Morning, return_of: Callable[..., Ledger]
) -> None:
    ledger = return_of(talking_since(3), 60)
    ledger.fault = LedgerInconsistentError("less is reserved than its calls hold")
    morning.ari.channels = [leg_channel()]

    found = await morning.compare()

    assert morning.desk.board.reconciled
    assert (found.resumed, found.final) == (set(), set())


@pytest.mark.parametrize("fault", [StoreUnavailableError("away"), StoreOverloadedError("full")])
async def test_nothing_is_concluded_of_a_lost_call_while_the_store_is_away(
    morning: Morning, return_of: Callable[..., Ledger], fault: StoreError
) -> None:
    ledger = return_of(talking_since(3), 60)
    ledger.fault = fault

    with pytest.raises(type(fault)):
        await morning.compare()


async def test_lost_call_that_asterisk_lived_through_without_an_answer_was_never_answered(
    morning: Morning, return_of: Callable[..., Ledger]
) -> None:
    """Its hang-up handler would have left a record: only the service was away."""
    ledger = return_of(saved(started_ago_s=300), 4000)

    await morning.compare()
    await until(morning.desk.notes.settled)
    morning.desk.board.stop()

    assert ledger.applied == ["take_back"]
    [settle] = morning.desk.notes.settled()
    assert (settle.cdr.disposition, settle.cdr.charged_micros) == (Disposition.NO_ANSWER, 0)


async def test_lost_call_whose_caller_lives_is_taken_back(morning: Morning, return_of: Callable[..., Ledger]) -> None:
    ledger = return_of(saved(started_ago_s=300), 60)
    morning.ari.channels = [CALLER_CHANNEL]

    await morning.compare()
    morning.desk.board.stop()

    assert ledger.applied == ["take_back"]


async def test_nothing_is_concluded_of_a_lost_call_while_asterisk_does_not_say_when_it_was_started(
    morning: Morning, return_of: Callable[..., Ledger]
) -> None:
    ledger = return_of(talking_since(60), 60)
    morning.ari.info = {"system": {}}

    with pytest.raises(AriUnavailableError, match="when it was started"):
        await morning.compare()

    assert ledger.applied == []


async def test_lost_call_that_lives_here_is_left_to_its_own_settlement(
    morning: Morning, return_of: Callable[..., Ledger]
) -> None:
    await live(morning)
    ledger = return_of(morning.session, 60)
    morning.ari.channels = [CALLER_CHANNEL]

    await morning.compare()
    morning.desk.board.stop()

    assert ledger.applied == []
