"""Files that people hand in and take away."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from tollgate.cli.errors import BadInputError


@contextmanager
def open_text(path: Path) -> Iterator[TextIO]:
    """Open a UTF-8 text file for reading, with or without a byte order mark.

    Raises:
        BadInputError: there is no such file, or it is no UTF-8 text.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            yield file
    except OSError as error:
        raise BadInputError(f"{path} cannot be read: {error.strerror}", "name a file that can be") from error
    except UnicodeDecodeError as error:
        raise BadInputError(f"{path} is no UTF-8 text", "save it as CSV or TOML in UTF-8") from error


@contextmanager
def output_to(path: Path | None) -> Iterator[TextIO]:
    """Open a file for writing, or hand out stdout where there is none.

    Raises:
        BadInputError: the file cannot be written.
    """
    if path is None:
        yield sys.stdout
        return
    try:
        with path.open("w", encoding="utf-8", newline="") as file:
            yield file
    except OSError as error:
        raise BadInputError(f"{path} cannot be written: {error.strerror}", "name another file") from error
