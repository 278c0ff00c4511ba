"""Which Asterisk releases are read, and which are good enough."""

import pytest

from ari_app.version import AsteriskVersion
from tollgate.office.version import parse_version


@pytest.mark.parametrize(
    ("printed", "version"),
    [
        ("Asterisk 22.10.1+dfsg+~cs6.17.60671434-1\n", (22, 10, 1)),
        ("Asterisk 18.10.0~dfsg+~cs6.10.40431411-2\n", (18, 10, 0)),
        ("Asterisk 20.20.1\n", (20, 20, 1)),
        ("Asterisk 23.0.0-rc1\n", (23, 0, 0)),
        ("a warning first\nAsterisk 22.11.0\n", (22, 11, 0)),
        ("Asterisk 23.4\n", (23, 4, 0)),
    ],
)
def test_version_line_of_a_release_is_read(printed: str, version: tuple[int, int, int]) -> None:
    assert parse_version(printed) == AsteriskVersion(*version)


@pytest.mark.parametrize(
    "printed",
    ["", "Asterisk GIT-master-1a2b3c\n", "Asterisk certified/20.7-cert5\n", "FreePBX 17.0.1\n", "Asterisk 22.x\n"],
)
def test_version_line_of_anything_else_is_unknown(printed: str) -> None:
    assert parse_version(printed) is None


@pytest.mark.parametrize(
    ("version", "suitable"),
    [
        ((16, 30, 1), False),
        ((18, 26, 4), False),
        ((20, 20, 0), False),
        ((20, 20, 1), True),
        ((20, 21, 0), True),
        ((21, 12, 9), False),
        ((22, 10, 0), False),
        ((22, 10, 1), True),
        ((22, 9, 9), False),
        ((23, 0, 0), True),
        ((24, 1, 0), True),
    ],
)
def test_release_is_suitable_from_the_first_with_the_fixes(version: tuple[int, int, int], suitable: bool) -> None:
    assert AsteriskVersion(*version).is_supported is suitable


def test_version_is_written_with_dots() -> None:
    assert str(AsteriskVersion(22, 10, 1)) == "22.10.1"
