"""XML of a workbook, read as a stream: nothing is kept of it but what the reader of a part keeps.

A part may be made to exhaust who reads it: entities that expand without end, tags without end or number, a name of
megabytes. None of it is in a workbook, and all of it is refused here, so that the readers of parts are bounded by
what they keep themselves.
"""

from collections.abc import Iterator
from typing import Protocol
from xml.parsers import expat

from tollgate.deck_files.errors import DeckFileError

_BYTES_AT_ONCE = 1 << 16
_LONGEST_TAG = 1 << 20
"""Bytes; expat keeps a tag until it has ended."""
_MOST_NAMES = 5000
"""Different names of elements and attributes; expat keeps each of them."""
DEEPEST = 64
"""Elements within elements; expat keeps those that are open."""


class Source(Protocol):
    """A part of a workbook, unpacked as it is read."""

    def read(self, size: int, /) -> bytes:
        """Return the next bytes, so many at most; none at the end."""


class HostileXmlError(DeckFileError):
    """A part holds what no workbook has; the message says what, the reader of the file says the rest."""


class LocalNames(dict[str, str]):
    """Names of elements without the prefix of their document; what has another prefix than the root is ``""``."""

    def __init__(self) -> None:
        super().__init__()
        self._own = ""

    def __missing__(self, name: str) -> str:
        prefix, _, local = name.rpartition(":")
        if not self:
            self._own = prefix
        self[name] = found = local if prefix == self._own else ""
        return found


class Depth:
    """How many elements are open."""

    __slots__ = ("_open",)

    def __init__(self) -> None:
        self._open = 0

    def begin(self) -> None:
        """An element begins.

        Raises:
            HostileXmlError: too many are open.
        """
        self._open += 1
        if self._open > DEEPEST:
            raise HostileXmlError("has elements within elements without end")

    def end(self) -> None:
        """An element ends."""
        self._open -= 1


def parse(source: Source, parser: expat.XMLParserType) -> Iterator[None]:
    """Parse a part with the handlers that a parser has; yield after each piece, and its text in few pieces.

    Raises:
        HostileXmlError: it is made to exhaust its reader.
        expat.ExpatError: it is no XML.
    """
    parser.StartDoctypeDeclHandler = _refuse_document_type
    parser.buffer_text = True
    fed = 0
    while chunk := source.read(_BYTES_AT_ONCE):
        parser.Parse(chunk, False)
        fed += len(chunk)
        if fed - parser.CurrentByteIndex > _LONGEST_TAG or len(parser.intern) > _MOST_NAMES:
            raise HostileXmlError("has tags without end or number")
        yield
    parser.Parse(b"", True)
    yield


def start_tags(source: Source) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield the local name and the attributes of each element of a part, as they begin.

    Raises:
        HostileXmlError: it is made to exhaust its reader.
        expat.ExpatError: it is no XML.
    """
    parser, names, depth = expat.ParserCreate(), LocalNames(), Depth()
    found: list[tuple[str, dict[str, str]]] = []

    def begin(name: str, attributes: dict[str, str]) -> None:
        depth.begin()
        found.append((names[name], attributes))

    parser.StartElementHandler = begin
    parser.EndElementHandler = lambda _: depth.end()
    for _ in parse(source, parser):
        yield from found
        found.clear()


def _refuse_document_type(*_: object) -> None:
    raise HostileXmlError("has a document type, which no workbook has")
