"""Checks of the dialplan that Asterisk has loaded, against the one for these settings."""

from collections.abc import Awaitable, Callable

from ari_app.errors import AmiRefusedError
from tollgate.cli.checks.check import Check, fail, ok, warn
from tollgate.cli.checks.dialplan_show import LoadedDialplan, first_context, parse_written
from tollgate.settings import Settings

_ENTRY = "tollgate"
_EMERGENCY_ENTRY = "tollgate-emergency"
_GATE = "tg-gate"
_WRITE_AGAIN = 'tollgate dialplan --output /etc/asterisk && asterisk -rx "dialplan reload"'

Command = Callable[[str], Awaitable[str]]


def check_loaded(loaded: LoadedDialplan, written: str) -> Check:
    """Check that Asterisk has loaded the dialplan for these settings, step by step."""
    wanted = parse_written(written)
    missing = sorted(wanted.keys() - loaded.contexts.keys())
    if missing:
        return fail("dialplan", f"not loaded: {', '.join(missing)}", _WRITE_AGAIN)
    other = sorted(name for name in wanted if not loaded.contexts[name].is_loaded_from(wanted[name]))
    if other:
        return fail("dialplan", f"not the one for these settings: {', '.join(other)}", _WRITE_AGAIN)
    return ok("dialplan", "loaded, and the one for these settings")


def check_entry(loaded: LoadedDialplan, settings: Settings) -> list[Check]:
    """Check that phones reach the gate, and that internal calls reach their context."""
    entering = sorted(loaded.including(_ENTRY))
    internal = settings.asterisk.internal_context
    checks = [
        ok("phones' context", f"{', '.join(entering)} includes {_ENTRY}")
        if entering
        else warn(
            "phones' context",
            f"no context includes {_ENTRY}: no call reaches the gate",
            f"include => {_ENTRY} in the context of the phones",
        )
    ]
    if internal in loaded.contexts:
        checks.append(ok("internal context", internal))
    else:
        checks.append(fail("internal context", f"there is no context {internal}", "correct asterisk.internal_context"))
    return checks


def check_absolute_timeout(loaded: LoadedDialplan, settings: Settings) -> Check:
    """Check that no context but the gate holds a ``T`` extension: it would revive a leg whose paid time is over.

    One in a context that a call can come to is a failure; in any other only a Goto could lead there.
    """
    holding = {name for name, context in loaded.contexts.items() if "T" in context.steps} - {_GATE}
    roots = {*loaded.including(_ENTRY), settings.asterisk.internal_context}
    roots |= {name for name in loaded.contexts if name.startswith(("tg-", _ENTRY))}
    reachable = sorted(holding & loaded.reach(roots))
    mend = "take its T extension out"
    if reachable:
        return fail("T extensions", f"in {', '.join(reachable)}: a call goes on past its paid end", mend)
    if holding:
        return warn("T extensions", f"in {', '.join(sorted(holding))}, should a paid call ever get there", mend)
    return ok("T extensions", "none but the gate's own")


async def check_emergency(loaded: LoadedDialplan, settings: Settings, command: Command) -> Check:
    """Check that, from each context of the phones, every emergency number goes to the emergency context first.

    A phones' context with a pattern of its own, such as ``_1XX`` for extensions, would take 112 away.
    """
    numbers = [
        dialled
        for number in sorted(settings.dial_rules().emergencies)
        for dialled in sorted({number, settings.outside_line + number})
    ]
    taken = []
    for context in sorted(loaded.including(_ENTRY) - {_ENTRY}):
        for number in numbers:
            try:
                first = first_context(await command(f"dialplan show {number}@{context}"))
            except AmiRefusedError:
                first = None
            if first != _EMERGENCY_ENTRY:
                taken.append(f"{number} in {context} goes to {first or 'nowhere'}")
    if taken:
        more = f", and {len(taken) - 3} more" if len(taken) > 3 else ""
        return fail(
            "emergency numbers",
            f"{', '.join(taken[:3])}{more}",
            f"include => {_EMERGENCY_ENTRY} first in that context, and move its own patterns to an included one",
        )
    return ok("emergency numbers", f"{', '.join(numbers)} ring without the service")
