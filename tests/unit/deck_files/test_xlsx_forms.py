"""Workbooks in the forms that different programs write, down to the cell."""

import zipfile
from datetime import datetime
from decimal import Decimal
from pathlib import Path

import pytest

from rating.deck_import import Cell
from tests.unit.deck_files.workbooks import MAIN, shared_strings, sheet, write_workbook
from tollgate.deck_files import DeckFileError, open_tables, xlsx_values

DATES = (
    '<numFmts><numFmt numFmtId="170" formatCode="dd\\.mm\\.yyyy"/>'
    '<numFmt numFmtId="171" formatCode="[hh]:mm"/></numFmts>'
)
FORMATS = "".join(f'<xf numFmtId="{number}"/>' for number in (0, 14, 170, 171, 4))
STYLES = f'{DATES}<cellStyleXfs><xf numFmtId="14"/></cellStyleXfs><cellXfs>{FORMATS}</cellXfs>'


def rows(path: Path) -> list[tuple[int, list[Cell]]]:
    return [(line, list(cells)) for line, cells in open_tables(path)[0].rows()]


def only_cell(path: Path, cell: str, styles: str = "", properties: str = "", shared: str = "") -> Cell:
    content = sheet(f"<row>{cell}</row>")
    write_workbook(path, content, styles=styles, properties=properties, shared=shared_strings(shared))
    ((_, (found,)),) = rows(path)
    return found


@pytest.mark.parametrize(
    ("cell", "meant"),
    [
        ("<c><v>0.1</v></c>", Decimal("0.1")),
        # Excel writes 17 digits of a binary fraction.
        ("<c><v>4.4999999999999998E-2</v></c>", Decimal("0.045")),
        ("<c><v>12.0</v></c>", Decimal(12)),
        ("<c><v>0044</v></c>", Decimal(44)),
        ("<c><v> -5 </v></c>", Decimal(-5)),
        ("<c><v>12345678901234567890</v></c>", Decimal(12345678901234567890)),
        ("<c><v>4.42E+15</v></c>", Decimal(4420000000000000)),
        ("<c><v>1e999</v></c>", Decimal("Infinity")),
        ('<c t="str"><f>1+1</f><v>00<!-- --><![CDATA[44]]></v></c>', "0044"),
        ('<c t="e"><v>#N/A</v></c>', "#N/A"),
        ('<c t="b"><v>1</v></c>', "yes"),
        ('<c t="b"><v>false</v></c>', "no"),
        ('<c t="inlineStr"><is><t>R&amp;D _x0041__x000D_&#10;</t></is></c>', "R&D A\r\n"),
        ('<c t="inlineStr"><is><t>_xD83D__x0000_</t></is></c>', "_xD83D__x0000_"),
        ('<c t="inlineStr"><is><r><t>New </t></r><r><rPr/><t>York</t></r><rPh><t>x</t></rPh></is></c>', "New York"),
        ('<c t="d"><v>2026-12-01T10:30:00</v></c>', datetime(2026, 12, 1, 10, 30)),  # noqa: DTZ001
        ('<c t="d"><v>2026-12-01</v></c>', datetime(2026, 12, 1)),  # noqa: DTZ001
        ('<c t="d"><v>2026-12-01T10:30:00+01:00</v></c>', "2026-12-01T10:30:00+01:00"),
        ('<c t="d"><v>10:30:00</v></c>', "10:30:00"),
    ],
)  # fmt: skip
def test_xlsx_cell_says_what_it_says(tmp_path: Path, cell: str, meant: Cell) -> None:
    found = only_cell(tmp_path / "deck.xlsx", cell)
    assert (type(found), found) == (type(meant), meant)


@pytest.mark.parametrize(
    ("cell", "meant"),
    [
        ('<c s="1"><v>46357</v></c>', datetime(2026, 12, 1)),  # noqa: DTZ001
        ('<c s="2"><v>46357.5</v></c>', datetime(2026, 12, 1, 12)),  # noqa: DTZ001
        ('<c s="3"><v>0.5</v></c>', "12:00:00"),
        ('<c s="4"><v>46357</v></c>', Decimal(46357)),
        ('<c s="0"><v>46357</v></c>', Decimal(46357)),
        ('<c s="1"><v>1e9</v></c>', "#VALUE!"),
    ],
)
def test_xlsx_number_is_a_date_where_its_style_says_so(tmp_path: Path, cell: str, meant: Cell) -> None:
    assert only_cell(tmp_path / "deck.xlsx", cell, STYLES) == meant


def test_xlsx_dates_of_a_mac_begin_in_1904(tmp_path: Path) -> None:
    found = only_cell(tmp_path / "deck.xlsx", '<c s="1"><v>44895</v></c>', STYLES, '<workbookPr date1904="1"/>')
    assert found == datetime(2026, 12, 1)  # noqa: DTZ001


