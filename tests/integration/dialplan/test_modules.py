"""Asterisk's own documentation names the module of each application and function that the dialplan uses."""

import re
from dataclasses import replace
from xml.etree import ElementTree as ET

from dialplan.balance import BalanceByPhone
from dialplan.render import render_dialplan
from tests.integration.dialplan.conftest import OPTIONS
from tollgate.cli.checks.ari import BALANCE_MODULES, DIALPLAN_MODULES
from tollgate.office.asterisk import prepare_asterisk
from tollgate.office.modules import REQUIRED_MODULES

BUILT_IN = "builtin"
"""What the documentation calls the module of what is in Asterisk itself."""


def _used(dialplan: str) -> tuple[set[str], set[str]]:
    """Return the applications and the functions that a dialplan calls."""
    code = "\n".join(re.sub(r"(^|\s);.*", "", line) for line in dialplan.splitlines())
    steps = re.findall(r"^(?:exten => [^,]+,1|\s+same => n(?:\(\w+\))?),(\w+)\(", code, re.MULTILINE)
    conditional = re.findall(r"\?(Set|MSet|Return|Goto|Hangup|Originate)\(", code)
    functions = re.findall(r"\$\{([A-Z][A-Z0-9_]*)\(", code) + re.findall(r"Set\(([A-Z][A-Z_]*)\(", code)
    return {*steps, *conditional}, set(functions)


def test_doctor_and_the_office_know_every_module_that_the_dialplan_uses() -> None:
    binary = prepare_asterisk()
    documented = ET.parse(binary.data_dir / "documentation" / "core-en_US.xml")
    modules = {
        (kind, str(each.get("name")).upper()): str(each.get("module"))
        for kind in ("application", "function")
        for each in documented.iter(kind)
    }
    balance = BalanceByPhone(extension="*62", host="127.0.0.1", port=4573)
    applications, functions = _used(render_dialplan(replace(OPTIONS, balance=balance, notes_in_cdr=True)))

    used = {modules["application", name.upper()] for name in applications}
    used |= {modules["function", name] for name in functions}
    needed = {f"{module}.so" for module in used - {BUILT_IN}}
    assert needed <= {*DIALPLAN_MODULES, *BALANCE_MODULES}
    assert {*DIALPLAN_MODULES} <= needed
    assert {module.removesuffix(".so") for module in needed} <= {*REQUIRED_MODULES}
