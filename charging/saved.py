"""The session as text and back, for the store and a successor after a restart."""

from pydantic import TypeAdapter, ValidationError

from charging.session import Session
from rating.errors import RatingError

_SESSION: TypeAdapter[Session] = TypeAdapter(Session)


class SavedSessionError(Exception):
    """A saved session cannot be read."""


def dump_session(session: Session) -> str:
    """Return the session as JSON text."""
    return _SESSION.dump_json(session).decode()


def load_session(text: str) -> Session:
    """Return the session that :func:`dump_session` wrote.

    Raises:
        SavedSessionError: the text is damaged or of an unknown form.
    """
    try:
        return _SESSION.validate_json(text)
    except (ValidationError, RatingError) as error:
        raise SavedSessionError(f"a saved session cannot be read: {error}") from error
