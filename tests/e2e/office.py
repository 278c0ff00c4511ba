"""The office of the end-to-end tests: its account, plan, prices and extensions, and the numbers that it calls."""

from datetime import UTC, datetime
from pathlib import Path

from ari_app.clock import epoch_ms
from rating.deck import Rate
from rating.deck_import import BadRow, parse_deck_csv
from rating.money import parse_money
from rating.plan import Plan
from store.catalog import create_account, put_plan
from store.extensions import ExtensionSettings, add_extension
from store.funds import add_funds
from store.store import Store

PLAN_FILE = Path(__file__).parents[2] / "tollgate" / "data" / "plan-fr-office.toml"
EXTENSIONS = ("101", "102", "103", "104")

INCLUDED = "0612345678"
SECOND_PRICED = "00299321212"
"""Greenland: 0.60 a minute, 1/1, so a second costs 0.01."""
MINUTE_PRICED = "005352123456"
"""Cuba: 1.00 a minute, 60/60."""
WITH_CONNECT_FEE = "0899123456"
"""French premium: 0.80 a minute, connection 0.10, at least 0.50, 1/1."""
UNPRICED = "0068820123"
"""Tuvalu: this deck has no rate for it."""
DECK = """\
prefix,destination,per_minute,connect_fee,initial_increment_s,increment_s,minimum_charge
299,Greenland,0.60,0,1,1,0
53,Cuba,1.00,0,60,60,0
33899,French premium,0.80,0.10,1,1,0.50
447797,Jersey mobile,0.19,0,1,1,0
"""


async def fill_store(url: str, plan: Plan, funds: str, more: str = "") -> None:
    """Make a store with the plan, the deck, the extensions and so much money."""
    at_ms = epoch_ms(datetime.now(UTC))
    rates = list(parse_deck_csv(DECK.splitlines(keepends=True)))
    assert not [row for row in rates if isinstance(row, BadRow)]
    async with await Store.create(url) as store:
        toml = PLAN_FILE.read_text(encoding="utf-8") + more
        await store.apply(put_plan(name=plan.name, toml=toml, at_ms=at_ms))
        await store.import_deck(
            name=plan.deck, currency="EUR", rates=[rate for rate in rates if isinstance(rate, Rate)], at_ms=at_ms
        )
        account_id = await store.apply(
            create_account(name="main", currency="EUR", timezone="Europe/Paris", plan=plan.name, at_ms=at_ms)
        )
        for extension in EXTENSIONS:
            settings = ExtensionSettings(number=extension, account_id=account_id, endpoint=f"PJSIP/{extension}")
            await store.apply(add_extension(settings, at_ms=at_ms))
        micros = parse_money(funds)
        if micros:
            await store.apply(
                add_funds(
                    account_id=account_id, amount_micros=micros, reference="first", at_ms=at_ms, expires_at_ms=None
                )
            )
