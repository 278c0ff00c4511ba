"""What ``init`` makes: first everything is decided and checked, then it is written."""

import asyncio
import os
import secrets
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from importlib import resources
from pathlib import Path
from string import Template

from ari_app.clock import epoch_ms, utc_now
from rating.deck import Rate
from rating.deck_import import BadRow, parse_deck_csv
from rating.plan import Plan, parse_plan
from store import catalog
from store.location import Location, PostgresLocation, SqliteLocation, locate
from store.migrate import encoding_fault, found_revision
from store.node_lock import NodeLock
from store.operation import Operation
from store.store import Store
from store.users import Role, add_user
from tollgate.cli.context import MAIN_ACCOUNT
from tollgate.cli.errors import BadInputError, RefusedError
from tollgate.cli.money import check_currency
from tollgate.cli.regions import DEFAULTS
from tollgate.cli.times import zone
from tollgate.settings import Settings, load_settings, settings_from
from web.passwords import hash_password, random_password

ADMINISTRATOR = "admin"
"""The portal's first user."""
PAY_AS_YOU_GO = "pay-as-you-go"
_EXAMPLE_DECK = "example-deck.csv"
_INIT_LOCK = "init of the store"
"""No node can have this name: it has blanks."""
_OTHER_CODES = {"UK": "GB", "EN": "GB", "EL": "GR", "USA": "US"}
"""What people write for a region, and its code (ISO 3166; the European Union writes UK and EL)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """The options of ``init``; None leaves the choice to us."""

    home_region: str | None
    currency: str | None
    timezone: str | None
    plan: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Installation:
    """All that will be written. ``settings_text`` is None where the settings file is there already."""

    settings_file: Path
    settings_text: str | None
    database_url: str
    home_region: str
    account: str
    currency: str
    timezone: str
    plan: Plan
    plan_texts: dict[str, str]
    """The TOML of every plan to load, by name."""
    admin_password: str = field(repr=False)
    """Of the portal's first user; its hash alone is written."""


def plan_installation(settings_file: Path, wishes: Wishes) -> Installation:
    """Decide what ``init`` will make; nothing is written.

    Raises:
        BadInputError: an option cannot be used.
        RefusedError: a store exists, or the settings file says otherwise than an option.
        SettingsError, StoreError: the settings file or the database URL cannot be used.
    """
    existing = load_settings(settings_file) if settings_file.exists() else None
    # Where there is no file yet, what the TOLLGATE_* variables say is all there is.
    base = existing or settings_from({}, settings_file)
    home_region = _home_region(base, wishes.home_region, kept=existing is not None)
    database_url = _absolute(base.database_url)
    location = locate(database_url)
    if isinstance(location, SqliteLocation) and location.path.exists():
        raise _store_exists(location)
    currency, timezone = _currency_and_zone(home_region, wishes)
    plan_texts = _plan_texts(home_region)
    plan = _choose_plan(plan_texts, home_region, wishes.plan)
    return Installation(
        settings_file=settings_file,
        settings_text=None if existing else _settings_text(database_url, home_region, plan.name),
        database_url=database_url,
        home_region=home_region,
        account=MAIN_ACCOUNT,
        currency=currency,
        timezone=timezone,
        plan=plan,
        plan_texts=plan_texts,
        admin_password=random_password(),
    )


async def install(planned: Installation) -> int:
    """Write the settings file and the store; return how many example rates were loaded.

    A store that could not be finished is removed, so that ``init`` can be run again; a server's database keeps its
    tables, and one without an account is taken for none. Of several that begin at once one goes on.

    Raises:
        RefusedError: there is a store, or another ``init`` makes one there.
        StoreError: the store cannot be made.
        OSError: a file cannot be written.
    """
    async with _alone(planned.database_url):
        if planned.settings_text is not None:
            _write_secret(planned.settings_file, planned.settings_text)
        async with await Store.create(planned.database_url) as store:
            at_ms = epoch_ms(utc_now())
            rates = await store.import_deck(
                name=planned.plan.deck, currency=planned.currency, rates=example_rates(), at_ms=at_ms
            )
            await store.apply(_first_catalog(planned, at_ms, hash_password(planned.admin_password)))
            return rates


