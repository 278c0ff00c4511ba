"""Which Asterisk can do what."""

import pytest

from ari_app.version import AsteriskVersion


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("Asterisk 22.10.1~dfsg+~cs6.15.60671435-1", AsteriskVersion(22, 10, 1)),
        ("20.14", AsteriskVersion(20, 14, 0)),
        ("GIT-master", AsteriskVersion(0, 0, 0)),
        ("", AsteriskVersion(0, 0, 0)),
    ],
)
def test_version_is_read_from_what_asterisk_says(text: str, version: AsteriskVersion) -> None:
    assert AsteriskVersion.parse(text) == version


@pytest.mark.parametrize(
    ("text", "over_websocket", "supported"),
    [
        ("18.26.0", False, False),
        ("20.13.9", False, False),
        ("20.14.0", True, False),
        ("20.20.0", True, False),
        ("20.20.1", True, True),
        ("21.12.0", False, False),
        ("22.3.0", False, False),
        ("22.4.0", True, False),
        ("22.10.0", True, False),
        ("22.10.1", True, True),
        ("23.0.0", True, None),
    ],
)
def test_version_tells_what_can_be_used(text: str, over_websocket: bool, supported: bool | None) -> None:
    version = AsteriskVersion.parse(text)

    assert version.has_rest_over_websocket is over_websocket
    assert supported in {None, version.is_supported}
