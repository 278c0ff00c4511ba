"""Accounts, extensions and plans, and the version that moves with them."""

import time
from dataclasses import replace

import pytest

from store.catalog import create_account, put_plan, set_account
from store.errors import (
    DuplicateNameError,
    LimitCurrencyError,
    StoreError,
    UnknownAccountError,
    UnknownExtensionError,
    UnknownPlanError,
)
from store.extensions import (
    EXTENSIONS_AT_ONCE,
    ExtensionChanges,
    ExtensionSettings,
    add_extension,
    put_extensions,
    set_extensions,
)
from tests.integration.store.office import T0_MS, Office

PHONE = ExtensionSettings(number="101", account_id=1, endpoint="PJSIP/101", language="fr")


async def test_account_is_read_by_name_and_by_id(office: Office) -> None:
    account = await office.store.account("main")
    assert account is not None
    assert (account.currency, account.timezone, account.plan) == ("EUR", "Europe/Paris", None)
    assert await office.store.account_by_id(account.id) == account
    assert await office.store.accounts() == [account]
    assert await office.store.account("nobody") is None
    assert await office.store.account_by_id(99) is None
    assert await office.store.balance(99) is None


async def test_account_with_a_taken_name_or_an_unknown_plan_is_refused(office: Office) -> None:
    with pytest.raises(DuplicateNameError):
        await office.store.apply(create_account(name="main", currency="USD", timezone="UTC", at_ms=T0_MS))
    with pytest.raises(UnknownPlanError):
        await office.store.apply(create_account(name="b", currency="EUR", timezone="UTC", plan="no", at_ms=T0_MS))
    assert [account.name for account in await office.store.accounts()] == ["main"]


async def test_plan_is_put_and_put_again(office: Office) -> None:
    await office.store.apply(put_plan(name="fr", toml="a = 1", at_ms=T0_MS))
    await office.store.apply(put_plan(name="fr", toml="a = 2", at_ms=T0_MS))
    assert await office.store.plan_text("fr") == "a = 2"
    assert await office.store.plans() == {"fr": "a = 2"}
    assert await office.store.plan_text("de") is None


async def test_extension_is_added_read_and_set(office: Office) -> None:
    extension_id = await office.store.apply(add_extension(PHONE, at_ms=T0_MS))
    extension = await office.store.extension("101")
    assert extension is not None
    assert (extension.id, extension.endpoint, extension.prepaid) == (extension_id, "PJSIP/101", True)
    assert await office.store.extension_by_endpoint("PJSIP/101") == extension
    await office.store.apply(set_extensions({"101": {"endpoint": "PJSIP/desk", "prepaid": False}}))
    moved = await office.store.extension("101")
    assert moved == replace(extension, endpoint="PJSIP/desk", prepaid=False)
    assert await office.store.extension_by_endpoint("PJSIP/101") is None
    assert await office.store.extensions(office.account_id) == [moved]
    assert await office.store.extensions(99) == []


async def test_extension_with_a_taken_name_is_refused(office: Office) -> None:
    await office.store.apply(add_extension(PHONE, at_ms=T0_MS))
    await office.store.apply(add_extension(replace(PHONE, number="102", endpoint="PJSIP/102"), at_ms=T0_MS))
    with pytest.raises(DuplicateNameError, match="101"):
        await office.store.apply(add_extension(replace(PHONE, endpoint="PJSIP/9"), at_ms=T0_MS))
    with pytest.raises(DuplicateNameError, match="101"):
        await office.store.apply(add_extension(replace(PHONE, number="9"), at_ms=T0_MS))
    with pytest.raises(DuplicateNameError, match="102"):
        await office.store.apply(set_extensions({"101": {"endpoint": "PJSIP/102"}}))
    assert [extension.number for extension in await office.store.extensions()] == ["101", "102"]


async def test_extension_with_unknown_references_is_refused(office: Office) -> None:
    with pytest.raises(UnknownAccountError):
        await office.store.apply(add_extension(replace(PHONE, account_id=99), at_ms=T0_MS))
    with pytest.raises(UnknownPlanError):
        await office.store.apply(add_extension(replace(PHONE, plan="no"), at_ms=T0_MS))
    with pytest.raises(UnknownExtensionError):
        await office.store.apply(set_extensions({"101": {}}))


async def test_version_moves_with_each_change_and_not_with_calls(office: Office) -> None:
    before = await office.store.catalog_version()
    await office.open("a")
    await office.settle("a", 0)
    assert await office.store.catalog_version() == before
    await office.store.apply(put_plan(name="fr", toml="", at_ms=T0_MS))
    await office.store.apply(add_extension(replace(PHONE, plan="fr"), at_ms=T0_MS))
    await office.store.apply(set_extensions({"101": {"plan": None}}))
    assert await office.store.catalog_version() == before + 3
    with pytest.raises(DuplicateNameError):
        await office.store.apply(add_extension(PHONE, at_ms=T0_MS))
    assert await office.store.catalog_version() == before + 3


