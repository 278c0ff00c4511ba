"""Users of the portal: who they are and what they may.

A password is known here by its hash alone, a session (:mod:`store.user_sessions`) by the hash of its token: who reads
the database, or a backup of it, cannot sign in with what is there.
"""

from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import RowMapping, bindparam, delete, false, insert, select, update

from store import schema
from store.errors import DuplicateNameError, UnknownUserError
from store.operation import Operation, Rows, Sql
from store.reads import Reads

_USER = schema.portal_user.c

SELECT_ID = Sql(select(_USER.id).where(_USER.name == bindparam("of_name")))
INSERT_USER = Sql(
    insert(schema.portal_user).values(
        name=bindparam("name"),
        role=bindparam("role"),
        password_hash=bindparam("password_hash"),
        disabled=false(),
        created_at_ms=bindparam("at_ms"),
    )
)
UPDATE_DISABLED = Sql(
    update(schema.portal_user)
    .where(_USER.name == bindparam("of_name"))
    .values(disabled=bindparam("is_disabled"))
    .returning(_USER.id)
)
UPDATE_PASSWORD = Sql(
    update(schema.portal_user)
    .where(_USER.name == bindparam("of_name"))
    .values(password_hash=bindparam("new_hash"))
    .returning(_USER.id)
)
DELETE_SESSIONS = Sql(delete(schema.portal_session).where(schema.portal_session.c.user_id == bindparam("of_user_id")))


class Role(StrEnum):
    """What a user may do."""

    ADMIN = "admin"
    """Everything."""
    MANAGER = "manager"
    """Look at everything, and change what is no setting of the installation."""
    VIEWER = "viewer"
    """Look."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PortalUser:
    """A user, without the password's hash."""

    id: int
    name: str
    role: Role
    disabled: bool
    created_at_ms: int

    @classmethod
    def of_row(cls, row: RowMapping) -> "PortalUser":
        """Return the user of a row that has the table's columns, whatever else it has."""
        return cls(
            id=row["id"],
            name=row["name"],
            role=Role(row["role"]),
            disabled=bool(row["disabled"]),
            created_at_ms=row["created_at_ms"],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """What a password is compared with."""

    password_hash: str
    disabled: bool


def add_user(*, name: str, role: Role, password_hash: str, at_ms: int) -> Operation[None]:
    """Add a user.

    Raises:
        DuplicateNameError: there is one of that name, disabled perhaps.
    """
    if (yield SELECT_ID(of_name=name)):
        raise DuplicateNameError(f"there is a user {name} already; `tollgate user list` shows them")
    yield INSERT_USER(name=name, role=role.value, password_hash=password_hash, at_ms=at_ms)


def disable_user(*, name: str) -> Operation[None]:
    """Keep a user out, and end their sessions.

    Raises:
        UnknownUserError: there is none of that name.
    """
    user_id = _changed(name, (yield UPDATE_DISABLED(of_name=name, is_disabled=True)))
    yield DELETE_SESSIONS(of_user_id=user_id)


def enable_user(*, name: str) -> Operation[None]:
    """Let a disabled user in again.

    Raises:
        UnknownUserError: there is none of that name.
    """
    _changed(name, (yield UPDATE_DISABLED(of_name=name, is_disabled=False)))


def set_password(*, name: str, password_hash: str) -> Operation[None]:
    """Give a user a new password, and end the sessions that the old one began.

    Raises:
        UnknownUserError: there is none of that name.
    """
    user_id = _changed(name, (yield UPDATE_PASSWORD(of_name=name, new_hash=password_hash)))
    yield DELETE_SESSIONS(of_user_id=user_id)


def _changed(name: str, rows: Rows) -> int:
    """Answer the id of the user whose row came back."""
    if not rows:
        raise UnknownUserError(f"there is no user {name}; `tollgate user list` shows them")
    return int(rows[0][0])


class UserReads(Reads):
    """Read methods of the portal's users."""

    async def portal_users(self) -> list[PortalUser]:
        """Answer all users by name, disabled ones too."""
        async with self._reading() as connection:
            rows = (await connection.execute(select(schema.portal_user).order_by(_USER.name))).mappings()
            return [PortalUser.of_row(row) for row in rows]

    async def credentials(self, name: str) -> Credentials | None:
        """Answer what a user's password is compared with; None where there is no such user."""
        query = select(_USER.password_hash, _USER.disabled).where(_USER.name == name)
        async with self._reading() as connection:
            row = (await connection.execute(query)).one_or_none()
            return None if row is None else Credentials(password_hash=row.password_hash, disabled=row.disabled)
