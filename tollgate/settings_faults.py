"""What is wrong with a setting, in the words of whoever wrote it: its name, what stands there, what is wanted.

A setting is a key of the file, with a dot behind its section, or a ``TOLLGATE_*`` variable; the fault names the one
that counts, and gives an example in its form. What may hold a password is never shown.
"""

import json
import re
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import ValidationError
from pydantic_core import ErrorDetails

PREFIX = "TOLLGATE_"
NESTED = "__"


class _Form(NamedTuple):
    """What a setting wants, and an example as TOML has it."""

    wanted: str
    example: str


_DAY_S = "whole seconds from 1 to 86400"
_SLICE_S = _Form(_DAY_S, "60")
FORMS: Mapping[str, _Form] = {
    "database_url": _Form("the URL of a database in quotes", '"sqlite:///tollgate.db"'),
    "node": _Form("a name of at most 63 letters, digits, dots, dashes and underscores", '"pbx1"'),
    "home_region": _Form("a country of two letters", '"FR"'),
    "outside_line": _Form("digits in quotes", '"9"'),
    "international_prefixes": _Form("a list of digits in quotes", '["00"]'),
    "numbering_file": _Form("the path of a file in quotes", '"numbering.toml"'),
    "node_lost_s": _Form("whole seconds from 30 to 86400", "120"),
    "ungated_legs": _Form("hang_up, meter or alert", '"hang_up"'),
    "included_while_away": _Form("true or false", "true"),
    "longest_call_s": _Form("whole seconds from 0, which is for ever, to 86400", "14400"),
    "health_listen": _Form("an IP address and a port in quotes, or nothing in quotes", '"127.0.0.1:8099"'),
    "log_level": _Form("debug, info, warning or error", '"info"'),
    "default_plan": _Form("the name of a plan in quotes", '"fr-office"'),
    "funds_expire_months": _Form("whole months from 0, which is never, to 1200", "12"),
    "warn_before_expiry_days": _Form("a list of whole days from 1 to 3650", "[30, 7]"),
    "asterisk": _Form("a section", "[asterisk]"),
    "asterisk.ari_url": _Form("http:// or https://, host and port, and nothing behind them", '"http://127.0.0.1:8088"'),
    "asterisk.ari_user": _Form("a user of ari.conf in quotes", '"tollgate"'),
    "asterisk.ari_password": _Form("a password in quotes", '"…"'),
    "asterisk.ami_host": _Form("a host in quotes", '"127.0.0.1"'),
    "asterisk.ami_port": _Form("a port from 1 to 65535", "5038"),
    "asterisk.ami_user": _Form("a user of manager.conf in quotes", '"tollgate"'),
    "asterisk.ami_secret": _Form("a password in quotes", '"…"'),
    "asterisk.cdr_file": _Form(
        "the path of a file in quotes, from the root", '"/var/log/asterisk/cdr-custom/tollgate.csv"'
    ),
    "asterisk.internal_context": _Form("a context of letters, digits, dashes and underscores", '"from-internal"'),
    "agi": _Form("a section", "[agi]"),
    "agi.listen": _Form("an IP address and a port in quotes, or nothing in quotes", '"127.0.0.1:4573"'),
    "agi.balance_extension": _Form("* or # and up to 7 digits, * and # in quotes, or nothing in quotes", '"*62"'),
    "portal": _Form("a section", "[portal]"),
    "portal.listen": _Form("an IP address and a port in quotes, or nothing in quotes", '"127.0.0.1:8480"'),
    "portal.public_url": _Form(
        "http:// or https:// and a host, perhaps a port, and nothing behind them, in quotes, or nothing in quotes",
        '"https://pbx.example.com"',
    ),
    "trunks": _Form("one section for each trunk", '[[trunks]] with endpoint = "my-carrier"'),
    "trunks.endpoint": _Form("the name of an endpoint in pjsip.conf", '"my-carrier"'),
    "trunks.dial_format": _Form("plus, e164, 00 or national", '"plus"'),
    "metering": _Form("a section", "[metering]"),
    "metering.slice_s": _SLICE_S,
    "metering.first_slice_s": _Form(_DAY_S, "10"),
    "metering.least_slice_s": _Form(_DAY_S, "2"),
    "metering.renew_lead_s": _Form(_DAY_S, "15"),
    "metering.cutoff_margin_ms": _Form("whole milliseconds from 0 to 2000", "300"),
    "metering.ring_limit_s": _Form(_DAY_S, "120"),
    "metering.store_away_s": _Form("whole seconds from 0 to 3600", "0"),
}
"""Every setting by its name in the file; a test compares them with those that there are."""

