"""``user``: who may use the portal."""

import re
from typing import Annotated
from zoneinfo import ZoneInfo

import typer

from ari_app.clock import epoch_ms, utc_now
from rating.written_time import from_ms, iso_ms, local_time
from store import users
from store.office_zone import office_zone
from store.operation import Operation
from store.store import Store
from store.users import PortalUser, Role
from tollgate.cli.context import JsonOption, with_store
from tollgate.cli.errors import BadInputError
from tollgate.cli.new_password import PasswordStdin, new_password
from tollgate.cli.output import Document, print_table, say, show
from tollgate.cli.topic import topic
from web.passwords import hash_password

user_app = topic(
    "Users of the portal, each with a role: admin, manager or viewer. So far all roles see the same pages.",
    ("tollgate user add anna --role manager", "tollgate user list", "tollgate user disable anna"),
)

_NAME = re.compile(r"[a-z0-9][a-z0-9._@-]{0,62}")

Name = Annotated[str, typer.Argument(metavar="NAME", help="The user's name; capitals are the same as small letters.")]


@user_app.command("add")
def add(
    ctx: typer.Context,
    name: Name,
    role: Annotated[Role, typer.Option(metavar="R", help="admin, manager or viewer.")] = Role.VIEWER,
    password_stdin: PasswordStdin = False,
    as_json: JsonOption = False,
) -> None:
    """Add a user, with a password that is asked for twice.

    \b
    Examples:
      tollgate user add anna
      tollgate user add anna --role manager
      pwgen 20 1 | tollgate user add anna --role admin --password-stdin --json
    """
    known = _known(name)
    if not _NAME.fullmatch(known):
        raise BadInputError(
            f"{name!r} is no name for a user", "write letters of a to z, digits, and . _ - @ behind the first, up to 63"
        )
    password_hash = hash_password(new_password(known, from_stdin=password_stdin))
    at_ms = epoch_ms(utc_now())
    _apply(
        ctx,
        users.add_user(name=known, role=role, password_hash=password_hash, at_ms=at_ms),
        known,
        f"user {known} is added, with the role {role}",
        as_json=as_json,
    )


@user_app.command("list")
def list_all(ctx: typer.Context, as_json: JsonOption = False) -> None:
    """List the users.

    \b
    Examples:
      tollgate user list
      tollgate user list --json
    """

    async def work(store: Store) -> tuple[list[PortalUser], ZoneInfo]:
        return await store.portal_users(), await office_zone(store)

    found, zone = with_store(ctx, work)
    document: Document = {"users": [_document(user, zone) for user in found]}
    show(document, lambda: _print(found, zone), as_json=as_json)


@user_app.command("disable", short_help="Keep a user out, and end their sessions.")
def disable(ctx: typer.Context, name: Name, as_json: JsonOption = False) -> None:
    """Keep a user out of the portal: their sessions end at once, and none begins. `user enable` lets them in again.

    \b
    Examples:
      tollgate user disable anna
    """
    known = _known(name)
    _apply(ctx, users.disable_user(name=known), known, f"user {known} is disabled and signed out", as_json=as_json)


@user_app.command("enable", short_help="Let a disabled user in again.")
def enable(ctx: typer.Context, name: Name, as_json: JsonOption = False) -> None:
    """Let a disabled user in again, with the password that they had.

    \b
    Examples:
      tollgate user enable anna
    """
    known = _known(name)
    _apply(ctx, users.enable_user(name=known), known, f"user {known} may sign in again", as_json=as_json)


@user_app.command("password", short_help="Give a user a new password, and end their sessions.")
def password(
    ctx: typer.Context, name: Name, password_stdin: PasswordStdin = False, as_json: JsonOption = False
) -> None:
    """Give a user a new password, which is asked for twice; their sessions end at once.

    \b
    Examples:
      tollgate user password anna
      pwgen 20 1 | tollgate user password anna --password-stdin
    """
    known = _known(name)
    password_hash = hash_password(new_password(known, from_stdin=password_stdin))
    _apply(
        ctx,
        users.set_password(name=known, password_hash=password_hash),
        known,
        f"user {known} has a new password and is signed out",
        as_json=as_json,
    )


def _known(name: str) -> str:
    """Return a name as it is kept, and as the page for signing in reads it."""
    return name.strip().lower()


def _apply(ctx: typer.Context, change: Operation[None], name: str, said: str, *, as_json: bool) -> None:
    """Make a change, then show the user as they are."""

    async def work(store: Store) -> tuple[PortalUser, ZoneInfo]:
        await store.apply(change)
        user = next(each for each in await store.portal_users() if each.name == name)
        return user, await office_zone(store)

    user, zone = with_store(ctx, work)
    show(_document(user, zone), lambda: say(said), as_json=as_json)


def _document(user: PortalUser, zone: ZoneInfo) -> Document:
    return {
        "user": user.name,
        "role": user.role.value,
        "disabled": user.disabled,
        "created_at": iso_ms(user.created_at_ms, zone),
    }


def _print(found: list[PortalUser], zone: ZoneInfo) -> None:
    if not found:
        say("there are no users yet; `tollgate user add NAME --role admin` adds one")
        return
    rows = [
        (
            user.name,
            user.role.value,
            "disabled" if user.disabled else "",
            local_time(from_ms(user.created_at_ms), zone),
        )
        for user in found
    ]
    print_table(("user", "role", "state", "since"), rows)
