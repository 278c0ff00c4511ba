"""Files as files: what they are, what is wrong with them, and what a workbook's cells become."""

import io
import zipfile
from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import openpyxl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rating.deck_import import BrokenLine, Cell, DeckImportError, ImportOptions, read_deck
from tollgate.deck_files import DeckFileError, open_tables
from tollgate.deck_files.csv_table import CsvTable

HEADER = ["prefix", "destination", "price"]


def rows(path: Path, sheet: str | None = None) -> list[list[Cell]]:
    return [list(cells) for _, cells in open_tables(path, sheet)[0].rows()]


def workbook(path: Path, **sheets: Sequence[Sequence[object]]) -> Path:
    book = openpyxl.Workbook()
    book.remove(book.worksheets[0])
    for name, cells in sheets.items():
        sheet = book.create_sheet(name)
        for row in cells:
            sheet.append(row)
    book.save(path)
    return path


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252", "latin-1"])
def test_csv_encoding_is_recognized(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "deck.csv"
    path.write_bytes("prefix;destination\n351;S\u00e3o Tom\u00e9\n".encode(encoding))
    assert rows(path) == [["prefix", "destination"], ["351", "S\u00e3o Tom\u00e9"]]


def test_csv_encoding_without_a_rule_is_latin_1(tmp_path: Path) -> None:
    path = tmp_path / "deck.csv"
    path.write_bytes(b"prefix;destination\n351;\xe9\x81\n")
    assert rows(path)[1] == ["351", "\u00e9\x81"]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_csv_delimiter_is_recognized(tmp_path: Path, delimiter: str) -> None:
    path = tmp_path / "deck.csv"
    lines = ["Prices, in euros; without tax", delimiter.join(HEADER), delimiter.join(["44", '"UK, fixed; all"', "0"])]
    path.write_text("\n".join(lines) + "\n")
    assert rows(path)[-1] == ["44", "UK, fixed; all", "0"]


def test_csv_line_that_is_broken_is_one_cell(tmp_path: Path) -> None:
    path = tmp_path / "deck.csv"
    path.write_text("prefix,destination\n33,Fra\rnce\n44,UK\n", newline="")
    read = rows(path)
    assert any(isinstance(cells[0], BrokenLine) for cells in read) or len(read) == 4
    assert read[-1] == ["44", "UK"]


def test_csv_field_beyond_all_bounds_is_broken(tmp_path: Path) -> None:
    path = tmp_path / "deck.csv"
    path.write_text("prefix,destination\n44," + "x" * 200_000 + "\n33,France\n")
    read = rows(path)
    assert isinstance(read[1][0], BrokenLine)
    assert read[2] == ["33", "France"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"%PDF-1.7", "PDF"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1rest", "xls"),
        (b"\x1f\x8b\x08", "gzip"),
        (b"<html><body>", "web page"),
        (b"PK\x05\x06" + b"\x00" * 18, "empty archive"),
        (b"PK\x03\x04damaged", "damaged"),
        (b"a\x00b\x01\x00\x00\x00c", "no text"),
        (b"x" * (1 << 20) + b"y", "million characters"),
        (b"\xff\xfea\x00\x00\xd8", "text"),
    ],
)
def test_file_that_is_something_else_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "deck.csv"
    path.write_bytes(content)
    with pytest.raises(DeckFileError, match=message):
        rows(path)


def test_file_that_is_not_there_or_has_no_sheets_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DeckFileError, match="cannot be read"):
        open_tables(tmp_path / "nosuch.csv")
    (tmp_path / "deck.csv").write_text("a,b\n")
    with pytest.raises(DeckFileError, match="--sheet"):
        open_tables(tmp_path / "deck.csv", "Rates")


def test_xlsx_cells_keep_what_they_are(tmp_path: Path) -> None:
    at = datetime(2026, 12, 1)  # noqa: DTZ001  # a cell of a spreadsheet has no zone
    cells = [4420, 4420.0, "0044", 0.1 + 0.2, 4.42e15, None, True, at, date(2026, 12, 1)]
    path = workbook(tmp_path / "deck.xlsx", Rates=[cells])
    (read,) = rows(path)
    assert read == [
        Decimal(4420),
        Decimal(4420),
        "0044",
        Decimal("0.3"),
        Decimal(4420000000000000),
        "",
        "yes",
        at,
        at,
    ]


def test_xlsx_rows_are_numbered_as_the_sheet_has_them_and_as_wide_as_the_header(tmp_path: Path) -> None:
    path = workbook(tmp_path / "deck.xlsx", Rates=[["Title"], [], [*HEADER, "status"], ["44", "UK", 0.1]])
    (table,) = open_tables(path)
    assert [(line, list(cells)) for line, cells in table.rows()] == [
        (1, ["Title"]),
        (2, []),
        (3, [*HEADER, "status"]),
        (4, ["44", "UK", Decimal("0.1"), ""]),
    ]


