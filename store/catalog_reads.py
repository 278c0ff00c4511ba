"""Reading the catalog: accounts, extensions, plans, decks and their rates."""

from collections.abc import AsyncIterator

from sqlalchemy import Select, select

from rating.deck import Rate
from store import schema
from store.reads import Reads
from store.records import Account, DeckInfo, Extension

_ACCOUNT = schema.account.c
_EXTENSION = schema.extension.c
_DECK = schema.deck.c
_RATE = schema.rate.c
_RATES_AT_ONCE = 2000

SELECT_DECKS = select(_DECK.id, _DECK.name, _DECK.currency, _DECK.generation, _DECK.updated_at_ms)
# The generation in force is looked up in the same statement, so that a switch meanwhile can not mix two.
SELECT_RATES = (
    select(
        _RATE.prefix,
        _RATE.destination,
        _RATE.per_minute_micros,
        _RATE.connect_fee_micros,
        _RATE.initial_increment_s,
        _RATE.increment_s,
        _RATE.minimum_charge_micros,
        _RATE.barred,
    )
    .join(schema.deck, (_DECK.id == _RATE.deck_id) & (_DECK.generation == _RATE.generation))
    .order_by(_RATE.prefix)
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
        return await self._accounts(select(schema.account).order_by(_ACCOUNT.name))

    async def account(self, name: str) -> Account | None:
        """Answer the account of that name."""
        found = await self._accounts(select(schema.account).where(_ACCOUNT.name == name))
        return found[0] if found else None

    async def account_by_id(self, account_id: int) -> Account | None:
        """Answer the account of that id."""
        found = await self._accounts(select(schema.account).where(_ACCOUNT.id == account_id))
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

    async def deck_rates(self, name: str) -> AsyncIterator[Rate]:
        """Yield the rates in force of a deck by prefix, all of one generation; none for an unknown deck.

        Iterate to the end, or close the iterator: it holds a connection.
        """
        async with self._reading() as connection:
            rows = await connection.stream(SELECT_RATES.where(_DECK.name == name))
            async for part in rows.mappings().partitions(_RATES_AT_ONCE):
                for row in part:
                    yield Rate(**row)

    async def _accounts(self, query: Select[*tuple[object, ...]]) -> list[Account]:
        async with self._reading() as connection:
            return [Account(**row) for row in (await connection.execute(query)).mappings()]

    async def _extensions(self, query: Select[*tuple[object, ...]]) -> list[Extension]:
        async with self._reading() as connection:
            return [Extension(**row) for row in (await connection.execute(query)).mappings()]
