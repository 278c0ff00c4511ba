"""The catalog of who pays, read while an administrator changes it."""

import pytest

from rating.dialled import DialRules
from store.catalog import ExtensionSettings, add_extension, create_account
from store.payers import empty_catalog, load_catalog
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
