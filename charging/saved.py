"""The session as text and back, for the store and a successor after a restart.

What was damaged may have the form of a session and be none: a moment without offset, a time zone that nobody knows.
Such a one would fail at some later step, and with it whatever is done for many calls at once. So a session that is
loaded is rehearsed: it is taken to its end.
"""

from datetime import UTC, datetime
from functools import lru_cache

from pydantic import TypeAdapter, ValidationError

from charging import events as ev
from charging.adoption import adopted
from charging.policy import MeteringPolicy
from charging.session import Session, next_wake_at, step
from rating.errors import RatingError

_SESSION: TypeAdapter[Session] = TypeAdapter(Session)
_POLICY = MeteringPolicy()
_FAR_AHEAD = datetime(2100, 1, 1, tzinfo=UTC)
_REMEMBERED = 512
"""Sessions that were loaded last. They are values, and the same ones are looked at again and again while they wait."""
_FAULTS = (ArithmeticError, LookupError, OSError, TypeError, ValueError)
"""What comes of values that are of the right type and mean nothing."""


class SavedSessionError(Exception):
    """A saved session cannot be read."""


def dump_session(session: Session) -> str:
    """Return the session as JSON text."""
    return _SESSION.dump_json(session).decode()


@lru_cache(maxsize=_REMEMBERED)
def load_session(text: str) -> Session:
    """Return the session that :func:`dump_session` wrote.

    Raises:
        SavedSessionError: the text is damaged or of an unknown form.
    """
    try:
        session = _SESSION.validate_json(text)
        _rehearse(session)
    except (ValidationError, RatingError, *_FAULTS) as error:
        raise SavedSessionError(f"a saved session cannot be read: {error}") from error
    return session


def _rehearse(session: Session) -> None:
    """Take a session to its end, as a successor might, and forget about it."""
    at = _FAR_AHEAD
    session.call.local(at)
    ends = [ev.LegEnded(leg.answered_at or at, leg.channel_id, leg.trunk, None) for leg in session.legs]
    session = adopted(
        session,
        held_micros=session.held_micros,
        paid_s=session.paid_s,
        allowance_s=session.allowance_s,
        slice_no=session.slice_no,
    )
    events: tuple[ev.Event, ...] = (ev.TakenOver(at), ev.Woke(at), *ends, ev.CallerGone(at), ev.Woke(at))
    for event in events:
        next_wake_at(session, _POLICY)
        session, _ = step(session, event, _POLICY)
