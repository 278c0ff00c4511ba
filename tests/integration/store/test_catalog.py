"""Accounts, extensions and plans, and the version that moves with them."""

from dataclasses import replace

import pytest

from store.catalog import ExtensionSettings, add_extension, create_account, put_plan, set_extension
from store.errors import DuplicateNameError, UnknownAccountError, UnknownExtensionError, UnknownPlanError
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
    await office.store.apply(set_extension(replace(PHONE, endpoint="PJSIP/desk", prepaid=False)))
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
        await office.store.apply(set_extension(replace(PHONE, endpoint="PJSIP/102")))
    assert [extension.number for extension in await office.store.extensions()] == ["101", "102"]


async def test_extension_with_unknown_references_is_refused(office: Office) -> None:
    with pytest.raises(UnknownAccountError):
        await office.store.apply(add_extension(replace(PHONE, account_id=99), at_ms=T0_MS))
    with pytest.raises(UnknownPlanError):
        await office.store.apply(add_extension(replace(PHONE, plan="no"), at_ms=T0_MS))
    with pytest.raises(UnknownExtensionError):
        await office.store.apply(set_extension(PHONE))


async def test_version_moves_with_each_change_and_not_with_calls(office: Office) -> None:
    before = await office.store.catalog_version()
    await office.open("a")
    await office.settle("a", 0)
    assert await office.store.catalog_version() == before
    await office.store.apply(put_plan(name="fr", toml="", at_ms=T0_MS))
    await office.store.apply(add_extension(replace(PHONE, plan="fr"), at_ms=T0_MS))
    await office.store.apply(set_extension(PHONE))
    assert await office.store.catalog_version() == before + 3
    with pytest.raises(DuplicateNameError):
        await office.store.apply(add_extension(PHONE, at_ms=T0_MS))
    assert await office.store.catalog_version() == before + 3
