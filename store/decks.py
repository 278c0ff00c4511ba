"""Loading a deck without holding up calls.

Rates go into a new *generation*, chunk by chunk; then one row switches to it.
Each chunk is a transaction of its own, short enough for calls to pass between them. Nobody reads a generation
before it is in force. The generations left behind, replaced or given up, are deleted in chunks too.

Chunks need not be durable one by one, only before the switch, whose commit flushes them all (``store.sqlite``).
After a power cut there is a part of a generation that is not in force, or of one that is no longer: the next import
of the deck deletes it. Who does all this in order is ``store.deck_loading``.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from sqlalchemy import BigInteger, bindparam, delete, insert, literal_column, select, update

from rating.deck import Rate, SharedRate
from store import schema
from store.catalog import BUMP_VERSION
from store.errors import DeckCurrencyError, DeckImportSupersededError
from store.operation import Operation, Row, Sql
from store.rate_rows import RATE_COLUMNS, RowMaker, with_period_list

_DECK = schema.deck.c
_RATE = schema.rate.c
_PERIODS = schema.period_list.c

SELECT_DECK = Sql(select(_DECK.id, _DECK.currency).where(_DECK.name == bindparam("of_name")))
INSERT_DECK = Sql(
    insert(schema.deck)
    .values(
        name=bindparam("name"),
        currency=bindparam("currency"),
        generation=literal_column("0"),
        last_generation=literal_column("0"),
        updated_at_ms=bindparam("at_ms"),
    )
    .returning(_DECK.id)
)
NEXT_GENERATION = Sql(
    update(schema.deck)
    .where(_DECK.id == bindparam("deck_id"))
    .values(last_generation=_DECK.last_generation + literal_column("1"))
    .returning(_DECK.last_generation)
)
INSERT_RATE = Sql(insert(schema.rate).values({name: bindparam(name) for name in RATE_COLUMNS}))
SELECT_PERIOD_LIST = Sql(select(_PERIODS.id).where(_PERIODS.hours == bindparam("of_hours")))
INSERT_PERIOD_LIST = Sql(insert(schema.period_list).values(hours=bindparam("hours")).returning(_PERIODS.id))
SWITCH = Sql(
    update(schema.deck)
    .where(_DECK.id == bindparam("deck_id"), _DECK.generation < bindparam("to_generation"))
    .values(generation=bindparam("to_generation"), updated_at_ms=bindparam("at_ms"))
    .returning(_DECK.id)
)
# A chunk is a range of the key, which is found and deleted without looking at any other row.
SELECT_OLDEST_GENERATION = Sql(
    select(_RATE.generation)
    .where(
        _RATE.deck_id == bindparam("deck_id"),
        _RATE.generation >= bindparam("from_generation"),
        _RATE.generation < bindparam("to_generation"),
    )
    .order_by(_RATE.generation)
    .limit(literal_column("1"))
)
SELECT_CHUNK_END = Sql(
    select(_RATE.prefix)
    .where(_RATE.deck_id == bindparam("deck_id"), _RATE.generation == bindparam("generation"))
    .order_by(_RATE.prefix)
    .limit(literal_column("1"))
    .offset(bindparam("rows_before", type_=BigInteger))
)
DELETE_UP_TO = Sql(
    delete(schema.rate)
    .where(
        _RATE.deck_id == bindparam("of_deck_id"),
        _RATE.generation == bindparam("of_generation"),
        _RATE.prefix <= bindparam("last_prefix"),
    )
    .returning(literal_column("1"))
)
DELETE_REST = Sql(
    delete(schema.rate)
    .where(_RATE.deck_id == bindparam("of_deck_id"), _RATE.generation == bindparam("of_generation"))
    .returning(literal_column("1"))
)


class DeckImport(NamedTuple):
    """A deck being loaded: the generation that its rates go into."""

    deck_id: int
    generation: int


def begin_deck_import(*, name: str, currency: str, at_ms: int) -> Operation[DeckImport]:
    """Reserve a generation of the deck, which is created where there is none of that name.

    Raises:
        DeckCurrencyError: the deck is in another currency.
    """
    rows = yield SELECT_DECK(of_name=name)
    if not rows:
        rows = yield INSERT_DECK(name=name, currency=currency, at_ms=at_ms)
    elif rows[0][1] != currency:
        raise DeckCurrencyError(f"deck {name} is in {rows[0][1]}, not {currency}; import under another name")
    deck_id = int(rows[0][0])
    generations = yield NEXT_GENERATION(deck_id=deck_id)
    return DeckImport(deck_id, int(generations[0][0]))


def row_maker(deck_import: DeckImport) -> RowMaker:
    """Answer what makes rows of this import's rates, for all of its chunks."""
    return RowMaker(deck_import.deck_id, deck_import.generation)


def add_rates(maker: RowMaker, rates: Iterable[Rate | SharedRate]) -> Operation[None]:
    """Write one chunk of rates.

    Raises:
        StoreConstraintError: two rates of a prefix begin at the same time.
    """
    # Made here, by the caller: the operation itself runs inside the transaction.
    rows, hours_of = maker.rows(rates)
    return _insert_rates(rows, hours_of)


def _insert_rates(rows: list[Row], hours_of: Mapping[int, str]) -> Operation[None]:
    list_ids = {}
    for hours in sorted(set(hours_of.values())):
        list_ids[hours] = yield from _period_list_id(hours)
    for place, hours in hours_of.items():
        rows[place] = with_period_list(rows[place], list_ids[hours])
    yield INSERT_RATE.many(rows)


def _period_list_id(hours: str) -> Operation[int]:
    rows = yield SELECT_PERIOD_LIST(of_hours=hours)
    if not rows:
        rows = yield INSERT_PERIOD_LIST(hours=hours)
    return int(rows[0][0])


def activate_deck(deck_import: DeckImport, *, at_ms: int) -> Operation[None]:
    """Put the imported generation in force.

    Raises:
        DeckImportSupersededError: a later import is in force already.
    """
    switched = yield SWITCH(deck_id=deck_import.deck_id, to_generation=deck_import.generation, at_ms=at_ms)
    if not switched:
        raise DeckImportSupersededError("a later import of this deck went live first; import again if it is stale")
    yield BUMP_VERSION()


def delete_replaced_rates(deck_import: DeckImport, *, at_most: int) -> Operation[int]:
    """Delete a chunk of the generations before this one; answer how many rates, 0 when none are left."""
    return (yield from _delete_chunk(deck_import.deck_id, 0, deck_import.generation, at_most))


def delete_imported_rates(deck_import: DeckImport, *, at_most: int) -> Operation[int]:
    """Delete a chunk of an import that is given up; answer how many rates, 0 when there are none left."""
    generation = deck_import.generation
    return (yield from _delete_chunk(deck_import.deck_id, generation, generation + 1, at_most))


def _delete_chunk(deck_id: int, from_generation: int, to_generation: int, at_most: int) -> Operation[int]:
    oldest = yield SELECT_OLDEST_GENERATION(
        deck_id=deck_id, from_generation=from_generation, to_generation=to_generation
    )
    if not oldest:
        return 0
    generation = oldest[0][0]
    ends = yield SELECT_CHUNK_END(deck_id=deck_id, generation=generation, rows_before=at_most - 1)
    if ends:
        deleted = yield DELETE_UP_TO(of_deck_id=deck_id, of_generation=generation, last_prefix=ends[0][0])
    else:
        deleted = yield DELETE_REST(of_deck_id=deck_id, of_generation=generation)
    return len(deleted)
