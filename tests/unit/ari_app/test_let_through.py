"""Included and emergency calls that were made and ended while the service was away have a record all the same."""

from collections.abc import Collection
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import cast

import pytest

from ari_app.ami import AmiAdapter
from ari_app.asterisk_cdr import parse_cdrs
from ari_app.emergency_records import parse_emergency_record
from ari_app.leg_records import LegRecords, by_call, no_leg_records, parse_leg_record
from ari_app.let_through import LetThrough
from charging.cdr import Disposition, EndSource
from rating.destination import DestinationClass
from store.errors import StoreUnavailableError
from store.store import Store
from tests.unit.ari_app.morning import TRUNK, Morning, ago, epoch
from tests.unit.ari_app.office import CALL_ID, CALLER, LEG, until

AWAY = f"away|{CALL_ID}|PJSIP/101-00000001|0145678901"


@dataclass
class SomeStore:
    """A store that knows some calls; away, it knows none."""

    known: set[str] = field(default_factory=set)
    is_away: bool = False

    async def known_call_ids(self, call_ids: Collection[str]) -> set[str]:
        """Answer those that it knows."""
        if self.is_away:
            raise StoreUnavailableError("away")
        return self.known & set(call_ids)


async def write_down(morning: Morning, store: SomeStore, *, times: int = 1) -> None:

    async def read_cdrs() -> LegRecords:
        return morning.cdrs

    found = LetThrough(cast("Store", store), morning.desk.board, read_cdrs)
    for _ in range(times):
        await found.write_down(cast("AmiAdapter", morning.ami))
        store.is_away = False
        morning.ami.connected = True


def left(morning: Morning, owner: str = AWAY) -> None:
    """Leave the record of a leg that talked for 4.5 s."""
    morning.ami.tree = {f"2026110209/{LEG}": f"{owner},{epoch(ago(60))},{epoch(ago(55.5))},16,{TRUNK}"}


async def test_included_call_that_nobody_followed_is_recorded_by_its_leg(morning: Morning) -> None:
    left(morning)
    await write_down(morning, SomeStore(), times=2)

    [settle] = morning.desk.notes.settled()
    assert settle.cdr.destination_class is DestinationClass.INCLUDED
    assert (settle.cdr.dialled, settle.cdr.extension, settle.cdr.leg) == ("0145678901", "101", 1)
    assert (settle.cdr.disposition, settle.cdr.end_source) == (Disposition.ANSWERED, EndSource.HANDLER)
    assert (settle.cdr.billable_s, settle.cdr.charged_micros, settle.cdr.unfunded_micros) == (5, 0, 0)


@pytest.mark.parametrize(("days_ago", "records"), [(0, 1), (8, 0)], ids=["today", "when another store was in use"])
async def test_included_call_whose_record_was_lost_is_recorded_by_asterisks_own_cdr(
    morning: Morning, days_ago: int, records: int
) -> None:
    """Asterisk was killed after the call's end, and its database had not reached the disk."""
    answered_at = ago(60 + days_ago * 86400)
    note = f"tollgate|{AWAY}|{epoch(answered_at)}|{LEG}|{TRUNK}"
    cdrs, damaged = parse_cdrs([f'"{note}","{epoch(answered_at + timedelta(seconds=4.5))}"'])
    assert damaged == 0
    morning.cdrs = by_call(cdrs)

    await write_down(morning, SomeStore())

    ends = [
        (settle.cdr.dialled, settle.cdr.billable_s, settle.cdr.end_source) for settle in morning.desk.notes.settled()
    ]
    assert ends == [("0145678901", 5, EndSource.ASTERISK_CDR)] * records


async def test_call_that_left_a_record_and_a_cdr_is_recorded_by_its_record(morning: Morning) -> None:
    left(morning)
    [(key, value)] = morning.ami.tree.items()
    record = parse_leg_record(key, value)
    assert record is not None
    morning.cdrs = by_call([replace(record, source=EndSource.ASTERISK_CDR)])

    await write_down(morning, SomeStore())

    [settle] = morning.desk.notes.settled()
    assert settle.cdr.end_source is EndSource.HANDLER


async def test_call_that_the_store_knows_is_left_alone(morning: Morning) -> None:
    left(morning)
    await write_down(morning, SomeStore(known={CALL_ID}))
    assert morning.desk.notes.commands == []


async def test_call_that_passed_the_gate_is_left_to_its_session(morning: Morning) -> None:
    left(morning, owner=CALL_ID)
    await write_down(morning, SomeStore())
    assert morning.desk.notes.commands == []


