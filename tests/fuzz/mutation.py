"""Documents that are nearly right: JSON that Asterisk or we ourselves have written, with a few things changed."""

import copy
from collections.abc import Iterator, Sequence
from typing import Any

from hypothesis import strategies as st

Path = tuple[str | int, ...]

TEXTS = st.text(max_size=12) | st.sampled_from(
    [
        "",
        ".",
        "..",
        "\x00",
        "\r\nX: y",
        "1793610000.8",
        "PJSIP/carrier1-00000002",
        "PJSIP/101-00000001",
        "Local/101@phones-1;2",
        "Up",
        "Ring",
        "emergency|1.1-1|PJSIP/101-1|112",
        "away|1.1-1|a|b|0145678901",
        "|||",
        "9" * 400,
        "nan",
        "1e300",
        "-1",
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59.999-1200",
        "2026-11-02T09:00:00.000+0000",
    ]
)
NUMBERS = st.integers(-3, 3) | st.integers() | st.sampled_from([2**31, 2**63, -(2**63), 10**30]) | st.floats()
SCALARS = st.none() | st.booleans() | NUMBERS | TEXTS
JSON = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3), max_leaves=6
)


def paths(document: Any, before: Path = ()) -> Iterator[Path]:
    """Yield the path of every value in a document."""
    children = document.items() if isinstance(document, dict) else enumerate(document)
    for key, value in children:
        yield (*before, key)
        if isinstance(value, dict | list):
            yield from paths(value, (*before, key))


def _parent(document: Any, path: Path) -> Any:
    for key in path[:-1]:
        document = document[key]
    return document


@st.composite
def mutated(draw: st.DrawFn, documents: Sequence[Any], most: int = 4) -> Any:
    """Draw one of the documents with up to ``most`` values replaced, removed, exchanged or given another name."""
    document = copy.deepcopy(draw(st.sampled_from(documents)))
    for _ in range(draw(st.integers(0, most))):
        places = list(paths(document))
        if not places:
            break
        path = draw(st.sampled_from(places))
        parent, key = _parent(document, path), path[-1]
        match draw(st.integers(0, 4)):
            case 0:
                del parent[key]
            case 1:
                other = draw(st.sampled_from(places))
                parent[key] = copy.deepcopy(_parent(document, other)[other[-1]])
            case 2 if isinstance(parent, dict):
                parent[draw(TEXTS)] = parent.pop(key)
            case _:
                parent[key] = draw(JSON)
    return document


@st.composite
def damaged_text(draw: st.DrawFn, texts: Sequence[str]) -> str:
    """Draw one of the texts with a few places cut, doubled or written over."""
    text = draw(st.sampled_from(texts))
    for _ in range(draw(st.integers(0, 4))):
        begin = draw(st.integers(0, len(text)))
        end = draw(st.integers(begin, min(len(text), begin + 30)))
        text = text[:begin] + draw(st.text(max_size=6) | st.just(text[begin:end] * 2)) + text[end:]
    return text