async def test_account_keeps_what_a_change_does_not_name(office: Office) -> None:
    await office.store.apply(put_plan(name="fr", toml="", at_ms=T0_MS))
    await office.store.apply(set_account(name="main", daily_cap_micros=5))
    await office.store.apply(set_account(name="main", monthly_cap_micros=7, plan="fr"))
    await office.store.apply(set_account(name="main", daily_cap_micros=None, timezone="UTC"))
    account = await office.store.account("main")
    assert account is not None
    assert (account.daily_cap_micros, account.monthly_cap_micros) == (None, 7)
    assert (account.plan, account.timezone, account.month_day) == ("fr", "UTC", 1)
    with pytest.raises(UnknownAccountError):
        await office.store.apply(set_account(name="nobody", month_day=2))


async def test_extension_keeps_what_a_change_does_not_name(office: Office) -> None:
    await office.store.apply(add_extension(PHONE, at_ms=T0_MS))
    await office.store.apply(set_extensions({"101": {"daily_cap_micros": 5}}))
    await office.store.apply(set_extensions({"101": {"prepaid": False, "max_calls": 2}}))
    await office.store.apply(put_extensions({"101": {"max_calls": None}}, new_account_id=None, at_ms=T0_MS))
    extension = await office.store.extension("101")
    assert extension is not None
    assert (extension.daily_cap_micros, extension.prepaid, extension.max_calls) == (5, False, None)
    assert (extension.language, extension.endpoint) == ("fr", "PJSIP/101")


async def test_extensions_are_put_all_or_none(office: Office) -> None:
    await office.store.apply(add_extension(PHONE, at_ms=T0_MS))
    put = put_extensions({"102": {"endpoint": "PJSIP/101"}, "101": {"endpoint": "PJSIP/9"}}, new_account_id=1, at_ms=1)
    written = await office.store.apply(put)
    assert (written.added, written.changed) == (1, 1)
    refusals: list[tuple[ExtensionChanges, type[StoreError]]] = [
        ({"endpoint": "PJSIP/9"}, DuplicateNameError),
        ({"plan": "no"}, UnknownPlanError),
        ({"account_id": 99}, UnknownAccountError),
    ]
    for new, error in refusals:
        refused: dict[str, ExtensionChanges] = {"101": {"prepaid": False}, "103": new}
        with pytest.raises(error):
            await office.store.apply(put_extensions(refused, new_account_id=1, at_ms=1))
    with pytest.raises(UnknownAccountError, match="103 is new and names no account"):
        await office.store.apply(put_extensions({"103": {}}, new_account_id=None, at_ms=1))
    shown = [(each.number, each.endpoint, each.prepaid) for each in await office.store.extensions()]
    assert shown == [("101", "PJSIP/9", True), ("102", "PJSIP/101", True)]


async def test_extension_with_limits_in_money_moves_to_another_currency_only_without_them(office: Office) -> None:
    mexico = await office.store.apply(create_account(name="mexico", currency="MXN", timezone="UTC", at_ms=T0_MS))
    await office.store.apply(add_extension(replace(PHONE, daily_cap_micros=5, max_rate_micros=1), at_ms=T0_MS))
    with pytest.raises(LimitCurrencyError, match="101 has daily_cap in EUR, and account mexico is in MXN"):
        await office.store.apply(set_extensions({"101": {"account_id": mexico, "max_rate_micros": None}}))
    await office.store.apply(
        set_extensions({"101": {"account_id": mexico, "max_rate_micros": None, "daily_cap_micros": 5}})
    )
    moved = await office.store.extension("101")
    assert moved is not None
    assert (moved.account_id, moved.daily_cap_micros, moved.max_rate_micros) == (mexico, 5, None)


async def test_as_many_extensions_as_one_operation_takes_are_written_quickly(office: Office) -> None:
    """No call may wait longer than 50 ms for a change of the catalog; the bound leaves room for a busy machine."""
    numbers = [str(number) for number in range(1000, 1000 + EXTENSIONS_AT_ONCE)]
    new: dict[str, ExtensionChanges] = {number: {} for number in numbers}
    other: dict[str, ExtensionChanges] = {number: {"prepaid": False} for number in numbers}
    for changes in (new, other):
        began_s = time.monotonic()
        await office.store.apply(put_extensions(changes, new_account_id=1, at_ms=1))
        assert time.monotonic() - began_s < 0.5
