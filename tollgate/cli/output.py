"""The output layer: a table for people or one JSON document for programs, from the same values."""

import json
import re
import sys
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from typing import Any, TextIO, TypeVar

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.progress import track
from rich.table import Table

T = TypeVar("T")
Document = dict[str, Any]
_NEVER_CUT = re.compile(r"[+-]?[0-9][0-9.,:T+Z-]{0,28}")
"""Dates, times and amounts: half of one would be read as another."""
_PIPE_COLUMNS = 200
"""Wide enough that a table in a pipe is not folded."""


def console(file: TextIO | None = None) -> Console:
    """Return where tables go. What is shown comes from callers and files: nothing in it is markup."""
    target = sys.stdout if file is None else file
    width = None if target.isatty() else _PIPE_COLUMNS
    return Console(file=target, width=width, markup=False, emoji=False, highlight=False)


def say(text: str) -> None:
    """Write a line for people; long ones are the terminal's to wrap."""
    sys.stdout.write(text + "\n")


def show(document: Document, render: Callable[[], None], *, as_json: bool) -> None:
    """Write ``document`` as JSON, or have ``render`` write it for people."""
    if as_json:
        write_json(document)
    else:
        render()


def write_json(document: Document, file: TextIO | None = None) -> None:
    """Write one JSON document."""
    target = sys.stdout if file is None else file
    json.dump(document, target, ensure_ascii=False, indent=2)
    target.write("\n")


async def write_json_stream(
    head: Document,
    list_name: str,
    items: AsyncIterator[Document],
    file: TextIO,
    tail: Callable[[], Document] = dict,
) -> None:
    """Write one JSON document whose long list is never in memory as a whole.

    Args:
        head: The keys before the list; at least one.
        list_name: The key of the list.
        items: Its elements.
        file: Where to.
        tail: Gives the keys after the list, once all elements went by.
    """
    file.write(_without_end(head) + f',\n  "{list_name}": [')
    separator = "\n    "
    async for item in items:
        file.write(separator + json.dumps(item, ensure_ascii=False))
        separator = ",\n    "
    file.write("\n  ]")
    last = tail()
    if last:
        file.write(",\n" + _without_end(last).removeprefix("{\n"))
    file.write("\n}\n")


def _without_end(document: Document) -> str:
    return json.dumps(document, ensure_ascii=False, indent=2).removesuffix("\n}")


def table(columns: Sequence[str], rows: Sequence[Sequence[object]], *, title: str = "") -> Table:
    """Make a table; columns named with a leading ``>`` are set to the right, None is an empty cell."""
    # Lines between columns would take the room of what stands in them.
    made = Table(title=title or None, title_justify="left", box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    for number, column in enumerate(columns):
        title = column.removeprefix(">")
        cells = [str(row[number]) for row in rows if row[number] not in (None, "")]
        is_whole = bool(cells) and all(_NEVER_CUT.fullmatch(cell) for cell in cells)
        made.add_column(
            title,
            justify="right" if column.startswith(">") else "left",
            overflow="fold",
            no_wrap=is_whole,
            min_width=max(_whole_width(cells), max(map(len, title.split()), default=0) if is_whole else 0),
        )
    for row in rows:
        made.add_row(*("" if cell is None else str(cell) for cell in row))
    return made


def _whole_width(cells: Iterable[str]) -> int:
    """Return how wide a column must be so that no date, time or amount is cut into two lines."""
    words = (word for cell in cells for word in cell.split() if _NEVER_CUT.fullmatch(word))
    return max(map(len, words), default=0)


def print_table(columns: Sequence[str], rows: Sequence[Sequence[object]], *, title: str = "") -> None:
    """Write a table to stdout."""
    console().print(table(columns, rows, title=title))


def print_fields(fields: Mapping[str, object]) -> None:
    """Write names and values, one a line; None is left out."""
    shown = {name: value for name, value in fields.items() if value is not None}
    width = max(map(len, shown), default=0)
    for name, value in shown.items():
        say(f"{name:<{width}}  {value}")


def with_progress(items: Iterable[T], total: int, what: str) -> Iterable[T]:
    """Hand the items on under a progress bar on a terminal, and under none in a pipe."""
    bar_console = Console(stderr=True)
    return track(items, what, total=total, console=bar_console, transient=True, disable=not bar_console.is_terminal)
