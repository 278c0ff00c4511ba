"""Users of the portal and their sessions: what ends a session ends it in the same transaction."""

import pytest
from sqlalchemy import func, select

from store import schema, user_sessions
from store.errors import DuplicateNameError, UnknownUserError
from store.user_sessions import LONGEST_IDLE_MS, LONGEST_MS, begin_session, end_session, see_session
from store.users import Credentials, Role, add_user, disable_user, enable_user, set_password
from tests.integration.store.office import T0_MS, Office

HASH = "$argon2id$v=19$m=19456,t=2,p=1$c2FsdA$aGFzaA"


async def add(office: Office, name: str = "anna", role: Role = Role.VIEWER) -> None:
    await office.store.apply(add_user(name=name, role=role, password_hash=HASH, at_ms=T0_MS))


async def begin(office: Office, token_hash: str, *, name: str = "anna", at_ms: int = T0_MS, of: str = HASH) -> bool:
    return await office.store.apply(
        begin_session(name=name, verified_hash=of, token_hash=token_hash, at_ms=at_ms),
    )


async def is_open(office: Office, token_hash: str, at_ms: int = T0_MS) -> bool:
    return await office.store.portal_session(token_hash, at_ms) is not None


async def kept_sessions(office: Office) -> int:
    async with office.store._reading() as connection:
        return await connection.scalar(select(func.count()).select_from(schema.portal_session)) or 0


async def test_users_are_listed_by_name_and_known_by_their_hash_alone(office: Office) -> None:
    await add(office, "zoe", Role.ADMIN)
    await add(office, "anna")
    anna, zoe = await office.store.portal_users()
    assert (anna.name, anna.role, anna.disabled, anna.created_at_ms) == ("anna", Role.VIEWER, False, T0_MS)
    assert (zoe.name, zoe.role) == ("zoe", Role.ADMIN)
    assert await office.store.credentials("anna") == Credentials(password_hash=HASH, disabled=False)
    assert await office.store.credentials("nobody") is None


async def test_name_is_taken_once_also_by_a_disabled_user(office: Office) -> None:
    await add(office)
    await office.store.apply(disable_user(name="anna"))
    with pytest.raises(DuplicateNameError, match="a user anna already"):
        await add(office)
    assert len(await office.store.portal_users()) == 1


async def test_session_is_its_users_until_it_is_ended(office: Office) -> None:
    await add(office)
    assert await begin(office, "t1")
    found = await office.store.portal_session("t1", T0_MS)
    assert found is not None
    assert (found.user.name, found.seen_at_ms) == ("anna", T0_MS)
    assert not await is_open(office, "t2")
    await office.store.apply(end_session(token_hash="t1"))
    assert not await is_open(office, "t1")
    await office.store.apply(end_session(token_hash="t1"))


async def test_session_ends_after_its_longest_time_however_much_it_is_used(office: Office) -> None:
    await add(office)
    await begin(office, "t1")
    await office.store.apply(see_session(token_hash="t1", at_ms=T0_MS + LONGEST_MS - 1))
    assert await is_open(office, "t1", T0_MS + LONGEST_MS - 1)
    assert not await is_open(office, "t1", T0_MS + LONGEST_MS)


async def test_session_that_nobody_uses_ends_and_one_that_is_used_goes_on(office: Office) -> None:
    await add(office)
    await begin(office, "t1")
    await begin(office, "t2")
    await office.store.apply(see_session(token_hash="t2", at_ms=T0_MS + 5))
    assert not await is_open(office, "t1", T0_MS + LONGEST_IDLE_MS)
    assert await is_open(office, "t2", T0_MS + LONGEST_IDLE_MS)
    await office.store.apply(see_session(token_hash="t2", at_ms=T0_MS))  # late: a clock was set back
    assert await is_open(office, "t2", T0_MS + LONGEST_IDLE_MS)


async def test_disabled_user_is_out_at_once_and_begins_no_session_until_enabled(office: Office) -> None:
    await add(office)
    await begin(office, "t1")
    await office.store.apply(disable_user(name="anna"))
    assert not await is_open(office, "t1")
    assert await kept_sessions(office) == 0
    assert not await begin(office, "t2")
    await office.store.apply(enable_user(name="anna"))
    assert not await is_open(office, "t1")
    assert await begin(office, "t2")


async def test_new_password_ends_the_sessions_of_the_old_one_and_of_nobody_else(office: Office) -> None:
    await add(office)
    await add(office, "zoe")
    await begin(office, "t1")
    await begin(office, "t2", name="zoe")
    await office.store.apply(set_password(name="anna", password_hash="new"))
    assert not await is_open(office, "t1")
    assert await is_open(office, "t2")
    assert not await begin(office, "t3")  # verified with the old one, while it was replaced
    assert await begin(office, "t3", of="new")


@pytest.mark.parametrize("change", [disable_user, enable_user])
async def test_change_of_nobody_is_refused(office: Office, change: object) -> None:
    assert callable(change)
    with pytest.raises(UnknownUserError, match="no user nobody; `tollgate user list`"):
        await office.store.apply(change(name="nobody"))
    with pytest.raises(UnknownUserError):
        await office.store.apply(set_password(name="nobody", password_hash="x"))
    assert not await begin(office, "t1", name="nobody")


async def test_what_is_over_is_deleted_when_somebody_signs_in(office: Office) -> None:
    await add(office)
    await begin(office, "old")
    await begin(office, "new", at_ms=T0_MS + LONGEST_IDLE_MS)
    assert await kept_sessions(office) == 1


async def test_user_has_a_few_sessions_of_which_the_unused_ones_go(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(user_sessions, "MOST_OF_ONE_USER", 2)
    await add(office)
    await add(office, "zoe")
    await begin(office, "zoes", name="zoe")
    await begin(office, "t1")
    await begin(office, "t2", at_ms=T0_MS + 1)
    await office.store.apply(see_session(token_hash="t1", at_ms=T0_MS + 2))
    await begin(office, "t3", at_ms=T0_MS + 3)
    opened = [token for token in ("t1", "t2", "t3", "zoes") if await is_open(office, token, T0_MS + 3)]
    assert opened == ["t1", "t3", "zoes"]
