"""What is read back from a disk that lied: a session, settings, a whole store. Never a traceback."""

import asyncio
import json
import sqlite3
import tomllib
from contextlib import suppress
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Table

from charging import events as ev
from charging.adoption import adopted
from charging.lost import lost_record
from charging.policy import MeteringPolicy
from charging.saved import SavedSessionError, dump_session, load_session
from charging.session import Session, begin, next_wake_at, step
from store import schema
from store.catalog import create_account
from store.location import MemoryLocation
from store.memory import MemoryWriter, memory_engine, new_database
from store.store import Store
from store.verify import Difference
from tests.fuzz.effort import fuzz
from tests.fuzz.mutation import JSON, damaged_text, mutated
from tests.integration.store.office import T0_MS, Office
from tests.unit.charging.story import LEG, TRUNK, at, emergency_call, free_call, paid_call
from tollgate.settings import SettingsError, settings_from
from tollgate.settings_faults import FORMS

POLICY = MeteringPolicy()


def _after(session: Session, *events: ev.Event) -> Session:
    for event in events:
        session, _ = step(session, event, POLICY)
    return session


def _sessions() -> list[Session]:
    """Return a call at several steps of its life, and calls of other kinds."""
    opened = (ev.SessionOpened(at(0)), ev.CallerAdmitted(at(0.1)))
    held = begin(paid_call(), POLICY)[0]
    talking = _after(held, *opened, ev.LegAnswered(at(3), LEG, TRUNK))
    renewed = _after(talking, ev.Woke(at(8)), ev.SliceGranted(at(8), 2, 60, 600_000))
    others = [begin(call, POLICY)[0] for call in (free_call(), emergency_call())]
    return [held, talking, renewed, *(_after(each, *opened) for each in others)]


SAVED = [json.loads(dump_session(each)) for each in _sessions()]


@fuzz(150)
@given(mutated(SAVED).map(json.dumps) | damaged_text([json.dumps(each) for each in SAVED]))
def test_saved_session_that_was_changed_is_a_session_or_damaged(text: str) -> None:
    try:
        session = load_session(text)
    except SavedSessionError:
        return
    assert load_session(dump_session(session)) == session


@fuzz(150)
@given(mutated(SAVED).map(json.dumps))
def test_saved_session_that_was_changed_can_be_taken_to_its_end_or_is_damaged(text: str) -> None:
    """One that stirred up an error at a later step would keep all other calls from being compared."""
    try:
        saved = load_session(text)
    except SavedSessionError:
        return
    session = adopted(saved, held_micros=100_000, paid_s=10, allowance_s=0, slice_no=2)
    lost_record(session, POLICY, last_seen_at=at(60), at=at(3600))
    legs = [ev.LegEnded(at(9), leg.channel_id, leg.trunk, 16) for leg in session.legs]
    events: tuple[ev.Event, ...] = (ev.TakenOver(at(8)), ev.Woke(at(8)), *legs, ev.CallerGone(at(9)), ev.Woke(at(500)))
    for event in events:
        next_wake_at(session, POLICY)
        session = step(session, event, POLICY)[0]


def _settings() -> dict[str, Any]:
    """Return settings in which everything is set, as their examples have it."""
    values: dict[str, Any] = {"trunks": [{"endpoint": "my-carrier", "dial_format": "plus"}]}
    for name, form in FORMS.items():
        section, dot, key = name.rpartition(".")
        if (section != "trunks" and form.example[0] != "[") or form.example.endswith("7]"):
            target = values.setdefault(section, {}) if dot else values
            target[key] = tomllib.loads(f"value = {form.example}")["value"]
    return values


SETTINGS = _settings()


@fuzz(100)
@given(mutated([SETTINGS]))
def test_settings_that_were_changed_are_settings_or_one_sentence(values: dict[str, Any]) -> None:
    try:
        settings_from(values, Path("/etc/tollgate/tollgate.toml"))
    except SettingsError as error:
        told = str(error)
    else:
        return
    assert 0 < len(told) < 1000
    assert "\n" not in told


CELLS = (
    st.none()
    | st.integers(-5, 5)
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False)
    | st.text(max_size=8)
    | st.binary(max_size=4)
    | JSON.map(json.dumps)
)
PLACES = st.tuples(st.sampled_from(schema.metadata.sorted_tables), st.integers(0, 60), CELLS)


async def _fill(store: Store) -> None:
    account_id = await store.apply(create_account(name="main", currency="EUR", timezone="Europe/Paris", at_ms=T0_MS))
    office = Office(store, account_id)
    await office.fund(1_000_000, "start", expires_at_ms=T0_MS + 86_400_000)
    for call_id in ("a", "b", "c"):
        await office.open(call_id)
    await office.settle("a", 40_000)
    await office.renew("b", 2)


async def _verified(damage: list[tuple[Table, int, Any]]) -> list[Difference]:
    """Return what ``verify`` says of a store in which cells were written over behind its back."""
    connection = new_database()
    async with Store(MemoryLocation(connection), MemoryWriter(connection), memory_engine(connection)) as store:
        await _fill(store)
        connection.execute("PRAGMA foreign_keys = OFF")
        connection.execute("PRAGMA ignore_check_constraints = ON")
        for table, index, value in damage:
            column = list(table.columns)[index % len(table.columns)]
            with suppress(sqlite3.IntegrityError):
                connection.execute(f'UPDATE OR IGNORE "{table.name}" SET "{column.name}" = ?', (value,))
        return list(await store.verify())


@fuzz(25)
@given(st.lists(PLACES, max_size=3))
def test_store_with_cells_written_over_is_verified_all_the_same(damage: list[tuple[Table, int, Any]]) -> None:
    differences = asyncio.run(_verified(damage))
    assert all(difference.check for difference in differences), "a call without an id has no name either"


def test_store_that_nobody_wrote_over_is_clean() -> None:
    assert asyncio.run(_verified([])) == []
