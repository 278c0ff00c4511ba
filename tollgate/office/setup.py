"""Makes the office's settings file and store: extensions 101-103 under the French plan, and 10 EUR to spend."""

import asyncio
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from ari_app.clock import epoch_ms
from rating.money import MICROS_PER_UNIT
from store.catalog import create_account
from store.extensions import ExtensionSettings, add_extension
from store.funds import add_funds
from store.store import Store
from tollgate.cli.installation import Wishes, install, plan_installation
from tollgate.office.errors import OfficeError
from tollgate.office.pbx import TRUNK
from tollgate.office.state import DEMO_EXTENSION, EXTENSIONS, OfficeState

SETTINGS_FILE = "tollgate.toml"
STORE_FILE = "tollgate.db"
DEMO_ACCOUNT = "demo"
FUNDS_MICROS = 10 * MICROS_PER_UNIT

_SETTINGS = """\
# The demonstration office's settings, written at each start of `make run`.
database_url = "sqlite:///{store}"
node = "office"
# Where health and metrics are told, such as "127.0.0.1:8099"; nowhere, since several offices may run on one machine.
health_listen = ""
home_region = "FR"

[asterisk]
ari_url = "http://127.0.0.1:{ports.http}"
ari_user = "tollgate"
ari_password = "{state.ari_password}"
ami_port = {ports.ami}
ami_user = "tollgate"
ami_secret = "{state.ami_secret}"
internal_context = "phones-internal"

[agi]
listen = "127.0.0.1:{ports.agi}"

[portal]
listen = "127.0.0.1:{ports.portal}"

[[trunks]]
endpoint = "{trunk}"
"""


def write_settings(folder: Path, state: OfficeState) -> Path:
    """Write the settings file and return its path.

    Raises:
        OfficeError: the folder's name cannot be written into a settings file.
    """
    store = str((folder / STORE_FILE).resolve())
    if any(character in store for character in '"\\\n?#'):
        raise OfficeError(f"the folder {folder} has a name that a database URL cannot hold: choose another --folder")
    path = folder / SETTINGS_FILE
    path.touch(mode=0o600)
    path.write_text(_SETTINGS.format(store=store, ports=state.ports, state=state, trunk=TRUNK), encoding="utf-8")
    return path


def make_store(settings_file: Path, state: OfficeState, at: datetime) -> None:
    """Make the office's store, whole or not at all.

    Raises:
        StoreError: it cannot be written.
    """
    store_file = settings_file.with_name(STORE_FILE)
    try:
        asyncio.run(_make_store(settings_file, state, epoch_ms(at)))
    except BaseException:
        for path in store_file.parent.glob(f"{STORE_FILE}*"):
            path.unlink()
        raise


async def _make_store(settings_file: Path, state: OfficeState, at_ms: int) -> None:
    planned = plan_installation(settings_file, Wishes(home_region=None, currency=None, timezone=None, plan=None))
    await install(replace(planned, admin_password=state.portal_password))
    async with await Store.open(planned.database_url) as store:
        main = await store.account(planned.account)
        assert main is not None
        demo_id = await store.apply(
            create_account(
                name=DEMO_ACCOUNT, currency=main.currency, timezone=main.timezone, plan=main.plan, at_ms=at_ms
            )
        )
        owners = {**dict.fromkeys(EXTENSIONS, main.id), DEMO_EXTENSION: demo_id}
        for extension, account_id in owners.items():
            settings = ExtensionSettings(
                number=extension, account_id=account_id, endpoint=f"PJSIP/{extension}", language="fr"
            )
            await store.apply(add_extension(settings, at_ms=at_ms))
        await store.apply(
            add_funds(
                account_id=main.id,
                amount_micros=FUNDS_MICROS,
                reference="welcome",
                at_ms=at_ms,
                expires_at_ms=None,
            )
        )
