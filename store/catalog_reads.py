"""Reading the catalog: accounts, extensions, plans, decks and their rates."""

from collections.abc import AsyncGenerator
from dataclasses import fields

from sqlalchemy import Select, exists, select

from rating.deck import DeckRows, Rate
from store import schema
from store.deck_memory import read_deck_rows
from store.rate_rows import SELECT_RATES, rate_from_row
from store.reads import Reads
from store.records import Account, DeckInfo, Extension

_ACCOUNT = schema.account.c
_EXTENSION = schema.extension.c
_DECK = schema.deck.c
_RATE = schema.rate.c
_ACCOUNT_COLUMNS = tuple(_ACCOUNT[field.name] for field in fields(Account))
_RATES_AT_ONCE = 250
"""Rates of one page: about a millisecond of the event loop's time."""

SELECT_DECKS = select(_DECK.id, _DECK.name, _DECK.currency, _DECK.generation, _DECK.updated_at_ms)
_LATER = schema.rate.alias("later")
# Validities of one prefix follow each other: of two, the earlier ends before the later begins.
SELECT_OVERLAP = (
    select(_RATE.prefix)
    .where(
        exists().where(
            _LATER.c.deck_id == _RATE.deck_id,
            _LATER.c.generation == _RATE.generation,
            _LATER.c.prefix == _RATE.prefix,
            _LATER.c.effective_from_ms > _RATE.effective_from_ms,
            _RATE.effective_until_ms.is_(None) | (_LATER.c.effective_from_ms < _RATE.effective_until_ms),
        )
    )
    .limit(1)
)


class CatalogReads(Reads):
    """Read methods of the catalog; whatever is not there is None or empty."""

    async def catalog_version(self) -> int:
        """Answer the number that every change of the catalog moves."""
        async with self._reading() as connection:
            version = await connection.scalar(select(schema.catalog_version.c.version))
        return int(version or 0)

    async def accounts(self) -> list[Account]:
        """Answer all accounts by name."""
        return await self._accounts(select(*_ACCOUNT_COLUMNS).order_by(_ACCOUNT.name))

    async def account(self, name: str) -> Account | None:
        """Answer the account of that name."""
        found = await self._accounts(select(*_ACCOUNT_COLUMNS).where(_ACCOUNT.name == name))
        return found[0] if found else None

    async def account_by_id(self, account_id: int) -> Account | None:
        """Answer the account of that id."""
        found = await self._accounts(select(*_ACCOUNT_COLUMNS).where(_ACCOUNT.id == account_id))
        return found[0] if found else None

    async def extensions(self, account_id: int | None = None) -> list[Extension]:
        """Answer the extensions of an account, or all, by number."""
        query = select(schema.extension).order_by(_EXTENSION.number)
        if account_id is not None:
            query = query.where(_EXTENSION.account_id == account_id)
        return await self._extensions(query)

    async def extension(self, number: str) -> Extension | None:
        """Answer the extension of that number."""
        found = await self._extensions(select(schema.extension).where(_EXTENSION.number == number))
        return found[0] if found else None

    async def extension_by_endpoint(self, endpoint: str) -> Extension | None:
        """Answer the extension whose phone is ``endpoint`` (``PJSIP/101``)."""
        found = await self._extensions(select(schema.extension).where(_EXTENSION.endpoint == endpoint))
        return found[0] if found else None

    async def plans(self) -> dict[str, str]:
        """Answer the TOML text of all plans, by name."""
        async with self._reading() as connection:
            rows = await connection.execute(select(schema.plan.c.name, schema.plan.c.toml).order_by(schema.plan.c.name))
            return {str(name): str(toml) for name, toml in rows}

    async def plan_text(self, name: str) -> str | None:
        """Answer the TOML text of a plan."""
        async with self._reading() as connection:
            toml = await connection.scalar(select(schema.plan.c.toml).where(schema.plan.c.name == name))
        return None if toml is None else str(toml)

    async def decks(self) -> list[DeckInfo]:
        """Answer all decks by name, without their rates."""
        async with self._reading() as connection:
            rows = await connection.execute(SELECT_DECKS.order_by(_DECK.name))
            return [DeckInfo(**row) for row in rows.mappings()]

    async def deck(self, name: str) -> DeckInfo | None:
        """Answer the deck of that name, without its rates."""
        async with self._reading() as connection:
            row = (await connection.execute(SELECT_DECKS.where(_DECK.name == name))).mappings().first()
        return None if row is None else DeckInfo(**row)

    async def deck_rates(self, name: str) -> AsyncGenerator[Rate, None]:
        """Yield the deck's rates by prefix and begin, all of the generation in force; none for an unknown deck.

        They are read in pages, with the event loop free between them. Iterate to the end, or close the
        iterator: it holds a connection.

        Raises:
            RatingError: what is stored is no rate.
        """
        async with self._reading() as connection:
            query = SELECT_RATES.where(_DECK.name == name)
            rows = await connection.stream(query, execution_options={"yield_per": _RATES_AT_ONCE})
            async for part in rows.partitions():
                for row in part:
                    yield rate_from_row(row)

    async def deck_rows(self, name: str) -> DeckRows:
        """Answer the deck's rates ready for look-ups, much quicker than :meth:`deck_rates`, while calls go on.

        Raises:
            RatingError, ValueError, TypeError: what is stored is no deck.
        """
        return await read_deck_rows(self._location, name)

    async def rates_of(self, deck: str, number: str) -> list[Rate]:
        """Answer the deck's rates whose prefix begins ``number``, by prefix and begin: few, however long the deck is.

        Args:
            deck: Its name; none for an unknown one.
            number: As :meth:`rating.deck.Deck.lookup` takes it.

        Raises:
            RatingError: what is stored is no rate.
        """
        bare = number.removeprefix("+")
        prefixes = [bare[:length] for length in range(1, len(bare) + 1)]
        query = SELECT_RATES.where(_DECK.name == deck, _RATE.prefix.in_(prefixes))
        async with self._reading() as connection:
            return [rate_from_row(row) for row in await connection.execute(query)]

    async def overlapping_prefix(self, deck_id: int, generation: int) -> str | None:
        """Answer a prefix that is priced twice at the same time in a generation of a deck; None: none is."""
        query = SELECT_OVERLAP.where(_RATE.deck_id == deck_id, _RATE.generation == generation)
        async with self._reading() as connection:
            prefix = await connection.scalar(query)
        return None if prefix is None else str(prefix)

    async def _accounts(self, query: Select[*tuple[object, ...]]) -> list[Account]:
        async with self._reading() as connection:
            return [Account(**row) for row in (await connection.execute(query)).mappings()]

    async def _extensions(self, query: Select[*tuple[object, ...]]) -> list[Extension]:
        async with self._reading() as connection:
            return [Extension(**row) for row in (await connection.execute(query)).mappings()]
