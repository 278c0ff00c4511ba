"""Legs that began and ended around the gate while no service was there: their records are read once, and told of."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, cast

import pytest

import charging.ungated
from ari_app import ungated_sessions
from ari_app.ami import AmiAdapter
from ari_app.leg_records import LegRecords, no_leg_records, read_leg_records
from ari_app.let_through import LetThrough
from ari_app.ungated_verdict import UngatedAction
from charging.call import Call, Leg
from charging.cdr import Cdr, Disposition, EndSource
from charging.policy import MeteringPolicy
from charging.session import Session
from dialplan.contract import LegMark, MarkKind
from dialplan.trunks import dialled_number
from rating.destination import DestinationClass
from store.store import Store
from tests.unit.ari_app.morning import TRUNK, Records, ago, epoch
from tests.unit.ari_app.office import CALL_ID, LEG, NODE, PARIS, at, changed, destroyed, entered, until
from tests.unit.ari_app.test_let_through import SomeStore
from tests.unit.ari_app.ungated_office import ALERT, HANG_UP, METER, TARGET, UNGATED_ID, Watch, created, stray, watch

PHONE = "PJSIP/101-00000001"


TALKED = timedelta(seconds=4.5)


def left(target: str = TARGET, behind: str = PHONE, owner: str = "", trunk: str = TRUNK) -> dict[str, str]:
    """Return the record of a leg that talked for 4.5 s, as its handler left it."""
    mark = owner or f"around|{UNGATED_ID}|{behind}|{target}"
    answered_at = ago(60)
    return {f"2026110209/{LEG}": f"{mark},{epoch(answered_at)},{epoch(answered_at + TALKED)},16,{trunk}"}


async def read(office: Watch, records: Records, store: SomeStore | None = None) -> list[Cdr]:
    """Have a service come, and look twice; return what it writes down."""
    found = LetThrough(cast("Store", store or SomeStore()), office.desk.board, no_leg_records)
    for _ in range(2):
        found.ask()
        await found.write_down(cast("AmiAdapter", records))
    return office.records


@pytest.mark.parametrize("setting", [METER, HANG_UP, ALERT])
async def test_leg_that_nobody_saw_has_one_record_and_its_price_is_unfunded(setting: UngatedAction) -> None:
    office = watch(setting)

    [record] = await read(office, Records(around=left()))

    assert (record.call_id, record.ungated, record.trunk) == (UNGATED_ID, True, TRUNK)
    assert record.answered_at is not None
    assert abs(record.answered_at - ago(60)) < timedelta(seconds=5)
    assert record.ended_at - record.answered_at == TALKED
    assert (record.disposition, record.end_source) == (Disposition.ANSWERED, EndSource.HANDLER)
    assert (record.extension, record.dialled, record.e164) == ("101", "+447797123456", "+447797123456")
    assert (record.charged_micros, record.unfunded_micros) == (0, 50_000)
    assert (record.deny_rule, record.hangup_side) == (None, None), "nobody hung it up"
    [told] = office.told
    assert (told["channel"], told["trunk"], told["number"]) == (LEG, TRUNK, "+44779…")
    assert (told["extension"], told["behind"]) == ("101", PHONE)
    assert office.done == ["followed"]


@pytest.mark.parametrize("target", ["112@carrier1", "33112@carrier1", "carrier1/<sip:112@10.0.0.1>"])
async def test_emergency_leg_that_nobody_saw_is_written_down_as_such(target: str) -> None:
    [record] = await read(watch(METER), Records(around=left(target)))

    assert record.destination_class is DestinationClass.EMERGENCY
    assert (record.charged_micros, record.unfunded_micros) == (0, 0)


@pytest.mark.parametrize(
    ("target", "behind"), [("carrier1/<sip:+447797123456@10.0.0.1>", ""), (TARGET, "PJSIP/carrier2-00000009")]
)
async def test_leg_of_nobody_that_nobody_saw_has_a_record_without_an_account(target: str, behind: str) -> None:
    [record] = await read(watch(), Records(around=left(target, behind)))

    assert (record.account_id, record.extension, record.dialled) == (None, "", "+447797123456")


@pytest.mark.parametrize("target", ["carrier1", "carrier1/", "x,y@carrier1", ""])
async def test_leg_whose_number_nobody_can_tell_has_a_record(target: str) -> None:
    [record] = await read(watch(), Records(around=left(target)))

    assert (record.ungated, record.charged_micros, record.unfunded_micros) == (True, 0, 0)


async def test_leg_that_is_written_down_already_is_neither_written_nor_told_of_again() -> None:
    office = watch()

    assert await read(office, Records(around=left()), SomeStore(known={UNGATED_ID})) == []
    assert office.told == []


@pytest.mark.usefixtures("quick")
async def test_leg_that_this_service_follows_is_not_written_twice() -> None:
    office = watch(ALERT)
    await office.sees(changed(0.1, stray("Up")))
    assert UNGATED_ID in office.desk.board.calls

    assert await read(office, Records(around=left())) == []


@pytest.mark.usefixtures("quick")
async def test_leg_that_ended_before_anybody_could_read_who_is_behind_it_is_known_by_its_record() -> None:
    office = watch(METER)
    del office.asterisk.channels[LEG]
    office.asterisk.around = left()

    await office.sees(created(), changed(0.1, stray("Up")), destroyed(2.1, stray("Up")))

    await until(lambda: office.records)
    [record] = office.records
    assert (record.extension, record.e164, record.charged_micros) == ("101", "+447797123456", 20_000)
    assert (record.answered_at, record.ended_at, record.end_source) == (at(0.1), at(2.1), EndSource.EVENT)


@pytest.mark.usefixtures("quick")
async def test_leg_that_is_over_is_held_for_as_long_as_it_talked(monkeypatch: pytest.MonkeyPatch) -> None:
    held_s: list[int] = []

    def meter(call: Call, leg: Leg, now: datetime, policy: MeteringPolicy, *, talked_s: int) -> tuple[Session, Any]:
        held_s.append(talked_s)
        return charging.ungated.meter(call, leg, now, policy, talked_s=talked_s)

    monkeypatch.setattr(ungated_sessions, "meter", meter)
    office = watch(METER)
    del office.asterisk.channels[LEG]
    office.asterisk.around = left()

    await office.sees(created(), changed(-60, stray("Up")), destroyed(-57.5, stray("Up")))
    await until(lambda: office.records)

    assert held_s == [3]


@pytest.mark.usefixtures("quick")
async def test_leg_whose_record_cannot_be_read_waits_for_it() -> None:
    office = watch()
    del office.asterisk.channels[LEG]
    office.asterisk.around = left()
    office.asterisk.connected = False
    await office.sees(created(), changed(0.1, stray("Up")), destroyed(2.1, stray("Up")))
    assert (office.records, office.told) == ([], [])

    office.asterisk.connected = True
    await until(lambda: office.records)

    assert (office.records[0].extension, office.records[0].unfunded_micros) == ("101", 20_000)


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("state", ["Up", "Ringing"])
async def test_leg_whose_record_names_an_unknown_call_is_written_down_where_it_was_called_from_here(state: str) -> None:
    office = watch()
    del office.asterisk.channels[LEG]
    office.asterisk.around = left(owner=f"{CALL_ID}9")
    leg = stray("Up", "")

    await office.sees(changed(0.1, replace(leg, state=state)), changed(0.2, leg), destroyed(2.1, leg))

    assert [record.dialled for record in office.records] == ([""] if state == "Ringing" else [])


@pytest.mark.usefixtures("quick")
async def test_leg_whose_record_names_the_call_that_answers_for_it_is_left_to_that() -> None:
    office = watch()
    office.desk.board.caller_entered(entered(CALL_ID, PARIS))
    del office.asterisk.channels[LEG]
    office.asterisk.around = left(owner=CALL_ID)

    await office.sees(created(), changed(0.1, stray("Up")), destroyed(2.1, stray("Up")))

    assert UNGATED_ID not in office.desk.board.calls
    assert (office.records, office.told) == ([], [])


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("kind", [MarkKind.AWAY, MarkKind.EMERGENCY])
async def test_leg_let_through_that_was_over_before_the_first_comparison_is_left_to_what_it_left(
    kind: MarkKind,
) -> None:
    office = watch()
    del office.asterisk.channels[LEG]
    office.desk.board.reconciled = False
    leg = stray("Up", leg_variable=str(LegMark(kind, f"{NODE}/7.7-1", PHONE, "0612345678")))
    await office.sees(changed(0.1, leg), destroyed(2.1, leg))
    office.desk.board.reconciled = True
    await until(lambda: not office.legs.suspects)

    assert (office.desk.board.calls, office.records, office.told) == ({}, [], [])


async def test_leg_that_left_two_records_is_known_by_the_one_of_its_own_handler() -> None:
    marked = left(owner=f"ungated|{UNGATED_ID}|PJSIP/101-|+447797123456")
    records: LegRecords = await read_leg_records(cast("AmiAdapter", Records(tree=marked, around=left())))

    [[record]] = records.values()
    assert record.mark is not None
    assert record.mark.kind is MarkKind.UNGATED


async def test_leg_that_was_marked_but_for_its_handler_is_known_by_its_mark() -> None:
    [record] = await read(watch(ALERT), Records(around=left(owner=f"ungated|{UNGATED_ID}|PJSIP/101-|+447797123456")))

    assert (record.extension, record.unfunded_micros) == ("101", 50_000)


@pytest.mark.parametrize(
    ("target", "number"),
    [
        ("carrier1/<sip:+33@h>", "+33"),
        ("carrier1/<sip:112>", "112"),
        ("carrier1/sip:112;a=b@h", "112"),
        ("carrier2/<sip:112@h>", None),
    ],
)
def test_number_is_read_from_a_to_header(target: str, number: str | None) -> None:
    assert dialled_number(target, "carrier1") == number
