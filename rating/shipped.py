"""The override table that ships with this package: read once, as much a part of it as its code."""

import pkgutil
from functools import cache

from rating.numbering_file import parse_numbering
from rating.overrides import NumberingTable


@cache
def shipped_numbering() -> NumberingTable:
    """Return the table of ``numbering.toml``, always the same one."""
    content = pkgutil.get_data("rating", "numbering.toml")
    assert content is not None, "every loader of Python's own has data"
    return parse_numbering(content.decode())