def test_xlsx_sheet_is_chosen(tmp_path: Path) -> None:
    path = workbook(tmp_path / "deck.xlsx", Cover=[["Hello"]], Rates=[HEADER])
    assert [table.name for table in open_tables(path)] == ["Cover", "Rates"]
    assert rows(path, "rates") == [HEADER]
    with pytest.raises(DeckFileError, match="'Cover', 'Rates'"):
        open_tables(path, "nosuch")


def test_xlsx_error_cells_and_wrecked_codes_are_bad_rows(tmp_path: Path) -> None:
    cells: Sequence[Sequence[object]] = [
        HEADER,
        [44, "UK", 0.1],
        [447.5, "UK", 0.1],
        [33, "France", "#N/A"],
        [1e17, "x", 1],
    ]
    (table,) = open_tables(workbook(tmp_path / "deck.xlsx", Rates=cells))
    read = read_deck(table, ImportOptions())
    assert read.new.prefixes() == ["44"]
    assert [(bad.line, bad.column) for bad in read.bad_rows] == [(3, "prefix"), (4, "price"), (5, "prefix")]


def archive(path: Path, **members: bytes) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, content in members.items():
            packed.writestr(name.replace("__", "/").replace("_xml", ".xml"), content)
    return path


def test_xlsx_that_is_another_archive_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DeckFileError, match="no workbook"):
        open_tables(archive(tmp_path / "deck.zip", readme=b"hello"))


def test_xlsx_that_unpacks_without_end_is_refused(tmp_path: Path) -> None:
    path = archive(tmp_path / "bomb.xlsx", xl__workbook_xml=b"<workbook/>", xl__sheet_xml=b"\x00" * (32 << 20))
    with pytest.raises(DeckFileError, match="unpacks to more"):
        open_tables(path)


def test_xlsx_with_a_document_type_is_refused(tmp_path: Path) -> None:
    path = archive(
        tmp_path / "entities.xlsx", xl__workbook_xml=b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "b">]><x/>'
    )
    with pytest.raises(DeckFileError, match="document type"):
        open_tables(path)


def test_xlsx_whose_sheet_is_damaged_is_refused(tmp_path: Path) -> None:
    good = workbook(tmp_path / "good.xlsx", Rates=[HEADER, ["44", "UK", 0.1]])
    bad = tmp_path / "bad.xlsx"
    with zipfile.ZipFile(good) as source, zipfile.ZipFile(bad, "w") as target:
        for member in source.infolist():
            content = source.read(member)
            target.writestr(member, content[:200] if "sheet1" in member.filename else content)
    with pytest.raises(DeckFileError, match="damaged"):
        rows(bad)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused_by_our_own_errors(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "any.csv"
    for begin in (b"", b"prefix,destination,price\n"):
        path.write_bytes(begin + content)
        try:
            for table in open_tables(path):
                read_deck(table, ImportOptions())
        except (DeckFileError, DeckImportError):
            continue


def _good_workbook() -> bytes:
    buffer = io.BytesIO()
    book = openpyxl.Workbook()
    for row in (HEADER, ["44", "UK", 0.1]):
        book.worksheets[0].append(row)
    book.save(buffer)
    return buffer.getvalue()


GOOD_WORKBOOK = _good_workbook()
places = st.integers(4, 4000)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(places, st.integers(0, 255), min_size=1, max_size=4))
def test_any_damaged_workbook_is_read_or_refused_by_our_own_errors(tmp_path: Path, damage: dict[int, int]) -> None:
    content = bytearray(GOOD_WORKBOOK)
    for place, byte in damage.items():
        content[place] = byte
    path = tmp_path / "any.xlsx"
    path.write_bytes(content)
    try:
        for table in open_tables(path):
            read_deck(table, ImportOptions())
    except (DeckFileError, DeckImportError):
        return


def test_lines_are_numbered_as_in_the_file_around_breaks_and_broken_lines(tmp_path: Path) -> None:
    lines = [f"{number},x" for number in range(1, 1201)]
    lines[600] = '601,"two\r\nlines"'
    lines[700] = '701,"broken' + "x" * 200_000
    lines[701] = '702,closes"'
    lines[1100] = '1101,"a\nb\nc"'
    path = tmp_path / "many.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8", newline="")
    numbers: dict[str, int] = {}
    for line, cells in CsvTable(path, "utf-8", ",").rows():
        numbers.setdefault(str(cells[0]), line)
    assert (numbers["1"], numbers["600"], numbers["601"], numbers["602"]) == (1, 600, 602, 603)
    # One line more since 601, and two more since 1101, whose row ends on its last line.
    assert (numbers["1100"], numbers["1101"], numbers["1200"]) == (1101, 1104, 1203)