@asynccontextmanager
async def _alone(url: str) -> AsyncIterator[None]:
    """Keep every other ``init`` away from the store's place while the block runs.

    Raises:
        RefusedError: another one is there, or there is a store already.
    """
    location = locate(url)
    if isinstance(location, SqliteLocation):
        with _own_file(location):
            yield
        return
    lock = NodeLock(location, _INIT_LOCK)
    if not await lock.take(lambda: None):
        raise RefusedError(f"another `tollgate init` makes the store in the {location.shown}", "wait until it is done")
    try:
        await _refuse_database(url, location)
        yield
    finally:
        lock.give_up()


@contextmanager
def _own_file(location: SqliteLocation) -> Iterator[None]:
    """Make the file, which only one can; where the block fails, it is removed again."""
    location.path.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.close(os.open(location.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError as error:
        raise _store_exists(location) from error
    try:
        yield
    except BaseException:
        _remove_store(location.path)
        raise


async def _refuse_database(url: str, location: PostgresLocation) -> None:
    fault = await asyncio.to_thread(encoding_fault, location)
    if fault is not None:
        error, _, hint = fault.rpartition("; ")
        raise RefusedError(error, hint)
    if await _has_account(url, location):
        raise _store_exists(location)


def _store_exists(location: Location) -> RefusedError:
    return RefusedError(
        f"a store exists at {location.shown}", "use it as it is, or name another place by TOLLGATE_DATABASE_URL"
    )


async def _has_account(url: str, location: PostgresLocation) -> bool:
    if await asyncio.to_thread(found_revision, location) is None:
        return False
    async with await Store.open(url) as store:
        return bool(await store.accounts())


def _first_catalog(planned: Installation, at_ms: int, admin_hash: str) -> Operation[None]:
    """Write plans, account and administrator in one transaction: a store without them would be of no use."""
    for name, text in planned.plan_texts.items():
        yield from catalog.put_plan(name=name, toml=text, at_ms=at_ms)
    yield from catalog.create_account(
        name=planned.account,
        currency=planned.currency,
        timezone=planned.timezone,
        plan=planned.plan.name,
        at_ms=at_ms,
    )
    yield from add_user(name=ADMINISTRATOR, role=Role.ADMIN, password_hash=admin_hash, at_ms=at_ms)


def _home_region(base: Settings, wished: str | None, *, kept: bool) -> str:
    home_region = base.home_region if wished is None else wished.upper()
    if home_region not in DEFAULTS:
        likely = _OTHER_CODES.get(home_region)
        hint = "write two letters such as FR, US or MX" if likely is None else f"write {likely}"
        raise BadInputError(f"{home_region!r} is no home region", hint)
    if kept and home_region != base.home_region:
        raise RefusedError(
            f"the settings file says home_region {base.home_region}, not {home_region}",
            "change it there, or leave the option out",
        )
    return home_region


def _currency_and_zone(home_region: str, wishes: Wishes) -> tuple[str, str]:
    defaults = DEFAULTS[home_region]
    currency = defaults.currency if wishes.currency is None else check_currency(wishes.currency)
    timezone = defaults.timezone if wishes.timezone is None else wishes.timezone
    zone(timezone)
    return currency, timezone


def _absolute(url: str) -> str:
    """Return the URL with an absolute path: later commands may run in another folder."""
    location = locate(url)
    return f"sqlite:///{location.path.absolute()}" if isinstance(location, SqliteLocation) else url


def _plan_texts(home_region: str) -> dict[str, str]:
    """Return the shipped plans of a home region, by name, and the one that every region has."""
    return {
        name: text for name, text in shipped_plans(home_region).items() if parse_plan(text).home_region == home_region
    }


def shipped_plans(home_region: str) -> dict[str, str]:
    """Return the TOML of every plan that ships, by name; pay-as-you-go for this home region."""
    folder = resources.files("tollgate").joinpath("data")
    shipped = sorted((found for found in folder.iterdir() if found.name.endswith(".toml")), key=lambda f: f.name)
    texts = [found.read_text(encoding="utf-8") for found in shipped]
    texts.append(_PAY_AS_YOU_GO.substitute(name=PAY_AS_YOU_GO, home_region=home_region))
    return {parse_plan(text).name: text for text in texts}


def _choose_plan(plan_texts: dict[str, str], home_region: str, wished: str | None) -> Plan:
    """Return the plan that was wished for; without a wish the office plan, where that region has one."""
    office = f"{home_region.lower()}-office"
    name = wished or (office if office in plan_texts else PAY_AS_YOU_GO)
    if name not in plan_texts:
        choices = ", ".join(sorted(plan_texts))
        raise BadInputError(f"there is no plan {name} for {home_region}", f"choose from {choices}")
    return parse_plan(plan_texts[name])


@cache
def example_rates() -> tuple[Rate, ...]:
    """Return the rates of the example deck as it is shipped."""
    text = resources.files("tollgate").joinpath("data", _EXAMPLE_DECK).read_text(encoding="utf-8")
    rows = list(parse_deck_csv(text.splitlines(keepends=True)))
    bad = [row for row in rows if isinstance(row, BadRow)]
    assert not bad, f"the shipped example deck has bad rows: {bad}"
    return tuple(row for row in rows if isinstance(row, Rate))


def _settings_text(database_url: str, home_region: str, plan: str) -> str:
    return _SETTINGS.substitute(
        date=datetime.now(UTC).date().isoformat(),
        database_url=_toml_text(database_url),
        home_region=home_region,
        plan=plan,
        ari_password=secrets.token_urlsafe(24),
        ami_secret=secrets.token_urlsafe(24),
    )


def _toml_text(text: str) -> str:
    """Escape a text for a TOML basic string (TOML 1.0, String)."""
    return "".join(f"\\u{ord(c):04x}" if c in '"\\' or ord(c) < 32 or ord(c) == 127 else c for c in text)


def _write_secret(path: Path, text: str) -> None:
    """Write a new file that only its owner can read."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)


def _remove_store(path: Path) -> None:
    for suffix in ("", "-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)


_PAY_AS_YOU_GO = Template("""\
# Included is what costs nobody anything: toll-free numbers at home, and the short numbers that the numbering table
# calls free, such as helplines. Every other call but emergency and internal ones is paid at the deck's price.
name = "$name"
title = "Pay as you go"
home_region = "$home_region"
deck = "example"

[[included]]
regions = ["$home_region"]
types = ["toll_free"]
""")

_SETTINGS = Template("""\
# Tollgate's settings, written by `tollgate init` on $date. TOLLGATE_* variables win over this file:
# TOLLGATE_DATABASE_URL, TOLLGATE_ASTERISK__ARI_PASSWORD, … It holds secrets: keep it readable by its owner alone.

# Accounts, money, calls. A file on this machine's own disk.
database_url = "$database_url"

# Where the office is (ISO 3166): how digits are read, and which numbers are emergencies.
home_region = "$home_region"

# What phones dial first to leave the office, such as "9" or "0"; empty for nothing.
outside_line = ""

# Whose included destinations may ring while the service is away, and whether they may. Emergencies always do.
default_plan = "$plan"
included_while_away = true

# What is done with a call on a trunk that never passed the gate, because the dialplan has another way out: "hang_up",
# "meter" (the extension behind it pays, else hung up) or "alert" (told and written down only). Never an emergency.
ungated_legs = "hang_up"

# After how many months funds expire that are added without an expiry of their own (0: never), and how many days before
# an account is warned.
funds_expire_months = 12
warn_before_expiry_days = [30, 7]

# Where Asterisk is. `tollgate dialplan --output DIR` writes the users below for ari.conf and manager.conf.
[asterisk]
ari_url = "http://127.0.0.1:8088"
ari_user = "tollgate"
ari_password = "$ari_password"
ami_host = "127.0.0.1"
ami_port = 5038
ami_user = "tollgate"
ami_secret = "$ami_secret"
# The context that rings the office's own phones.
internal_context = "from-internal"
# Where cdr_custom writes Asterisk's own CDRs for Tollgate: a second witness of calls that end while the service is
# away (docs/restarts.md). Write the dialplan again after a change.
# cdr_file = "/var/log/asterisk/cdr-custom/tollgate.csv"

# The PJSIP endpoints towards your carriers, tried in this order. At least one is needed. dial_format is how the
# carrier wants numbers: "plus" (+33…), "e164" (33…), "00" (0033…) or "national" (0… at home).
#
# [[trunks]]
# endpoint = "my-carrier"
# dial_format = "plus"

# Seconds of a paid call that are held at a time; the defaults are fine.
#
# [metering]
# slice_s = 60
# ring_limit_s = 120
""")
