"""Texts of a workbook: rich ones in pieces, and the table of those that cells share."""

import re
import sys
from xml.parsers import expat

from tollgate.deck_files.xlsx_xml import Depth, HostileXmlError, LocalNames, Source, parse

LONGEST_TEXT = 32_767
"""Characters in a cell, as Excel has it."""
_MOST_PIECES = 256
"""Of a text; expat hands it on in pieces of 8 KB."""
_MOST_MEMORY = 256 << 20
_ESCAPE = re.compile("_x([0-9A-Fa-f]{4})_")
_SPACE_FOR_A_REFERENCE = 8


def unescaped(text: str) -> str:
    """Return a text without the escapes of Office for characters that XML has not: ``_x000D_`` (ECMA-376, 22.9.2.19).

    Those of characters that nobody can read stay as they are.
    """
    return _ESCAPE.sub(_character, text) if "_x" in text else text


def _character(escape: re.Match[str]) -> str:
    character = chr(int(escape[1], 16))
    return character if character.isprintable() or character in "\t\n\r" else escape[0]


def check_length(text: str) -> None:
    """Refuse a text that no cell has.

    Raises:
        HostileXmlError: it is too long.
    """
    if len(text) > LONGEST_TEXT:
        raise HostileXmlError(f"has a text of over {LONGEST_TEXT} characters")


def check_pieces(pieces: list[str]) -> None:
    """Refuse a text that is still being read, where it is too long already.

    Raises:
        HostileXmlError: it is.
    """
    if len(pieces) > _MOST_PIECES:
        raise HostileXmlError(f"has a text of over {LONGEST_TEXT} characters")


def read_shared_texts(source: Source) -> list[str]:
    """Return the table of shared strings.

    Raises:
        HostileXmlError: it is too large for memory, or made to exhaust its reader.
        expat.ExpatError: it is no XML.
    """
    parser, reader = expat.ParserCreate(), _SharedTexts()
    parser.StartElementHandler, parser.EndElementHandler = reader.begin, reader.end
    parser.CharacterDataHandler = reader.pieces.append
    for _ in parse(source, parser):
        check_pieces(reader.pieces)
        if reader.memory > _MOST_MEMORY:
            raise HostileXmlError("has more shared strings than a price list would")
    return reader.texts


class _SharedTexts:
    """What the parser hands on of a table of shared strings; the phonetic readings of a text are left out."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.memory = 0
        """Bytes that the texts take."""
        self.pieces: list[str] = []
        self._names = LocalNames()
        self._depth = Depth()
        self._text = ""
        self._is_phonetic = False

    def begin(self, name: str, _: dict[str, str]) -> None:
        self._depth.begin()
        self.pieces.clear()
        local = self._names[name]
        if local == "si":
            self._text = ""
        elif local == "rPh":
            self._is_phonetic = True

    def end(self, name: str) -> None:
        self._depth.end()
        local = self._names[name]
        if local == "t" and not self._is_phonetic:
            self._text += "".join(self.pieces)
            check_length(self._text)
        elif local == "si":
            self.texts.append(unescaped(self._text))
            self.memory += sys.getsizeof(self._text) + _SPACE_FOR_A_REFERENCE
        elif local == "rPh":
            self._is_phonetic = False
