"""Loading a deck without holding up calls.

Rates go into a new *generation*, chunk by chunk; then one row switches to it.
Each chunk is a transaction of its own, short enough for calls to pass between them. Nobody reads a generation
before it is in force. The generations left behind, replaced or given up, are deleted in chunks too.
"""

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import bindparam, delete, insert, literal_column, select, tuple_, update

from rating.deck import Rate
from store import schema
from store.catalog import BUMP_VERSION
from store.errors import DeckCurrencyError, DeckImportSupersededError
from store.operation import Operation, Params, Sql

RATES_PER_CHUNK = 1000
"""Rates written or deleted in one transaction: a few milliseconds of the writer's time."""

_DECK = schema.deck.c
_RATE = schema.rate.c

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
INSERT_RATE = Sql(insert(schema.rate).values({column.name: bindparam(column.name) for column in _RATE}))
SWITCH = Sql(
    update(schema.deck)
    .where(_DECK.id == bindparam("deck_id"), _DECK.generation < bindparam("to_generation"))
    .values(generation=bindparam("to_generation"), updated_at_ms=bindparam("at_ms"))
    .returning(_DECK.id)
)
_KEY = (_RATE.deck_id, _RATE.generation, _RATE.prefix)
DELETE_RATES = Sql(
    delete(schema.rate)
    .where(
        tuple_(*_KEY).in_(
            select(*_KEY)
            .where(
                _RATE.deck_id == bindparam("of_deck_id"),
                _RATE.generation >= bindparam("from_generation"),
                _RATE.generation < bindparam("to_generation"),
            )
            .limit(literal_column(str(RATES_PER_CHUNK)))
        )
    )
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


def add_rates(deck_import: DeckImport, rates: Sequence[Rate]) -> Operation[None]:
    """Write one chunk of rates, at most ``RATES_PER_CHUNK``.

    Raises:
        ValueError: the chunk is too long for one transaction.
        StoreConstraintError: a prefix is there twice.
    """
    if len(rates) > RATES_PER_CHUNK:
        raise ValueError(f"a chunk has at most {RATES_PER_CHUNK} rates, not {len(rates)}")
    yield INSERT_RATE.many([_rate_params(deck_import, rate) for rate in rates])


def activate_deck(deck_import: DeckImport, *, at_ms: int) -> Operation[None]:
    """Put the imported generation in force.

    Raises:
        DeckImportSupersededError: a later import is in force already.
    """
    switched = yield SWITCH(deck_id=deck_import.deck_id, to_generation=deck_import.generation, at_ms=at_ms)
    if not switched:
        raise DeckImportSupersededError("a later import of this deck went live first; import again if it is stale")
    yield BUMP_VERSION()


def delete_replaced_rates(deck_import: DeckImport) -> Operation[int]:
    """Delete a chunk of the generations before this one; answer how many rates, 0 when none are left."""
    return (yield from _delete_chunk(deck_import.deck_id, 0, deck_import.generation))


def delete_imported_rates(deck_import: DeckImport) -> Operation[int]:
    """Delete a chunk of an import that is given up; answer how many rates, 0 when there are none left."""
    return (yield from _delete_chunk(deck_import.deck_id, deck_import.generation, deck_import.generation + 1))


def _delete_chunk(deck_id: int, from_generation: int, to_generation: int) -> Operation[int]:
    deleted = yield DELETE_RATES(of_deck_id=deck_id, from_generation=from_generation, to_generation=to_generation)
    return len(deleted)


def _rate_params(deck_import: DeckImport, rate: Rate) -> Params:
    return {
        "deck_id": deck_import.deck_id,
        "generation": deck_import.generation,
        "prefix": rate.prefix,
        "destination": rate.destination,
        "per_minute_micros": rate.per_minute_micros,
        "connect_fee_micros": rate.connect_fee_micros,
        "initial_increment_s": rate.initial_increment_s,
        "increment_s": rate.increment_s,
        "minimum_charge_micros": rate.minimum_charge_micros,
        "barred": rate.barred,
    }
