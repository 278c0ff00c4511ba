"""A session of the store as the charging session that it was saved from."""

from charging.adoption import adopted
from charging.saved import load_session
from charging.session import Session
from store.records import OpenSession


def session_of_row(row: OpenSession) -> Session:
    """Return the charging session of an open call, as the store's columns have it.

    Raises:
        SavedSessionError: its saved state cannot be read.
    """
    return adopted(
        load_session(row.state),
        held_micros=row.held_micros,
        paid_s=row.paid_s,
        allowance_s=row.allowance_s,
        slice_no=row.slice_n,
    )
