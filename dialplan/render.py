"""Writes the dialplan for one installation: its trunks, its emergency numbers, what is included while we are away."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib import resources
from string import Template

import phonenumbers

from dialplan.balance import BalanceByPhone, balance_contexts, balance_include, balance_question
from dialplan.contract import (
    ANSWERED_VARIABLE,
    APPLICATION,
    AROUND_RECORDS_FAMILY,
    CDR_NOTE,
    EMERGENCY_RECORDS_FAMILY,
    GATE_LIMIT_S,
    LEG_MARK_VARIABLE,
    LEG_RECORDS_FAMILY,
    LEG_VARIABLE,
    MOST_AROUND_RECORDS,
    PRESENTATION_VARIABLE,
    TRUNK_VARIABLE,
    MarkKind,
    Presentation,
    call_prefix,
    ungated_call_id,
)
from dialplan.trunks import DialFormat, Trunk, international_prefix, national_prefix
from rating.patterns import pattern_length

_NOTE_IN_CDR = (
    f"\n same => n,Set(CDR(userfield)={CDR_NOTE}|${{{LEG_VARIABLE}}}|${{{ANSWERED_VARIABLE}}}"
    "|${UNIQUEID}|${CHANNEL(endpoint)})"
)


class DialplanError(Exception):
    """The settings make no dialplan."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DialplanOptions:
    """What the dialplan depends on."""

    home_region: str
    trunks: tuple[Trunk, ...]
    emergency_numbers: frozenset[str]
    outside_line: str = ""
    caller_id_codes: tuple[str, ...] = ()
    """What may be dialled before a number to show or withhold the caller's own, such as ``*31#``."""
    carrier_codes: tuple[str, ...] = ()
    """Patterns of what may be dialled before a number to choose a carrier, and is taken off."""
    ring_limit_s: int = 120
    longest_call_s: int | None = None
    """How long a call may last that rings while the service is away; None is for ever."""
    internal_context: str = "phones"
    node: str = ""
    """This PBX's name, which its calls' ids begin with; they differ from another PBX's then."""
    away_patterns: tuple[str, ...] = ()
    """Asterisk patterns, as dialled without the outside-line digit, that are free while the service is away."""
    away_excluded: tuple[str, ...] = ()
    """Patterns that are not, although an ``away_patterns`` one covers them."""
    balance: BalanceByPhone | None = None
    """What a phone dials to hear its account's balance; None: nothing."""
    notes_in_cdr: bool = False
    """Whether an answered leg is noted in Asterisk's own CDR (:func:`dialplan.contract.parse_cdr_notes`)."""


class _ConfTemplate(Template):
    """Asterisk's own variables look like ``${…}``: ours are ``@@{…}``."""

    delimiter = "@@"


def render_dialplan(options: DialplanOptions) -> str:
    """Return ``tollgate.conf``, to be included by a PBX's extensions.conf.

    Raises:
        DialplanError: no trunk is configured.
    """
    if not options.trunks:
        raise DialplanError("no trunk is configured: name at least one in [[trunks]] of the settings")
    template = resources.files("dialplan").joinpath("tollgate.conf").read_text(encoding="utf-8")
    return _ConfTemplate(template).substitute(
        application=APPLICATION,
        call_prefix=call_prefix(options.node),
        gate_limit_s=GATE_LIMIT_S,
        records_family=LEG_RECORDS_FAMILY,
        emergencies_family=EMERGENCY_RECORDS_FAMILY,
        trunk_variable=TRUNK_VARIABLE,
        around_kind=MarkKind.AROUND,
        emergency_kind=MarkKind.EMERGENCY,
        around_family=AROUND_RECORDS_FAMILY,
        most_around=MOST_AROUND_RECORDS,
        around_id=ungated_call_id(options.node, "${UNIQUEID}"),
        emergency_mark=_EMERGENCY_MARK,
        internal_context=options.internal_context,
        emergency=_emergency(options),
        metered=_metered(options),
        free=_free(options),
        emergency_dial=_emergency_dial(options.trunks),
        away_included=_away_included(options),
        away_excluded=_away_excluded(options),
        away_dial=_away_dial(options),
        on_trunk=_on_trunk(options.trunks),
        rated=_RATED,
        leg_mark=LEG_MARK_VARIABLE,
        mark_metered=_mark_leg(options.trunks, "${TG_CALL}", "exten => _[0-9+*#]!,1"),
        mark_free=_mark_leg(options.trunks, "${TG_CARRIED}", " same => n"),
        note_in_cdr=_NOTE_IN_CDR if options.notes_in_cdr else "",
        balance_include=balance_include(options.balance),
        balance_question=balance_question(options.balance),
        balance_contexts=balance_contexts(options.balance),
    )


