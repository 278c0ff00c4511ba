"""Records that hang-up handlers left: how they are read, and when they are removed."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ari_app import reconcile
from ari_app.leg_records import LegRecord, parse_leg_record
from dialplan.contract import LegMark, MarkKind
from tests.unit.ari_app.morning import Morning, ago
from tests.unit.ari_app.office import CALL_ID, LEG


def test_record_is_read() -> None:
    assert parse_leg_record(f"2026110209/{LEG}", f"{CALL_ID},1793610002.000,1793610005.250,16,carrier1") == LegRecord(
        channel_id=LEG,
        call_id=CALL_ID,
        answered_at=datetime.fromtimestamp(1793610002, UTC),
        ended_at=datetime.fromtimestamp(1793610005.25, UTC),
        cause=16,
        trunk="carrier1",
    )


def test_record_of_a_marked_leg_names_its_call() -> None:
    record = parse_leg_record("2026110209/x.1", f"away|{CALL_ID}|PJSIP/101-1|0145678901,1,2,,carrier1")

    assert record is not None
    assert (record.call_id, record.cause) == (CALL_ID, None)
    assert record.mark == LegMark(MarkKind.AWAY, CALL_ID, "PJSIP/101-1", "0145678901")


@pytest.mark.parametrize(
    "value", ["", "a,b,c,d,e", "call,1,2,16", "call,1,2,x,t", "call,nan,2,16,t", "call,1,1e300,16,t", "call,1,inf,16,t"]
)
def test_record_that_is_damaged_is_nothing(value: str) -> None:
    assert parse_leg_record("2026110209/x.1", value) is None


@given(st.text(), st.text())
def test_record_of_any_text_is_read_or_nothing(key: str, value: str) -> None:
    parse_leg_record(key, value)


async def test_records_of_hours_long_past_are_removed(morning: Morning) -> None:
    recent = ago(60).strftime("%Y%m%d%H")
    morning.ami.tree = {"2026010100/x.1": "damaged", f"{recent}/x.2": "damaged"}

    await morning.compare()

    assert morning.ami.deleted == ["2026010100"]


async def test_old_records_are_removed_also_where_every_end_is_seen(
    morning: Morning, monkeypatch: pytest.MonkeyPatch
) -> None:
    await morning.compare()
    morning.ami.tree = {"2026010100/x.1": "damaged"}
    monkeypatch.setattr(reconcile, "FORGET_EVERY", timedelta(0))
    again = Morning(desk=morning.desk, ami=morning.ami)
    assert morning.desk.board.reconciled

    for _ in range(2):
        await again.compare()

    assert morning.ami.deleted == ["2026010100", "2026010100"]


async def test_records_are_left_alone_between_two_cleanings_and_without_ami(morning: Morning) -> None:
    morning.desk.board.reconciled = True
    morning.ami.tree = {"2026010100/x.1": "damaged"}
    morning.ami.connected = False
    await morning.compare()
    assert morning.ami.deleted == []

    morning.ami.connected = True
    for _ in range(2):
        await morning.compare()

    assert morning.ami.deleted == ["2026010100"]