_LISTS = {"trunks": '[{"endpoint": "my-carrier"}]'}
"""Lists of sections, as their variable has them."""
_SECRETS = frozenset({"database_url", "asterisk.ari_password", "asterisk.ami_secret"})
_LONGEST_SHOWN = 60
_BARE_KEY = re.compile("[A-Za-z0-9_-]+")


def fault_of(error: ValidationError, path: Path | None, environment: Mapping[str, str]) -> str:
    """Say what is wrong with the first setting of an error, and what to write, behind a semicolon.

    Args:
        error: Of the settings' model.
        path: The settings file; None where there is none.
        environment: The variables, of which those of ours win over the file.
    """
    first = error.errors()[0]
    parts = [part for part in first["loc"] if isinstance(part, str)]
    name = ".".join(parts)
    variable = _variable(parts, environment)
    source = path or "the settings" if variable is None else f"the variable {variable}"
    place = f"{_place(first['loc'])} in {source}"
    match first["type"]:
        case "extra_forbidden":
            return f"{place} sets nothing; did you mean {_nearest(name)}?"
        case "value_error":
            return f"{place}: {first['ctx']['error']}; correct one of them"
        case "missing":
            return f"{place} is missing; write {_example(parts, variable)}"
        case _:
            return f"{place}{_given(name, first)} cannot be used; write {_wanted(parts, variable)}"


def _variable(parts: Sequence[str], environment: Mapping[str, str]) -> str | None:
    """Return the variable that a value came from: its own, its section's, or None where it is the file's."""
    set_ones = {name.upper(): name for name in environment}
    for length in range(len(parts), 0, -1):
        found = set_ones.get(PREFIX + NESTED.join(parts[:length]).upper())
        if found is not None:
            return found
    return None


def _place(loc: Sequence[int | str]) -> str:
    """Write where a value stands: ``asterisk.ami_port``, ``endpoint of trunk 2``."""
    if loc[:1] == ("trunks",) and len(loc) > 2:
        return f"{_key(loc[2])} of trunk {int(loc[1]) + 1}"
    numbered = [f"{part + 1}" if isinstance(part, int) else _key(part) for part in loc]
    return ".".join(numbered) or "what is"


def _key(part: int | str) -> str:
    """Write a key as TOML does: with quotes unless it is a bare one, and whatever is in it on one line."""
    text = str(part)
    return text if _BARE_KEY.fullmatch(text) else json.dumps(text[:_LONGEST_SHOWN])


def _given(name: str, error: ErrorDetails) -> str:
    given: Any = error["input"]
    shown = repr(given)
    if name in _SECRETS or isinstance(given, (dict, list, tuple)) or "@" in shown:
        return ""
    return f" is {shown[:_LONGEST_SHOWN]}, which"


def _wanted(parts: Sequence[str], variable: str | None) -> str:
    form = FORMS[".".join(parts)]
    return f"{form.wanted}, such as {_example(parts, variable)}"


def _example(parts: Sequence[str], variable: str | None) -> str:
    name = ".".join(parts)
    example = FORMS[name].example
    if variable is None:
        return example if name in ("agi", "asterisk", "metering", "portal", "trunks") else _line(parts, example)
    if parts[0] in _LISTS:
        return f"{variable}='{_LISTS[parts[0]]}'"
    if example.startswith("["):
        own = next((each for each in FORMS if each.startswith(f"{name}.")), None)
        return f"{variable}='{example}'" if own is None else f"{variable}{NESTED}{own.partition('.')[2]}".upper()
    return f"{variable}={example.strip(chr(34))}"


def _line(parts: Sequence[str], example: str) -> str:
    """Return a line of the file and, where a variable of its own can say the same, that."""
    line = f"{parts[-1]} = {example}"
    if parts[0] in _LISTS:
        return line
    variable = PREFIX + NESTED.join(parts).upper()
    return f"{line}, or {_example(parts, variable)}"


def _nearest(name: str) -> str:
    return get_close_matches(name, FORMS, n=1, cutoff=0)[0]
