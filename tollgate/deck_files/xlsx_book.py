"""What a workbook says of itself: its sheets, where they are in the archive, which styles are dates."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO
from zipfile import ZipFile

from openpyxl.styles.numbers import BUILTIN_FORMATS, is_date_format, is_timedelta_format
from openpyxl.utils.datetime import MAC_EPOCH, WINDOWS_EPOCH

from tollgate.deck_files.xlsx_limits import open_archive
from tollgate.deck_files.xlsx_text import read_shared_texts
from tollgate.deck_files.xlsx_values import CellReader, Dates
from tollgate.deck_files.xlsx_xml import HostileXmlError, start_tags

_LARGEST_SMALL_PART = 32 << 20
"""Bytes, unpacked, of what is kept in memory: the list of sheets, of relations, of styles."""
_LARGEST_STRINGS = 256 << 20
_LONGEST_FORMAT = 255
"""Characters, as Excel has it; looking for a date in much longer ones takes long."""
_WORKBOOK = "xl/workbook.xml"
_RELATIONS = "xl/_rels/workbook.xml.rels"


@dataclass(frozen=True, slots=True)
class _Parts:
    """Where the parts of a workbook are, by names without the kind of their letters."""

    sheets: Mapping[str, str]
    """Those that can be seen, by name."""
    shared: str | None
    styles: str | None
    epoch: datetime


class XlsxBook:
    """A workbook; what all readings of its sheets need is read once.

    Args:
        path: The file.

    Raises:
        DeckFileError: it is no workbook, or made to exhaust its reader.
        BadZipFile, ExpatError, LookupError, ValueError: it is damaged.
        OSError: it cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._shared: Sequence[str] | None = None
        with open_archive(path) as archive:
            self._parts = _parts(archive)
            self._dates = {} if self._parts.styles is None else _dates(archive, self._parts.styles)

    @property
    def sheets(self) -> Sequence[str]:
        """The names of the sheets that can be seen, in their order."""
        return list(self._parts.sheets)

    @contextmanager
    def open_sheet(self, name: str) -> Iterator[tuple[IO[bytes], CellReader]]:
        """Open a sheet's part of the file, with what reads its cells."""
        with open_archive(self._path) as archive:
            if self._shared is None:
                self._shared = _shared(archive, self._parts.shared)
            with _open(archive, self._parts.sheets[name]) as source:
                yield source, CellReader(self._shared, self._dates, self._parts.epoch)


def _parts(archive: ZipFile) -> _Parts:
    sheets, epoch = list[tuple[str, str]](), WINDOWS_EPOCH
    for name, attributes in _tags(archive, _WORKBOOK):
        if name == "workbookPr" and attributes.get("date1904") in {"1", "true"}:
            epoch = MAC_EPOCH
        elif name == "sheet" and attributes.get("state", "visible") == "visible":
            identifier = next((value for key, value in attributes.items() if key.endswith(":id")), "")
            sheets.append((attributes["name"], identifier))
    relations = {
        attributes["Id"]: (attributes["Type"].rpartition("/")[2], _within(attributes["Target"]))
        for name, attributes in _tags(archive, _RELATIONS)
        if name == "Relationship"
    }
    one_each = dict(relations.values())
    return _Parts(
        # What is no worksheet is a chart or a macro.
        sheets={
            name: relations[identifier][1] for name, identifier in sheets if relations[identifier][0] == "worksheet"
        },
        shared=one_each.get("sharedStrings"),
        styles=one_each.get("styles"),
        epoch=epoch,
    )


def _within(target: str) -> str:
    """Return where a relation of the workbook leads, as a member of the archive."""
    target = target.replace("\\", "/")
    return target[1:] if target.startswith("/") else f"xl/{target}"


def _dates(archive: ZipFile, part: str) -> Dates:
    """Return the styles of dates, and whether they are durations (ECMA-376, 18.8.30)."""
    formats: dict[str, str] = {str(number): text for number, text in BUILTIN_FORMATS.items()}
    dates: dict[str, bool] = {}
    style, is_of_cells = 0, False
    for name, attributes in _tags(archive, part):
        if name == "numFmt":
            formats[attributes["numFmtId"]] = attributes["formatCode"][:_LONGEST_FORMAT]
        elif name in {"cellStyleXfs", "cellXfs", "dxfs"}:
            is_of_cells = name == "cellXfs"
        elif name == "xf" and is_of_cells:
            text = formats.get(attributes.get("numFmtId", "0"))
            if is_date_format(text):
                dates[str(style)] = is_timedelta_format(text)
            style += 1
    return dates


def _shared(archive: ZipFile, part: str | None) -> Sequence[str]:
    if part is None:
        return []
    with _open(archive, part, _LARGEST_STRINGS) as source:
        return read_shared_texts(source)


def _tags(archive: ZipFile, part: str) -> Iterator[tuple[str, dict[str, str]]]:
    with _open(archive, part, _LARGEST_SMALL_PART) as source:
        yield from start_tags(source)


def _open(archive: ZipFile, part: str, largest: int | None = None) -> IO[bytes]:
    """Open a part; names of parts are the same in small and capital letters (ECMA-376 part 2, 6.2.2.3).

    Raises:
        KeyError: there is none.
        HostileXmlError: it is too large.
    """
    members = {member.filename.replace("\\", "/").lower(): member for member in archive.infolist()}
    member = members[part.lower()]
    if largest is not None and member.file_size > largest:
        raise HostileXmlError("unpacks to more than a price list would")
    return archive.open(member)
