"""Reading what `asterisk -V` prints, and which releases may be used."""

import re

from ari_app.version import AsteriskVersion

_VERSION_LINE = re.compile(r"^Asterisk (\d+\.\d+(?:\.\d+)?)(?=$|[\s~+-])", re.MULTILINE)

REQUIREMENT = "20.20.1 or later in the 20 line, 22.10.1 or later in the 22 line, or any release from 23 on"


def parse_version(text: str) -> AsteriskVersion | None:
    """Read the output of `asterisk -V`.

    Returns:
        None for anything but a numbered release: builds from git and the certified branch do not say which
        fixes they have.
    """
    found = _VERSION_LINE.search(text)
    return None if found is None else AsteriskVersion.parse(found[1])