def test_xlsx_shared_strings_are_read_without_their_phonetic_readings(tmp_path: Path) -> None:
    shared = "<si><t>Japan</t></si><si><r><t>Tokyo </t></r><r><t>fixed</t></r><rPh><t>toukyou</t></rPh></si><si/>"
    for place, text in enumerate(["Japan", "Tokyo fixed"]):
        assert only_cell(tmp_path / "deck.xlsx", f'<c t="s"><v>{place}</v></c>', shared=shared) == text


def test_xlsx_rows_and_cells_without_places_follow_each_other(tmp_path: Path) -> None:
    content = sheet(
        "<row><c><v>1</v></c><c><v/></c><c><v>2</v></c></row><row/><row r='5.0'><c r='B5'><v>3</v></c></row>"
    )
    assert rows(write_workbook(tmp_path / "deck.xlsx", content)) == [
        (1, [Decimal(1), "", Decimal(2)]),
        (2, []),
        (3, []),
        (4, []),
        (5, ["", Decimal(3), ""]),
    ]


def test_xlsx_of_prefixed_names_and_utf_16_is_read(tmp_path: Path) -> None:
    content = (
        f'<?xml version="1.0" encoding="utf-16"?><x:worksheet xmlns:x="{MAIN}" xmlns:c="other"><x:sheetData>'
        "<x:row><x:c><x:v>1</x:v><c:v>2</c:v></x:c></x:row></x:sheetData></x:worksheet>"
    )
    assert rows(write_workbook(tmp_path / "deck.xlsx", content.encode("utf-16"))) == [(1, [Decimal(1)])]


def test_xlsx_columns_beyond_the_200th_are_left_out(tmp_path: Path) -> None:
    content = sheet(
        '<row><c r="A1"><v>1</v></c><c r="GR1"><v>2</v></c><c r="GS1"><v>3</v></c><c r="XFD1"><v>4</v></c></row>'
    )
    ((_, cells),) = rows(write_workbook(tmp_path / "deck.xlsx", content))
    assert cells == [Decimal(1), *[""] * 198, Decimal(2)]


def test_xlsx_row_that_ends_in_empty_texts_is_as_wide_as_the_others(tmp_path: Path) -> None:
    last = '<c t="s"><v>0</v></c>'
    content = sheet(f"<row><c><v>1.5</v></c>{last}</row><row><c><v>1.5</v></c><c><v>2.5</v></c>{last}</row>")
    path = write_workbook(tmp_path / "deck.xlsx", content, shared=shared_strings("<si><t/></si>"))
    assert rows(path) == [(1, [Decimal("1.5")]), (2, [Decimal("1.5"), Decimal("2.5")])]


def test_xlsx_with_more_prices_and_dates_than_are_remembered_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(xlsx_values, "_MOST_KNOWN", 2)
    content = sheet("".join(f'<row><c><v>{n}.5</v></c><c s="1"><v>{46357 + n}</v></c></row>' for n in range(5)))
    read = rows(write_workbook(tmp_path / "deck.xlsx", content, styles=STYLES))
    assert [cells for _, cells in read] == [
        [Decimal(f"{n}.5"), datetime(2026, 12, 1 + n)]  # noqa: DTZ001  # a cell of a spreadsheet has no zone
        for n in range(5)
    ]


def test_xlsx_whose_sheets_cannot_be_seen_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "hidden.xlsx"
    with (
        zipfile.ZipFile(write_workbook(tmp_path / "deck.xlsx", sheet(""))) as seen,
        zipfile.ZipFile(path, "w") as hidden,
    ):
        for member in seen.infolist():
            hidden.writestr(member, seen.read(member).replace(b"<sheet ", b'<sheet state="hidden" '))
    with pytest.raises(DeckFileError, match="has no sheet"):
        open_tables(path)


def test_xlsx_without_shared_strings_and_styles_is_read(tmp_path: Path) -> None:
    path = write_workbook(tmp_path / "deck.xlsx", sheet("<row><c><v>1</v></c></row>"))
    assert rows(path) == [(1, [Decimal(1)])]


@pytest.mark.parametrize(
    "broken",
    [
        '<row r="2"/><row r="2"/>',
        '<row r="1048577"/>',
        '<row r="1e999"/>',
        '<row r="x"/>',
        '<row><c r="B1"/><c r="A1"/></row>',
        '<row><c r="a1"/></row>',
        '<row><c r="ABCD1"/></row>',
        '<row><c t="s"><v>0</v></c></row>',
        '<row><c t="s"><v>-1</v></c></row>',
        '<row><c t="x"><v>1</v></c></row>',
        '<row><c t="b"><v>2</v></c></row>',
        "<row><c><v>1,5</v></c></row>",
        f"<row><c><v>{'1' * 401}</v></c></row>",
        "<row><c><v>1</v></row>",
    ],
)
def test_xlsx_whose_sheet_makes_no_sense_is_refused(tmp_path: Path, broken: str) -> None:
    with pytest.raises(DeckFileError, match="damaged"):
        rows(write_workbook(tmp_path / "deck.xlsx", sheet(broken)))