def _with_outside_line(options: DialplanOptions, pattern: str) -> Iterable[tuple[str, int]]:
    """Yield the pattern as a phone may dial it, and how many leading digits are the outside line."""
    yield pattern, 0
    if options.outside_line:
        yield options.outside_line + pattern, len(options.outside_line)


def _as_gate_reads(options: DialplanOptions, pattern: str) -> tuple[str, int]:
    """Return the one way in which the gate takes the pattern: behind the outside line, unless it begins with a plus."""
    if not options.outside_line or pattern.startswith("+"):
        return pattern, 0
    return options.outside_line + pattern, len(options.outside_line)


def _emergency(options: DialplanOptions) -> str:
    """Every number has one line: digits that are a number by themselves are that number, whatever stands before others.

    A code that shows or withholds the caller's number may come before or behind the outside line, and a carrier code
    behind it.
    """
    strips = dict.fromkeys(options.emergency_numbers, 0)
    for code in ("", *options.caller_id_codes):
        for prefix in (code, code + options.outside_line, options.outside_line + code):
            for number in options.emergency_numbers:
                strips.setdefault(prefix + number, len(prefix))
    for code in options.carrier_codes:
        prefix_length = len(options.outside_line) + pattern_length(code)
        for number in options.emergency_numbers:
            strips[f"_{options.outside_line}{code}{number}"] = prefix_length
    lines = []
    for dialled, strip in sorted(strips.items(), key=lambda item: (len(item[0]), item[0])):
        target = f"${{EXTEN:{strip}}}" if strip else "${EXTEN}"
        lines.append(f"exten => {dialled},1,Goto(tg-emergency,{target},1)")
    return "\n".join(lines)


def _on_trunk(trunks: Sequence[Trunk]) -> str:
    """Return the expression that is true on a leg towards a carrier: one that there is, or the one that was dialled.

    The dialplan may have been written again while the leg rang, without its trunk.
    """
    names = (*(trunk.endpoint for trunk in trunks), "${CUT(ARG3,@,2)}")
    endpoints = " | ".join(f'"${{CHANNEL(endpoint)}}" = "{name}"' for name in names)
    return f'"${{CHANNEL(channeltype)}}" = "PJSIP" & ({endpoints})'


def _mark_leg(trunks: Sequence[Trunk], carried: str, first: str) -> str:
    """Return how a leg gets what it carries. (A Local channel has no endpoint to ask for: hence the channel's name.)"""
    names = [f"PJSIP/{trunk.endpoint}-" for trunk in trunks]
    on_trunk = " | ".join(f'"${{CHANNEL:0:{len(name)}}}" = "{name}"' for name in names)
    wanted = f'"${{TOLLGATE_CALL}}" != "" | "${{{PRESENTATION_VARIABLE}}}" != "" | {on_trunk}'
    hook = f"${{IF($[{wanted}]?b(tg-leg^s^1({carried}^${{{PRESENTATION_VARIABLE}}})):)}}"
    return f"""\
{first},Set(TG_HOOK={hook})
 same => n,ExecIf($["${{TG_HOOK}}" = ""]?Set(_TOLLGATE_CALL={carried}))"""


def _attempts(dials: Sequence[str], next_one_if: str, first: str = "exten => _[0-9+*#]!,1") -> str:
    """Return the Dials of a context, each tried where the one before it could not reach anybody."""
    lines = []
    for index, dial in enumerate(dials):
        if index:
            lines.append(f" same => n,GotoIf($[{next_one_if}]?:done)")
        lines.append(f"{first if index == 0 else ' same => n'},{dial}")
    return "\n".join(lines)


_EMERGENCY_MARK = f"{MarkKind.EMERGENCY}|${{TG_CALL}}|${{TG_CALLER}}|${{EXTEN}}"
_RATED = '"${DIALEDPEERNUMBER}" = "${ARG3}" & "${TOLLGATE_CALL}" = "${ARG2}"'
"""True on the leg of the call that was rated, towards the number that was rated."""


