"""Passwords: what is taken for one, and argon2id, by which they are kept.

The cost is OWASP's least one (Password Storage Cheat Sheet: 19 MiB, 2 passes, 1 lane): it is spent beside calls, on
machines that may be small, by one attempt at a time (:mod:`web.password_check`). It is part of each hash, so it can be
raised without anybody's password being lost.
"""

import secrets
import unicodedata
from typing import Final

from argon2 import PasswordHasher, Type
from argon2.exceptions import InvalidHashError, VerificationError

SHORTEST: Final = 12
LONGEST: Final = 256

_HASHER: Final = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1, type=Type.ID)
_NOBODYS: Final = "$argon2id$v=19$m=19456,t=2,p=1$bm9ib2R5cyBwYXNzd29yZA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
"""A hash of no password, which costs as much to compare as any other."""


def password_fault(password: str) -> str | None:
    """Say what is wrong with a new password; None where nothing is (NIST SP 800-63B: length, and no other rule)."""
    if len(password) < SHORTEST:
        return f"a password has {SHORTEST} characters at least"
    if len(password) > LONGEST:
        return f"a password has {LONGEST} characters at most"
    return None


def random_password() -> str:
    """Return a password for somebody who has not chosen one."""
    return secrets.token_urlsafe(15)


def hash_password(password: str) -> str:
    """Return a password's hash, with a salt of its own. Takes tens of milliseconds of computing."""
    return _HASHER.hash(_normal(password))


def is_password(password: str, password_hash: str | None) -> bool:
    """Return whether a password is the one of that hash.

    It takes as long where there is no hash (None), so that nobody learns by that which users there are.
    """
    try:
        _HASHER.verify(password_hash or _NOBODYS, _normal(password))
    except (VerificationError, InvalidHashError):
        return False
    return password_hash is not None


def _normal(password: str) -> bytes:
    """Return the bytes of a password, the same whatever keyboard composed its accents."""
    return unicodedata.normalize("NFKC", password).encode("utf-8", "surrogatepass")
