"""The root of every error this package raises.

Denials (no rate, barred, no funds, unreadable digits) are values and never raised; an error means that the
caller handed in something that is not data of the promised kind: a bad amount, a bad plan, a bad rate.
"""


class RatingError(Exception):
    """Anything that went wrong in ``rating``; its message says what to do."""
