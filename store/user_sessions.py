"""Sessions in which users are signed in to the portal.

A session ends when its user signs out, is disabled or has a new password, ``LONGEST_MS`` after it began, or when
nothing was asked for in it for ``LONGEST_IDLE_MS``. What is over is deleted when somebody signs in.
"""

from dataclasses import dataclass
from typing import Final

from sqlalchemy import bindparam, delete, false, insert, or_, select, update

from store import schema
from store.operation import Operation, Sql
from store.reads import Reads
from store.users import PortalUser

LONGEST_MS: Final = 12 * 3600 * 1000
LONGEST_IDLE_MS: Final = 3600 * 1000
MOST_OF_ONE_USER: Final = 16
"""The one that was used longest ago ends for the next."""

_USER = schema.portal_user.c
_SESSION = schema.portal_session.c

SELECT_ADMITTED = Sql(
    select(_USER.id).where(
        _USER.name == bindparam("of_name"),
        _USER.password_hash == bindparam("verified_hash"),
        _USER.disabled == false(),
    )
)
DELETE_OVER = Sql(
    delete(schema.portal_session).where(
        or_(_SESSION.expires_at_ms <= bindparam("at_ms"), _SESSION.seen_at_ms <= bindparam("idle_since_ms"))
    )
)
SELECT_USED_LATELY = Sql(
    select(_SESSION.token_hash)
    .where(_SESSION.user_id == bindparam("of_user_id"))
    .order_by(_SESSION.seen_at_ms.desc(), _SESSION.token_hash)
)
INSERT_SESSION = Sql(
    insert(schema.portal_session).values(
        token_hash=bindparam("token_hash"),
        user_id=bindparam("user_id"),
        created_at_ms=bindparam("at_ms"),
        seen_at_ms=bindparam("at_ms"),
        expires_at_ms=bindparam("expires_at_ms"),
    )
)
UPDATE_SEEN = Sql(
    update(schema.portal_session)
    .where(_SESSION.token_hash == bindparam("of_token_hash"), _SESSION.seen_at_ms < bindparam("at_ms"))
    .values(seen_at_ms=bindparam("at_ms"))
)
DELETE_SESSION = Sql(delete(schema.portal_session).where(_SESSION.token_hash == bindparam("of_token_hash")))


@dataclass(frozen=True, slots=True, kw_only=True)
class PortalSession:
    """A session that is not over; its user is not disabled."""

    user: PortalUser
    seen_at_ms: int
    """When it was last written down that something was asked for in it."""


def begin_session(*, name: str, verified_hash: str, token_hash: str, at_ms: int) -> Operation[bool]:
    """Begin a session of a user whose password was verified; answer whether it has begun.

    It has not where the user was disabled or had a new password since ``verified_hash`` was read.

    Args:
        name: The user's.
        verified_hash: The password's hash, with which it was verified.
        token_hash: SHA-256 of the session's token, in hex.
        at_ms: Now.
    """
    rows = yield SELECT_ADMITTED(of_name=name, verified_hash=verified_hash)
    if not rows:
        return False
    yield DELETE_OVER(at_ms=at_ms, idle_since_ms=at_ms - LONGEST_IDLE_MS)
    for (surplus,) in (yield SELECT_USED_LATELY(of_user_id=rows[0][0]))[MOST_OF_ONE_USER - 1 :]:
        yield DELETE_SESSION(of_token_hash=surplus)
    yield INSERT_SESSION(token_hash=token_hash, user_id=rows[0][0], at_ms=at_ms, expires_at_ms=at_ms + LONGEST_MS)
    return True


def see_session(*, token_hash: str, at_ms: int) -> Operation[None]:
    """Write down that something was asked for in a session; one that has ended stays ended."""
    yield UPDATE_SEEN(of_token_hash=token_hash, at_ms=at_ms)


def end_session(*, token_hash: str) -> Operation[None]:
    """End a session; one that has ended stays so."""
    yield DELETE_SESSION(of_token_hash=token_hash)


class UserSessionReads(Reads):
    """Read methods of sessions."""

    async def portal_session(self, token_hash: str, at_ms: int) -> PortalSession | None:
        """Answer the session of that token; None where there is none, it is over, or its user is disabled."""
        query = (
            select(schema.portal_user, _SESSION.seen_at_ms)
            .join(schema.portal_session, _SESSION.user_id == _USER.id)
            .where(
                _SESSION.token_hash == token_hash,
                _SESSION.expires_at_ms > at_ms,
                _SESSION.seen_at_ms > at_ms - LONGEST_IDLE_MS,
                _USER.disabled == false(),
            )
        )
        async with self._reading() as connection:
            row = (await connection.execute(query)).mappings().one_or_none()
            return None if row is None else PortalSession(user=PortalUser.of_row(row), seen_at_ms=row["seen_at_ms"])
