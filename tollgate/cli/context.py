"""What every command needs: its settings, an open store, the account it is about."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from rating.money import MoneyError, format_money, parse_money
from store import office_zone
from store.errors import UnknownAccountError
from store.records import Account
from store.store import Store
from tollgate.cli.errors import BadInputError
from tollgate.settings import Settings, load_settings

T = TypeVar("T")
_WITH_COMMA = re.compile(r"[+-]?[0-9]{1,12},[0-9]{1,6}")

MAIN_ACCOUNT = office_zone.MAIN_ACCOUNT

JsonOption = Annotated[bool, typer.Option("--json", help="Write one JSON document.")]
AccountOption = Annotated[str, typer.Option("--account", metavar="A", help="The account.")]


def settings_of(ctx: typer.Context) -> Settings:
    """Return the settings that ``--config``, the environment or the usual places give.

    Raises:
        SettingsError: they cannot be used.
    """
    named = settings_file_of(ctx)
    return load_settings(named)


def settings_file_of(ctx: typer.Context) -> Path | None:
    """Return the settings file that was named by ``--config``."""
    named = ctx.find_root().obj
    return named if isinstance(named, Path) else None


def with_store(ctx: typer.Context, work: Callable[[Store], Awaitable[T]]) -> T:
    """Do ``work`` on the open store and return its answer.

    Raises:
        SettingsError, StoreError: there is no usable store.
    """
    return asyncio.run(on_store(settings_of(ctx), work))


async def on_store(settings: Settings, work: Callable[[Store], Awaitable[T]]) -> T:
    """Open the store of these settings for as long as ``work`` takes."""
    async with await Store.open(settings.database_url) as store:
        return await work(store)


async def require_account(store: Store, name: str) -> Account:
    """Return the account of that name.

    Raises:
        UnknownAccountError: there is none.
    """
    account = await store.account(name)
    if account is None:
        raise UnknownAccountError(f"there is no account {name}; `tollgate account list` shows them")
    return account


def amount_micros(text: str, what: str) -> int:
    """Read an amount of money from the command line.

    Raises:
        BadInputError: it is no exact decimal number.
    """
    try:
        return parse_money(text)
    except MoneyError as error:
        raise BadInputError(f"{what} {text!r} is no amount of money", _how_to_write(text)) from error


def _how_to_write(text: str) -> str:
    if _WITH_COMMA.fullmatch(text):
        return f"write a point and no comma: {text.replace(',', '.')}"
    return "write digits with a point and at most 6 decimals, without a currency, such as 10 or 9.99"


def with_currency(micros: int, currency: str) -> str:
    """Write an amount for people: ``9.99 EUR``."""
    return f"{format_money(micros)} {currency}"
