"""Workbooks made to exhaust who reads them are refused, long before they do."""

import io
import struct
import zipfile
from collections.abc import Callable, Iterator
from datetime import datetime
from itertools import chain, count, repeat
from pathlib import Path

import pytest

from tests.unit.deck_files.workbooks import sheet, write_workbook
from tollgate.deck_files import DeckFileError, open_tables, xlsx_book, xlsx_text
from tollgate.deck_files.xlsx_sheet import read_rows
from tollgate.deck_files.xlsx_text import read_shared_texts
from tollgate.deck_files.xlsx_values import CellReader
from tollgate.deck_files.xlsx_xml import HostileXmlError, start_tags

READER = CellReader([], {}, datetime(1899, 12, 30))  # noqa: DTZ001  # a spreadsheet has no zone
READERS = [
    lambda source: list(read_rows(source, READER)),
    read_shared_texts,
    lambda source: list(start_tags(source)),
]


class Endless:
    """A part that goes on as long as anybody reads it; a reader that goes on too fails its test."""

    MOST = 64 << 20

    def __init__(self, begin: str, then: Iterator[str]) -> None:
        self._pieces = chain([begin], then)
        self._given = 0

    def read(self, size: int, /) -> bytes:
        """Return a little more than what is wanted."""
        content = io.StringIO()
        while content.tell() < size:
            content.write(next(self._pieces))
        self._given += content.tell()
        assert self._given < self.MOST, "nobody stops reading"
        return content.getvalue().encode()


@pytest.mark.parametrize("read", READERS)
@pytest.mark.parametrize(
    ("begin", "then", "message"),
    [
        ("<a>", repeat("<c>"), "without end"),
        ('<a b="', repeat("y" * 1000), "without end or number"),
        ("<a>", (f"<b{number}/>" for number in count()), "without end or number"),
        ("<a>", (f'<b x{number}=""/>' for number in count()), "without end or number"),
        ("<a>", (f'<b xmlns:x{number}=""/>' for number in count()), "without end or number"),
        ("<a><!--", repeat("y" * 1000), "without end or number"),
        ('<!DOCTYPE a [<!ENTITY b "', repeat("y" * 1000), "document type"),
    ],
)
def test_xml_without_end_is_refused(
    read: Callable[[Endless], object], begin: str, then: Iterator[str], message: str
) -> None:
    with pytest.raises(HostileXmlError, match=message):
        read(Endless(begin, then))


@pytest.mark.parametrize(
    ("begin", "then"),
    [
        ("<a><row><c><v>", repeat("y" * 1000)),
        ("<a><row><c><v>", repeat("y&#10;")),
        ('<a><row><c t="inlineStr"><is>', repeat(f"<r><t>{'y' * 1000}</t></r>")),
    ],
)
def test_sheet_with_a_text_without_end_is_refused(begin: str, then: Iterator[str]) -> None:
    with pytest.raises(HostileXmlError, match="characters"):
        list(read_rows(Endless(begin, then), READER))


def test_shared_strings_without_end_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(xlsx_text, "_MOST_MEMORY", 1 << 20)
    with pytest.raises(HostileXmlError, match="shared strings"):
        read_shared_texts(Endless("<sst>", repeat("<si><t>y</t></si>")))
    with pytest.raises(HostileXmlError, match="characters"):
        read_shared_texts(Endless("<sst><si>", repeat(f"<r><t>{'y' * 1000}</t></r>")))


def test_row_of_cells_without_end_keeps_its_first_ones() -> None:
    row = f"<a><row>{'<c><v>1</v></c>' * 1_000_000}</row></a>"
    ((_, cells),) = read_rows(io.BytesIO(row.encode()), READER)
    assert len(cells) == 200


@pytest.mark.parametrize("part", ["styles", "xl/sharedStrings.xml", "xl/_rels/workbook.xml.rels"])
def test_workbook_with_a_large_part_that_is_kept_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    monkeypatch.setattr(xlsx_book, "_LARGEST_SMALL_PART", 100_000)
    monkeypatch.setattr(xlsx_book, "_LARGEST_STRINGS", 100_000)
    large = "<!-- -->" * 20_000
    more = {"styles": large} if part == "styles" else {part: f"<a>{large}</a>"}
    path = write_workbook(tmp_path / "large.xlsx", sheet(""), **more)
    with pytest.raises(DeckFileError, match=r"unpacks to more .* would; save it as CSV"):
        list(open_tables(path)[0].rows())


def test_document_type_is_refused_wherever_it_stands(tmp_path: Path) -> None:
    billion = "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 10))
    comment = f"<!--{' ' * 5000}-->"
    content = f'{comment}<!DOCTYPE a [<!ENTITY a0 "ha">{billion}]>{sheet("<row><c><v>&a9;</v></c></row>")[21:]}'
    path = write_workbook(tmp_path / "billion.xlsx", content)
    with pytest.raises(DeckFileError, match="document type"):
        list(open_tables(path)[0].rows())


def test_archive_packed_in_a_way_without_bound_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "bzip2.xlsx"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_BZIP2) as archive:
        archive.writestr("xl/workbook.xml", "<workbook/>")
    with pytest.raises(DeckFileError, match="packed as no workbook"):
        open_tables(path)


@pytest.mark.parametrize("directory_bytes", [3 << 20, 0xFFFFFFF0])
def test_archive_with_a_directory_without_end_is_refused(tmp_path: Path, directory_bytes: int) -> None:
    path = tmp_path / "members.xlsx"
    with path.open("wb") as file:
        file.write(b"PK\x03\x04")
        file.truncate(4 << 20)
        file.seek(0, io.SEEK_END)
        file.write(struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 9, 9, directory_bytes, 4, 0))
    with pytest.raises(DeckFileError, match=r"more members|damaged"):
        open_tables(path)


def test_archive_with_many_members_is_refused(tmp_path: Path) -> None:
    parts = {f"part{number}": "" for number in range(5000)}
    with pytest.raises(DeckFileError, match="unpacks to more"):
        open_tables(write_workbook(tmp_path / "members.xlsx", sheet(""), **parts))


@pytest.mark.parametrize("kept", [0.1, 0.5, 0.9, 0.999])
def test_truncated_archive_is_refused(tmp_path: Path, kept: float) -> None:
    path = write_workbook(tmp_path / "whole.xlsx", sheet("<row><c><v>1</v></c></row>" * 1000))
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * kept)])
    with pytest.raises(DeckFileError, match="damaged"):
        open_tables(path)
