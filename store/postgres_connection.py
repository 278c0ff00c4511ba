"""Connections to PostgreSQL: made in one place, so that every failure becomes one line that says what to do.

What a service needs of its connections is set on them and not left to the server's configuration: text is compared
as it is stored, a transaction that stands still is ended by the server, and a peer that is gone is noticed.
"""

from collections.abc import Mapping
from typing import Any

import asyncpg

from store.errors import StoreUnavailableError
from store.location import PostgresLocation

CONNECT_TIMEOUT_S = 5.0
WRITER_LOCK = 0x746F6C6C_67617465
"""The advisory lock of everybody who writes ("tollgate"), see docs/adr/0007-one-writer-at-a-time.md."""

_ALWAYS = {
    # A machine that lost its power or its network cannot say good-bye: the server asks.
    "tcp_keepalives_idle": "5",
    "tcp_keepalives_interval": "2",
    "tcp_keepalives_count": "3",
    "client_min_messages": "error",
    "jit": "off",  # our statements are over before it would have begun
}

CONNECTION_ERRORS = (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)
"""What the driver raises where the server is away, refuses, or breaks off."""

_MENDS: tuple[tuple[tuple[type[Exception], ...], str], ...] = (
    (
        (asyncpg.InvalidPasswordError, asyncpg.InvalidAuthorizationSpecificationError),
        "check user and password in the database URL, and pg_hba.conf on the server",
    ),
    (
        (asyncpg.InvalidCatalogNameError,),
        "create it with `createdb`, see docs/postgresql.md, or name another in the database URL",
    ),
    ((asyncpg.TooManyConnectionsError,), "raise max_connections on the server; a service takes up to 6"),
    ((asyncpg.CannotConnectNowError,), "it starts or stops; try again in a moment"),
    ((asyncpg.InsufficientPrivilegeError,), "the database must belong to the user of the database URL"),
    ((asyncpg.ClientConfigurationError, ValueError), "correct the database URL"),
    ((OSError, TimeoutError), "check that PostgreSQL runs there and takes connections from here"),
)
_OTHERWISE = "check the server's log"


async def connect(location: PostgresLocation, *, role: str, settings: Mapping[str, str] | None = None) -> Any:
    """Open a connection; asyncpg's has no types, hence Any.

    Args:
        role: What it is for, shown by the server as ``application_name``.
        settings: Further parameters of the server's session.

    Raises:
        StoreUnavailableError: there is none to be had; says why, without the password.
    """
    try:
        return await asyncpg.connect(
            location.dsn,
            timeout=CONNECT_TIMEOUT_S,
            server_settings={**_ALWAYS, "application_name": f"tollgate {role}", **(settings or {})},
        )
    except (*CONNECTION_ERRORS, ValueError) as error:
        raise unavailable(location, error) from error


def unavailable(location: PostgresLocation, error: BaseException) -> StoreUnavailableError:
    """Answer a driver's error as ours."""
    mend = next((mend for kinds, mend in _MENDS if isinstance(error, kinds)), _OTHERWISE)
    return StoreUnavailableError(f"the {location.shown} cannot be used: {reason(error)}; {mend}")


def reason(error: BaseException) -> str:
    """Answer what went wrong in one line; a time-out of Python's has no words of its own."""
    lines = str(error).splitlines()
    return lines[0] if lines else "it did not answer in time" if isinstance(error, TimeoutError) else repr(error)
