"""Emergency numbers per home region, exact: what may never be refused, charged or cut.

The numbers come from the short-number data of phonenumbers, and from the override table where that is known to
lack some. Only clean digits count, and only whole: 9112125551212 is not an emergency call, nor is ``*112``. The
dialplan's own patterns are generated from :func:`emergency_numbers`, so that Asterisk and the gate never disagree.
"""

from functools import lru_cache

from rating.emergency_data import known_emergencies
from rating.overrides import NumberingTable, home_table
from rating.shipped import shipped_numbering


def is_emergency(digits: str, region: str, numbering: NumberingTable | None = None) -> bool:
    """Say whether these exact digits, outside-line digit already taken off, call an emergency service.

    ``numbering`` is the installation's override table, by default the one that ships.
    """
    return digits in emergency_numbers(region, numbering)


def emergency_numbers(region: str, numbering: NumberingTable | None = None) -> frozenset[str]:
    """Return every emergency number of a home region, each as its exact digits."""
    return _numbers(region, numbering or shipped_numbering())


@lru_cache(maxsize=64)
def _numbers(region: str, numbering: NumberingTable) -> frozenset[str]:
    return known_emergencies(region) | home_table(region, numbering).emergencies
