"""Contexts of the tests' own that write down what an expression of the rendered dialplan comes to."""

import time

from dialplan.render import DialplanOptions, render_dialplan
from tollgate.office.instance import AsteriskInstance

SLICES = ("9.700", "1", "0.001", "", "0", "0.000", "-5", "soon", "1e3", "9.7.1", ".5", "5 ")
"""What might stand where the paid seconds should."""

_FAMILY = "probe"


def probe_contexts(options: DialplanOptions) -> str:
    """Return ``[probe-away]``, which takes any number, and ``[probe-slice]``, with an extension for each slice."""
    lines = [
        "",
        "[probe-away]",
        "exten => _[0-9+]!,1,Set(INCLUDED=${DIALPLAN_EXISTS(tg-away-included,${EXTEN},1)})",
        " same => n,Set(EXCLUDED=${DIALPLAN_EXISTS(tg-away-excluded,${EXTEN},1)})",
        f" same => n,Set(DB({_FAMILY}/${{EXTEN}})=${{INCLUDED}}${{EXCLUDED}})",
        "",
        "[probe-slice]",
    ]
    checks = _slice_checks(render_dialplan(options))
    for index, slice_s in enumerate(SLICES):
        lines += [
            f"exten => {index},1,Set(ARG1={slice_s})",
            *checks,
            f" same => n,Set(DB({_FAMILY}/{index})=metered)",
            " same => n,Hangup()",
            f" same => n(abort),Set(DB({_FAMILY}/{index})=abort)",
        ]
    return "\n".join(lines) + "\n"


def _slice_checks(dialplan: str) -> list[str]:
    """Return the very lines with which tg-answer looks at the slice."""
    [answer] = [part for part in dialplan.split("\n[") if part.startswith("tg-answer]")]
    checks = [line for line in answer.splitlines() if "${ARG1}" in line and line.endswith("abort)")]
    assert checks, "tg-answer looks at its slice in another way: mend the probe"
    return checks


def probe(pbx: AsteriskInstance, extension: str, context: str) -> str:
    """Run a probe and return what it wrote down."""
    pbx.cli(f"channel originate Local/{extension}@{context}/n application NoOp")
    deadline = time.monotonic() + 60
    while "Value: " not in (shown := pbx.cli(f"database get {_FAMILY} {extension}")):
        assert time.monotonic() < deadline, f"{extension}@{context} left nothing"
        time.sleep(0.05)
    pbx.cli(f"database del {_FAMILY} {extension}")
    return shown.partition("Value: ")[2].strip()
