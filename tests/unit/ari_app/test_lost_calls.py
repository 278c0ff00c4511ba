"""The alert of a call whose true end nobody knows: there as soon as its record is, whatever becomes of the service."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ari_app import legs
from ari_app.lost_calls import LostCall, lost_call_of, with_alert
from charging import commands as cmd
from charging.cdr import Cdr, EndSource
from charging.session import Phase
from rating.destination import DestinationClass
from store.alerts import AlertKind
from store.errors import KeyConflictError
from store.settlement import settle_leg
from tests.integration.store.office import EUR, T0_MS, Office, make_cdr, open_office
from tests.unit.ari_app.test_execute import Lines, SomeAlerts, SomeAri, SomeStore, answered, call_after
from tests.unit.ari_app.test_hang_up_of_a_gone_leg import WithRecords
from tests.unit.charging.story import LEG

NODE = "pbx1"


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[Office]:
    async with open_office(tmp_path, funds_micros=EUR) as opened:
        yield opened


def lost_record(office: Office, **changes: Any) -> Cdr:
    """Return the record of an answered call of which nothing was left."""
    cdr = make_cdr("one", account_id=office.account_id)
    return replace(cdr, end_source=EndSource.LAST_SEEN, node=NODE, **changes)


async def test_record_and_alert_are_written_together_and_once(office: Office) -> None:
    cdr = lost_record(office)
    lost = lost_call_of(cdr, close=True)
    assert lost is not None
    for _ in range(2):  # the second by a successor
        await office.store.apply(with_alert(settle_leg(cdr=cdr, close=True, at_ms=T0_MS), lost, T0_MS))

    [alert] = await office.store.alerts()
    assert (alert.key, alert.kind, alert.node) == ("lost:one", AlertKind.LOST_CALL, NODE)
    assert (alert.call_id, alert.detail) == ("one", {"charged_micros": cdr.charged_micros})


async def test_record_that_is_not_taken_leaves_no_alert(office: Office) -> None:
    cdr = lost_record(office)
    await office.store.apply(settle_leg(cdr=cdr, close=True, at_ms=T0_MS))
    other = replace(cdr, account_id=None)
    with pytest.raises(KeyConflictError):
        await office.store.apply(
            with_alert(settle_leg(cdr=other, close=True, at_ms=T0_MS), LostCall("one", NODE, 1), 1)
        )

    assert await office.store.alerts() == []


async def test_emergency_surplus_leg_unanswered_call_and_known_end_are_no_lost_calls(office: Office) -> None:
    record = lost_record(office)
    assert lost_call_of(record, close=True) == LostCall("one", NODE, record.charged_micros)
    assert lost_call_of(replace(record, charged_micros=0), close=True) == LostCall("one", NODE, 0), "a free call"
    assert lost_call_of(replace(record, charged_micros=1), close=False) == LostCall("one", NODE, 1)
    assert lost_call_of(replace(record, charged_micros=0), close=False) is None
    assert lost_call_of(replace(record, destination_class=DestinationClass.EMERGENCY), close=True) is None
    assert lost_call_of(replace(record, answered_at=None), close=True) is None
    assert lost_call_of(replace(record, end_source=EndSource.HANDLER), close=True) is None


class Settling(SomeStore):
    """A store that takes whatever it is asked."""

    def __init__(self) -> None:
        self.applied: list[str] = []

    async def apply(self, operation: Any, _what: str = "", **_limit: object) -> None:
        """Note which operation it was."""
        self.applied.append(operation.gi_code.co_name)
        operation.close()


async def test_leg_that_is_gone_when_it_is_hung_up_and_left_nothing_is_told_of(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(legs, "HANGUP_SETTLE_S", 0.0)
    alerts, store = SomeAlerts(), Settling()
    lines = Lines(SomeAri(hang_ups=[404]), WithRecords())
    live, executor = call_after(lines, *answered(), alerts=alerts, store=store)
    live.follow()
    executor.execute(live, cmd.HangUpLeg(LEG))
    await executor.drain(60)

    assert live.session.phase is Phase.CLOSED
    assert alerts.raised == [(AlertKind.LOST_CALL, f"lost:{live.call_id}")]
    assert store.applied == ["with_alert"], "in the transaction of its record"
