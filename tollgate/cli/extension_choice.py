"""Which extensions a command is about: numbers, and ranges of them such as ``120-129``."""

from collections.abc import Iterator, Sequence

from store.errors import UnknownExtensionError
from store.records import Extension
from tollgate.cli.errors import BadInputError
from tollgate.cli.extension_changes import check_number

_DASH = "-"


def is_one_extension(words: Sequence[str]) -> bool:
    """Say whether the words name one extension by its number."""
    return len(words) == 1 and _DASH not in words[0]


def check_selection(words: Sequence[str], home_region: str) -> None:
    """Check the form of numbers and ranges.

    Raises:
        BadInputError: a word is neither, or a range ends before it begins.
    """
    for word in words:
        if _DASH not in word:
            check_number(word, home_region)
            continue
        first, _, last = word.partition(_DASH)
        if not (_is_digits(first) and _is_digits(last) and len(first) == len(last) and first <= last):
            raise BadInputError(f"{word!r} is no range of extensions", "write two numbers of one length, as 120-129")


def _is_digits(text: str) -> bool:
    return text.isascii() and text.isdigit()


def select_extensions(words: Sequence[str], known: Sequence[Extension]) -> list[Extension]:
    """Return the extensions that are meant, each once: those numbered, and those that are there in the ranges.

    Raises:
        UnknownExtensionError: there is none of a number, or none in a range.
    """
    found = {each.number: each for word in words for each in _meant(word, known)}
    return list(found.values())


def _meant(word: str, known: Sequence[Extension]) -> Iterator[Extension]:
    first, dash, last = word.partition(_DASH)
    end = last if dash else first
    # Of one length, numbers sort as their digits do.
    chosen = [each for each in known if len(each.number) == len(first) and first <= each.number <= end]
    if not chosen:
        what = f"in {word}" if dash else word
        raise UnknownExtensionError(f"there is no extension {what}; `tollgate extension list` shows them")
    yield from chosen
