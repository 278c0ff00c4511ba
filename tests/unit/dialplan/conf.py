"""The parts of a rendered dialplan, for tests to look at."""

import re
from typing import Any

from dialplan.render import DialplanOptions, render_dialplan
from dialplan.trunks import Trunk
from rating.emergency import emergency_numbers

TRUNK = Trunk(endpoint="carrier1")


def options(**changes: Any) -> DialplanOptions:
    """Return the options of a French office with one trunk."""
    home_region = changes.get("home_region", "FR")
    values: dict[str, Any] = {
        "home_region": home_region,
        "trunks": (TRUNK,),
        "emergency_numbers": emergency_numbers(home_region),
        **changes,
    }
    return DialplanOptions(**values)


def contexts(text: str) -> dict[str, list[str]]:
    """Return the lines of each context, comments and empty ones left out."""
    found: dict[str, list[str]] = {}
    for line in text.splitlines():
        content = line.partition(";")[0].strip() if line.startswith(";") else line.strip()
        header = re.fullmatch(r"\[([\w-]+)\]", content)
        if header is not None:
            assert header[1] not in found, f"context {header[1]} is there twice"
            found[header[1]] = []
        elif content:
            found[next(reversed(found))].append(content)
    return found


def rendered(**changes: Any) -> dict[str, list[str]]:
    """Return the contexts of the dialplan for these options."""
    return contexts(render_dialplan(options(**changes)))


def dials(lines: list[str]) -> list[str]:
    """Return the arguments of every Dial."""
    return [line.partition("Dial(")[2].removesuffix(")") for line in lines if "Dial(" in line]
