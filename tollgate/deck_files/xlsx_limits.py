"""What an XLSX file may be before it is handed to a parser: small enough unpacked, and without a DTD.

An XLSX file is a ZIP archive of XML. Some kilobytes of it can unpack to terabytes, or name entities that
expand without end; neither is in a price list. A ZIP member never unpacks to more than its entry declares,
so that the declared sizes are what has to be bounded.
"""

import zlib
from pathlib import Path
from zipfile import BadZipFile, ZipFile, ZipInfo

from tollgate.deck_files.errors import DeckFileError

_MOST_UNPACKED = 2 << 30
_MOST_STRINGS = 256 << 20
"""Of the table of shared strings, which is kept in memory."""
_HIGHEST_RATIO = 200
"""Sheets of prices pack to a tenth; what packs better than this is made to."""
_SMALL = 8 << 20
_MOST_MEMBERS = 5000
_HEAD = 1024


def check_xlsx(path: Path) -> None:
    """Refuse a file that is no workbook, or too large or hostile to be read.

    Raises:
        DeckFileError: it is one of them.
    """
    try:
        with ZipFile(path) as archive:
            _check(path, archive)
    except (BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError, ValueError, OSError) as error:
        raise DeckFileError(f"{path} is a damaged or locked archive; save it again as XLSX or CSV") from error


def _check(path: Path, archive: ZipFile) -> None:
    members = archive.infolist()
    if "xl/workbook.xml" not in archive.NameToInfo:
        raise DeckFileError(f"{path} is a ZIP archive and no workbook; unpack it, and import the file in it")
    strings = sum(member.file_size for member in members if "sharedstrings" in member.filename.lower())
    if (
        len(members) > _MOST_MEMBERS
        or sum(member.file_size for member in members) > _MOST_UNPACKED
        or strings > _MOST_STRINGS
        or any(map(_is_bomb, members))
    ):
        raise DeckFileError(f"{path} unpacks to more than a price list would; save it as CSV")
    for member in members:
        if member.filename.lower().endswith((".xml", ".rels")):
            with archive.open(member) as content:
                if b"<!DOCTYPE" in content.read(_HEAD).replace(b"\x00", b""):
                    raise DeckFileError(f"{path} has a document type, which no workbook has; save it as CSV")


def _is_bomb(member: ZipInfo) -> bool:
    return member.file_size > _SMALL and member.file_size > _HIGHEST_RATIO * max(1, member.compress_size)