async def test_call_is_recorded_later_where_the_store_does_not_answer(morning: Morning) -> None:
    left(morning)
    await write_down(morning, SomeStore(is_away=True), times=2)
    assert len(morning.desk.notes.settled()) == 1


async def test_call_is_recorded_later_where_ami_is_away(morning: Morning) -> None:
    left(morning)
    morning.ami.connected = False
    await write_down(morning, SomeStore(), times=2)
    assert len(morning.desk.notes.settled()) == 1


def emergency_left(morning: Morning, talked: str) -> None:
    """Leave the record of an emergency call whose caller was gone a minute ago."""
    mark = f"emergency|{CALL_ID}|PJSIP/101-00000001|112"
    morning.ami.emergencies = {f"2026110209/{CALLER}": f"{mark},{epoch(ago(60))},{talked},16"}


async def test_emergency_call_that_nobody_followed_is_recorded_by_its_caller(morning: Morning) -> None:
    emergency_left(morning, talked="4500")
    await write_down(morning, SomeStore(), times=2)

    [settle] = morning.desk.notes.settled()
    assert settle.cdr.destination_class is DestinationClass.EMERGENCY
    assert (settle.cdr.dialled, settle.cdr.extension, settle.cdr.leg) == ("112", "101", 1)
    assert (settle.cdr.disposition, settle.cdr.end_source) == (Disposition.ANSWERED, EndSource.HANDLER)
    assert (settle.cdr.billable_s, settle.cdr.charged_micros, settle.cdr.trunk) == (5, 0, None)


async def test_emergency_call_that_nobody_answered_is_recorded_too(morning: Morning) -> None:
    emergency_left(morning, talked="")
    await write_down(morning, SomeStore())
    await until(lambda: bool(morning.desk.notes.settled()))

    [settle] = morning.desk.notes.settled()
    assert (settle.cdr.disposition, settle.cdr.leg, settle.cdr.answered_at) == (Disposition.NO_ANSWER, 0, None)


async def test_emergency_call_that_talked_while_the_clock_was_set_back_is_recorded_as_answered(
    morning: Morning,
) -> None:
    emergency_left(morning, talked="-3595500")
    await write_down(morning, SomeStore())

    [settle] = morning.desk.notes.settled()
    assert (settle.cdr.disposition, settle.cdr.end_source) == (Disposition.ANSWERED, EndSource.HANDLER)
    assert settle.cdr.answered_at == settle.cdr.ended_at


async def test_emergency_call_that_ended_before_the_clock_was_set_back_is_recorded_at_once(morning: Morning) -> None:
    mark = f"emergency|{CALL_ID}|PJSIP/101-00000001|112"
    morning.ami.emergencies = {f"2026110209/{CALLER}": f"{mark},{epoch(ago(-3600))},,16"}
    await write_down(morning, SomeStore())
    await until(lambda: bool(morning.desk.notes.settled()))

    [settle] = morning.desk.notes.settled()
    assert settle.cdr.disposition is Disposition.NO_ANSWER
    assert settle.cdr.ended_at <= ago(0)


async def test_leg_that_ended_while_records_were_read_is_recorded_the_next_time(morning: Morning) -> None:
    left(morning)

    class AskedMeanwhile(SomeStore):
        async def known_call_ids(self, call_ids: Collection[str]) -> set[str]:
            if not self.known:
                self.known = set(call_ids)
                found.ask()
                return set(call_ids)
            return set()

    found = LetThrough(cast("Store", AskedMeanwhile()), morning.desk.board, no_leg_records)
    await found.write_down(cast("AmiAdapter", morning.ami))
    assert not morning.desk.notes.settled()
    await found.write_down(cast("AmiAdapter", morning.ami))

    assert len(morning.desk.notes.settled()) == 1


async def test_emergency_call_that_the_store_knows_is_left_alone(morning: Morning) -> None:
    emergency_left(morning, talked="4500")
    await write_down(morning, SomeStore(known={CALL_ID}))
    assert morning.desk.notes.commands == []


@pytest.mark.parametrize(
    "value",
    [
        "",
        "emergency|1-1|PJSIP/101-1|112,1793610000.000,-,16",
        "emergency|1-1|PJSIP/101-1|112,1793610000.000,1e3,16",
        "emergency|1-1|PJSIP/101-1|112,never,4500,16",
        "emergency|1-1|PJSIP/101-1|112,1793610000.000,99999999999999999999,16",
        "1-1,1793610000.000,4500,16",
    ],
)
def test_damaged_record_of_an_emergency_call_is_none(value: str) -> None:
    assert parse_emergency_record(value) is None
