"""What an XLSX file may be before anything in it is read: small enough, unpacked too.

An XLSX file is a ZIP archive of XML. Some kilobytes of it can unpack to terabytes. A ZIP member never unpacks to
more than its entry declares, so that the declared sizes are what has to be bounded; those of single parts, which are
kept in memory, are bounded where they are read.
"""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile, ZipInfo

from tollgate.deck_files.errors import DeckFileError

_MOST_UNPACKED = 2 << 30
_HIGHEST_RATIO = 200
"""Sheets of prices pack to a tenth; what packs better than this is made to."""
_SMALL = 8 << 20
_MOST_MEMBERS = 5000
_LARGEST_DIRECTORY = 2 << 20
"""Bytes of the archive's list of members, which is kept in memory."""


@contextmanager
def open_archive(path: Path) -> Iterator[ZipFile]:
    """Open an archive that is small enough to be read.

    Raises:
        DeckFileError: it is too large, packed in another way than workbooks are, or no workbook.
        BadZipFile: it is damaged.
        OSError: it cannot be read.
    """
    with _SmallReads(path) as file, ZipFile(file) as archive:
        _check(path, archive.infolist())
        yield archive


class _SmallReads(io.FileIO):
    """A file that nobody reads much of at once: an archive's list of members is read as a whole."""

    def read(self, size: int | None = -1, /) -> bytes:
        """Read some bytes.

        Raises:
            DeckFileError: too many are wanted.
        """
        if size is not None and size > _LARGEST_DIRECTORY:
            raise DeckFileError(f"{self.name!s} has more members than a workbook; save it as CSV")
        return super().read(size)


def _check(path: Path, members: list[ZipInfo]) -> None:
    if not any(member.filename.lower() == "xl/workbook.xml" for member in members):
        raise DeckFileError(f"{path} is a ZIP archive and no workbook; unpack it, and import the file in it")
    if (
        len(members) > _MOST_MEMBERS
        or sum(member.file_size for member in members) > _MOST_UNPACKED
        or any(map(_is_bomb, members))
    ):
        raise DeckFileError(f"{path} unpacks to more than a price list would; save it as CSV")
    if any(member.compress_type not in {ZIP_STORED, ZIP_DEFLATED} for member in members):
        # What others unpack at a time is not bounded, whatever the entry declares.
        raise DeckFileError(f"{path} is packed as no workbook is; save it again as XLSX or CSV")


def _is_bomb(member: ZipInfo) -> bool:
    return member.file_size > _SMALL and member.file_size > _HIGHEST_RATIO * max(1, member.compress_size)
