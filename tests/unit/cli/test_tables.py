"""Tables: what is a date or an amount stays in one piece, on a narrow terminal and in a pipe."""

import io

import pytest
from rich.console import Console

from tollgate.cli.output import console, table

COLUMNS = ("reference", "purchased", "expires", ">amount EUR", ">remaining", ">expired", "state")
LONG = "a purchase that somebody has described at great length in the reference that names it for ever"
ROW = (LONG, "2026-11-21 09:30:00", "2027-11-21", "123456.789012", "99999.99", "0.00", "open")


def written(width: int) -> str:
    """Write the table as on a terminal of this width."""
    file = io.StringIO()
    Console(file=file, width=width, color_system=None).print(table(COLUMNS, [ROW, ROW]))
    return file.getvalue()


@pytest.mark.parametrize("width", [80, 100, 132, 200])
def test_dates_times_and_amounts_are_never_cut(width: int) -> None:
    lines = written(width).splitlines()
    assert all(len(line) <= width for line in lines)
    assert "state" in lines[1]
    for whole in ("2026-11-21", "09:30:00", "2027-11-21", "123456.789012", "99999.99", "0.00"):
        assert sum(whole in line for line in lines) == 2, "\n".join(lines)


def test_table_in_a_pipe_is_wide() -> None:
    file = io.StringIO()
    console(file).print(table(("a", "b"), [("x" * 90, "y" * 90)]))
    assert "x" * 90 in file.getvalue()