_TRUNK_FAILED = '"${DIALSTATUS}" = "CHANUNAVAIL" | "${DIALSTATUS}" = "CONGESTION"'
_NOT_ANSWERED = '"${DIALSTATUS}" != "ANSWER" & "${DIALSTATUS}" != "CANCEL"'


def _metered(options: DialplanOptions) -> str:
    dials = []
    for index, trunk in enumerate(options.trunks, start=1):
        target = f"${{TG_NUMBER_{index}}}@{trunk.endpoint}"
        hooks = f"i${{TG_HOOK}}U(tg-answer^${{TG_SLICE}}^${{TG_CALL}}^{target})"
        dials.append(f"Dial(PJSIP/{target},{options.ring_limit_s},{hooks})")
    return _attempts(dials, _TRUNK_FAILED, first=" same => n")


def _free(options: DialplanOptions) -> str:
    dials = []
    for index, trunk in enumerate(options.trunks, start=1):
        target = f"${{TG_NUMBER_{index}}}@{trunk.endpoint}"
        hooks = f"i${{TG_HOOK}}U(tg-answer-free^^${{TG_CARRIED}}^{target})"
        dials.append(f"Dial(PJSIP/{target},{options.ring_limit_s},{hooks})")
    return _attempts(dials, _TRUNK_FAILED, first=" same => n")


def _emergency_dial(trunks: Sequence[Trunk]) -> str:
    """No ring limit, nothing at the answer, every trunk in turn until somebody answers; never without a number."""
    hook = f"ib(tg-leg^s^1({_EMERGENCY_MARK}^{Presentation.SHOWN}))"
    dials = [f"Dial(PJSIP/${{EXTEN}}@{trunk.endpoint},,{hook})" for trunk in trunks]
    return _attempts(dials, _NOT_ANSWERED, first=" same => n")


def _away_included(options: DialplanOptions) -> str:
    lines = []
    for pattern in options.away_patterns:
        dialled, strip = _as_gate_reads(options, pattern)
        number = _e164_expression(pattern, strip, options.home_region)
        lines.append(f"exten => _{dialled},1,Set(TG_E164={number})")
        lines.append(" same => n,Goto(tg-away-dial,${EXTEN},1)")
    return "\n".join(lines)


def _away_excluded(options: DialplanOptions) -> str:
    lines = []
    for pattern in options.away_excluded:
        for dialled, _ in _with_outside_line(options, pattern):
            lines.append(f"exten => _{dialled},1,Hangup(34)")
    return "\n".join(lines)


def _e164_expression(pattern: str, strip: int, home_region: str) -> str:
    """Return the expression that turns what matched ``pattern`` into ``+`` and digits."""
    code = phonenumbers.country_code_for_region(home_region)
    prefix = national_prefix(home_region)
    abroad = international_prefix(home_region)
    if pattern.startswith("+"):
        return "${EXTEN}"
    if pattern.startswith(abroad):
        return f"+${{EXTEN:{strip + len(abroad)}}}"
    if prefix and pattern.startswith(prefix):
        return f"+{code}${{EXTEN:{strip + len(prefix)}}}"
    return f"+{code}${{EXTEN:{strip}}}" if strip else f"+{code}${{EXTEN}}"


def _away_dial(options: DialplanOptions) -> str:
    home = f"+{phonenumbers.country_code_for_region(options.home_region)}"
    at_home = f"{national_prefix(options.home_region)}${{TG_E164:{len(home)}}}"
    mark = f"{MarkKind.AWAY}|${{TG_CALL}}|${{CHANNEL}}|${{EXTEN}}"
    dials = []
    for trunk in options.trunks:
        number = {
            DialFormat.PLUS: "${TG_E164}",
            DialFormat.E164: "${TG_E164:1}",
            DialFormat.ZEROS: "00${TG_E164:1}",
            DialFormat.NATIONAL: f'${{IF($["${{TG_E164:0:{len(home)}}}" = "{home}"]?{at_home}:00${{TG_E164:1}})}}',
        }[trunk.dial_format]
        target = f"{number}@{trunk.endpoint}"
        hooks = f"ib(tg-leg^s^1({mark}))U(tg-answer-free^{options.longest_call_s or ''}^{mark}^{target})"
        dials.append(f"Dial(PJSIP/{target},{options.ring_limit_s},{hooks})")
    return _attempts(dials, _TRUNK_FAILED)
