"""Which encoding a text file is in: told by its byte order mark, or by what its bytes can be.

UTF-8 proves itself: text in another encoding with any accent in it is hardly ever valid UTF-8. What is neither
UTF-8 nor UTF-16 is Windows' western code page, or Latin-1 where it uses bytes that that page leaves undefined.
"""

import codecs
from pathlib import Path

from tollgate.deck_files.errors import DeckFileError

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_BYTES_AT_ONCE = 1 << 20
_UNDEFINED_IN_CP1252 = frozenset(b"\x81\x8d\x8f\x90\x9d")
_SAMPLE = 4096


def encoding_of(path: Path) -> str:
    """Return the encoding of a text file, by its bytes.

    Raises:
        DeckFileError: it is no text.
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        head = file.read(_SAMPLE)
    marked = next((encoding for mark, encoding in _MARKS if head.startswith(mark)), None)
    if marked is not None:
        return marked
    wide = _wide_encoding(head)
    if wide is not None:
        return wide
    if b"\x00" in head:
        raise DeckFileError(f"{path} is no text; save it as CSV or XLSX")
    return _narrow_encoding(path)


def _wide_encoding(head: bytes) -> str | None:
    """Recognize UTF-16 without a mark: in western text every second byte is 0."""
    pairs = len(head) // 2
    if pairs < 4:
        return None
    even, odd = head[0 : 2 * pairs : 2].count(0), head[1 : 2 * pairs : 2].count(0)
    if odd > pairs * 0.7 and even < pairs * 0.1:
        return "utf-16-le"
    return "utf-16-be" if even > pairs * 0.7 and odd < pairs * 0.1 else None


def _narrow_encoding(path: Path) -> str:
    decoder = codecs.getincrementaldecoder("utf-8")()
    is_utf8, is_cp1252 = True, True
    with path.open("rb") as file:
        while chunk := file.read(_BYTES_AT_ONCE):
            if chunk.isascii():
                continue
            is_cp1252 = is_cp1252 and _UNDEFINED_IN_CP1252.isdisjoint(chunk)
            is_utf8 = is_utf8 and _decodes(decoder, chunk)
    if is_utf8 and _decodes(decoder, b"", final=True):
        return "utf-8"
    return "cp1252" if is_cp1252 else "latin-1"


def _decodes(decoder: codecs.IncrementalDecoder, chunk: bytes, *, final: bool = False) -> bool:
    try:
        decoder.decode(chunk, final)
    except UnicodeDecodeError:
        return False
    return True
