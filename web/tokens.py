"""What a browser carries: the token of its session, and in each form a second one that proves where the form is from.

A token is 256 random bits. Of a session's the store has the SHA-256 alone; a form's is an HMAC under the browser's own,
so that nobody who cannot read the cookie can make one (OWASP, Cross-Site Request Forgery Prevention: HMAC-based
tokens).
"""

import hashlib
import hmac
import re
import secrets
from typing import Final

_TOKEN: Final = re.compile("[A-Za-z0-9_-]{43}")
_PURPOSE: Final = b"a form of Tollgate's portal"


def new_token() -> str:
    """Return a token that nobody else has."""
    return secrets.token_urlsafe(32)


def is_token(text: str) -> bool:
    """Return whether this may be a token of ours."""
    return _TOKEN.fullmatch(text) is not None


def token_hash(token: str) -> str:
    """Return what the store knows of a token."""
    return hashlib.sha256(token.encode()).hexdigest()


def form_token(token: str) -> str:
    """Return what a form carries that was given to the browser with this token."""
    return hmac.new(token.encode(), _PURPOSE, hashlib.sha256).hexdigest()


def is_form_token(text: str, token: str) -> bool:
    """Return whether a form was given to the browser with this token; how long that takes tells nothing."""
    return hmac.compare_digest(text.encode(), form_token(token).encode())
