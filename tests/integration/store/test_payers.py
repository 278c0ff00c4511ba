"""The catalog of who pays, read while an administrator changes it."""

from dataclasses import replace

import pytest

from rating.caps import NO_CAPS, Caps
from rating.decision import DenyReason
from rating.deck import Rate
from rating.dialled import DialRules
from rating.hours import parse_hours
from rating.permissions import ALL_PERMITTED, Permissions, parse_destinations
from store.catalog import create_account, put_plan, set_account
from store.extensions import ExtensionSettings, add_extension
from store.payers import Payer, decide_for, empty_catalog, load_catalog
from store.records import Account
from tests.integration.store.office import T0_MS, Office


async def test_account_and_extension_added_while_the_catalog_is_read_come_with_the_next_version(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    read_accounts = office.store.accounts

    async def then_add() -> list[Account]:
        accounts = await read_accounts()
        account_id = await office.store.apply(create_account(name="new", currency="EUR", timezone="UTC", at_ms=T0_MS))
        phone = ExtensionSettings(number="109", account_id=account_id, endpoint="PJSIP/109")
        await office.store.apply(add_extension(phone, at_ms=T0_MS))
        return accounts

    monkeypatch.setattr(office.store, "accounts", then_add)
    first = await load_catalog(office.store, empty_catalog(DialRules(home_region="FR")))
    monkeypatch.undo()
    second = await load_catalog(office.store, first)

    assert first.payer_at("PJSIP/109") is None
    added = second.payer_at("PJSIP/109")
    assert added is not None
    assert added.account.name == "new"


RULES = DialRules(home_region="FR")
UK = Rate(prefix="44", destination="United Kingdom", per_minute_micros=100, initial_increment_s=1, increment_s=1)
PLAN = """
name = "office"
title = "Office"
home_region = "FR"
deck = "example"
[[included]]
regions = ["FR"]
types = ["fixed"]
"""


async def payer_of(office: Office, settings: ExtensionSettings) -> Payer:
    """Add the extension and return it as the gate sees it."""
    await office.store.apply(add_extension(settings, at_ms=T0_MS))
    payer = (await load_catalog(office.store, empty_catalog(RULES))).payer(settings.number)
    assert payer is not None
    return payer


LIMITED = ExtensionSettings(
    number="101",
    account_id=1,
    endpoint="PJSIP/101",
    daily_cap_micros=5_000_000,
    max_calls=2,
    max_rate_micros=500_000,
    longest_call_s=600,
    allow_list="GB,national",
    deny_list="premium",
    hours="mon-fri 08:00-19:00",
)


async def test_payer_has_the_limits_of_extension_and_account(office: Office) -> None:
    await office.store.apply(
        set_account(name="main", timezone="Europe/Paris", month_day=1, plan=None, monthly_cap_micros=9)
    )
    payer = await payer_of(office, LIMITED)
    assert payer.permissions == Permissions(
        extension="101",
        allow=parse_destinations("GB,national"),
        deny=parse_destinations("premium"),
        hours=parse_hours("mon-fri 08:00-19:00"),
        max_rate_micros=500_000,
        longest_call_s=600,
        max_calls=2,
    )
    assert (payer.caps, payer.account_caps) == (Caps(5_000_000, None), Caps(None, 9))


async def test_nameless_payer_has_the_limits_of_its_account_alone(office: Office) -> None:
    await payer_of(office, LIMITED)
    catalog = await load_catalog(office.store, empty_catalog(RULES))
    account = await office.store.account("main")
    assert account is not None
    nameless = catalog.payer_for_account(account)
    assert (nameless.permissions, nameless.caps, nameless.account_caps) == (ALL_PERMITTED, NO_CAPS, NO_CAPS)


@pytest.mark.parametrize(("column", "name"), [("allow_list", "allow"), ("deny_list", "deny"), ("hours", "hours")])
async def test_permissions_that_cannot_be_read_refuse_paid_calls(office: Office, column: str, name: str) -> None:
    await office.store.import_deck(name="example", currency="EUR", rates=[UK], at_ms=T0_MS)
    await office.store.apply(put_plan(name="office", toml=PLAN, at_ms=T0_MS))
    broken = ExtensionSettings(number="101", account_id=1, endpoint="PJSIP/101", plan="office", longest_call_s=60)
    payer = await payer_of(office, replace(broken, **{column: "what is this"}))  # type: ignore[arg-type]  # a text
    assert payer.permissions == Permissions(extension="101", longest_call_s=60)
    rule = f"extension 101: its {name} cannot be read: tollgate extension set 101 --{name}"
    assert payer.fault == rule

    catalog = await load_catalog(office.store, empty_catalog(RULES))
    refused = decide_for(payer, "00442079460018", catalog, T0_MS)
    assert (refused.deny_reason, refused.deny_rule) == (DenyReason.NO_RATE, rule)
    assert decide_for(payer, "0142685300", catalog, T0_MS).admitted
    assert decide_for(payer, "112", catalog, T0_MS).admitted


async def test_hours_are_those_of_the_account_s_zone(office: Office) -> None:
    await office.store.import_deck(name="example", currency="EUR", rates=[UK], at_ms=T0_MS)
    await office.store.apply(put_plan(name="office", toml=PLAN, at_ms=T0_MS))
    # 09:00 UTC is 10:00 in Paris.
    phone = ExtensionSettings(number="101", account_id=1, endpoint="PJSIP/101", plan="office", hours="mon 10:00-11:00")
    payer = await payer_of(office, phone)
    catalog = await load_catalog(office.store, empty_catalog(RULES))
    hour_ms = 3_600_000
    answers = [decide_for(payer, "00442079460018", catalog, T0_MS + shift) for shift in (-1, 0, hour_ms - 1, hour_ms)]
    assert [answer.deny_reason for answer in answers] == [
        DenyReason.OUTSIDE_HOURS,
        None,
        None,
        DenyReason.OUTSIDE_HOURS,
    ]
