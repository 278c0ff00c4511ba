"""The words that the dialplan and the service say to each other.

The dialplan enters the application with ``Stasis(tollgate,CALL,DIALLED,BLINDTRANSFER,ATTENDEDTRANSFER,
FORWARDERNAME)``. The service answers with channel variables on the caller and ``continue``; a caller within the office
is sent to :data:`INTERNAL_CONTEXT` without any. A trunk leg carries
``TOLLGATE_CALL``: the call's id alone where the service authorised it, or a :class:`LegMark` where the store may know
nothing of it: the dialplan let it through by itself, or the service did without its store, or found it on a trunk.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

APPLICATION = "tollgate"
LEG_VARIABLE = "TOLLGATE_CALL"
ANSWERED_VARIABLE = "TOLLGATE_ANSWERED"
HANGUP_HANDLER = "tg-hang,s,1"
"""What leaves word of a leg's true end."""
VERDICT_VARIABLE = "TG_VERDICT"
SLICE_VARIABLE = "TG_SLICE"
LEG_MARK_VARIABLE = "TG_LEG_MARK"
"""The :class:`LegMark` for the leg of a call that rings without the store; empty where the store has its session."""
PRESENTATION_VARIABLE = "TG_PRES"
"""How the called party is told the caller's number; empty: as the PBX does without us."""
INTERNAL_CONTEXT = "tg-internal"
"""Where ``continue`` sends a caller who dialled within the office: the place is the verdict."""
EMERGENCY_CONTEXT = "tg-emergency"
"""Where the dialplan rings an emergency number."""
LEG_RECORDS_FAMILY = "tollgate-legs"
"""AstDB family of the hang-up handler's records: HOUR/UNIQUEID = mark,answered,ended,cause,endpoint."""
EMERGENCY_RECORDS_FAMILY = "tollgate-emergencies"
"""AstDB family of what is left of emergency calls: HOUR/UNIQUEID of the caller = mark,ended,talked ms,cause."""
AROUND_HANDLER = "tg-around,s,1"
"""What leaves word of an answered leg of which nothing else does."""
TRUNK_VARIABLE = f"CHANNEL(hangup_handler_push)={AROUND_HANDLER}"
"""``set_var`` of a trunk's endpoint: each of its legs has that handler from its creation on."""
AROUND_RECORDS_FAMILY = "tollgate-around"
"""AstDB family of that handler's records, of the form of :data:`LEG_RECORDS_FAMILY`."""
MOST_AROUND_RECORDS = 10_000
"""No more are kept, should no service come to read them: those that follow are only logged by Asterisk."""

_UNGATED = "ungated-"

CDR_NOTE = "tollgate"
"""How an answered leg's note in its CDR's ``userfield`` begins: tollgate|MARK|ANSWERED|UNIQUEID|ENDPOINT."""
_ENTRY = re.compile(r"[0-9]{1,9}")
_CDR_NOTE = re.compile(rf"{CDR_NOTE}\|(.+?)\|([0-9]+\.[0-9]+)\|([^|;]+)\|([A-Za-z0-9_.-]+)")

GATE_LIMIT_S = 3
"""How long the dialplan lets a caller wait for the verdict."""


def number_variable(index: int) -> str:
    """Return the variable that holds the number as trunk ``index`` (from 1) wants it dialled."""
    return f"TG_NUMBER_{index}"


def internal_extension(call_id: str, number: str) -> str:
    """Return the extension of :data:`INTERNAL_CONTEXT` that sends this call, and no later one of its caller, inside."""
    return f"{call_id.rpartition('-')[2]}-{number}"


class Verdict(StrEnum):
    """What the dialplan may do; sent as ``verdict:CALL`` so that a stale one is worth nothing."""

    METERED = "metered"
    """Dial, with a deadline on the leg that answers."""
    FREE = "free"
    EMERGENCY = "emergency"


class Presentation(StrEnum):
    """Values of :data:`PRESENTATION_VARIABLE`, as Asterisk's CONNECTEDLINE(pres) takes them."""

    SHOWN = "allowed_not_screened"
    WITHHELD = "prohib_not_screened"


class MarkKind(StrEnum):
    """Why a leg carries a mark and not the id of a call that was authorised."""

    EMERGENCY = "emergency"
    AWAY = "away"
    """An included call that was let through while the service was away, or by the service while its store was."""
    UNGATED = "ungated"
    """It never passed the gate and nothing is held for it: the service found it, and marked it itself."""
    AROUND = "around"
    """It never passed the gate, and at its end no service had marked it: ``dialled`` is its whole dial string."""


_MARK_KINDS: Mapping[str, MarkKind] = {kind.value: kind for kind in MarkKind}


@dataclass(frozen=True, slots=True)
class CdrNote:
    """What an answered leg noted in its CDR."""

    leg_variable: str
    """As ``TOLLGATE_CALL`` has it."""
    answered: str
    """When the dialplan saw its answer: seconds since the epoch."""
    channel_id: str
    endpoint: str


def parse_cdr_notes(userfield: str) -> list[CdrNote]:
    """Return the notes in a CDR's ``userfield``: none, one, or two where both its channels are legs of ours.

    Asterisk writes the fields of both channels of a CDR, with a semicolon between them; a PBX may have one of its own.
    """
    return [CdrNote(*match.groups()) for match in _CDR_NOTE.finditer(userfield)]


@dataclass(frozen=True, slots=True)
class LegMark:
    """What ``TOLLGATE_CALL`` says of a leg of which the store may know nothing: all that its record needs."""

    kind: MarkKind
    call_id: str
    caller_name: str
    """The caller's channel name, such as ``PJSIP/101-0000001f``."""
    dialled: str

    def __str__(self) -> str:
        """Return it as the leg carries it."""
        return f"{self.kind}|{self.call_id}|{self.caller_name}|{self.dialled}"


@lru_cache(maxsize=4096)  # a leg is looked at again with each of its events, and in each comparison
def parse_leg_variable(value: str) -> str | LegMark:
    """Return the call id of an authorised leg, or the mark of another."""
    word, *rest = value.split("|")
    kind = _MARK_KINDS.get(word)
    if len(rest) < 3 or kind is None:
        return value
    call_id, *name, dialled = rest
    return LegMark(kind, call_id, "|".join(name), dialled)


def call_id_of(value: str) -> str:
    """Return the call id in ``TOLLGATE_CALL``, of either form."""
    owner = parse_leg_variable(value)
    return owner.call_id if isinstance(owner, LegMark) else owner


def call_prefix(node: str) -> str:
    """Return what the ids of a node's calls begin with: Asterisk's own ids are its own, another one has the same."""
    return f"{node}/" if node else ""


def ungated_call_id(node: str, channel_id: str) -> str:
    """Return the id of a call that is known by its trunk leg alone, since it never passed the gate."""
    return f"{call_prefix(node)}{_UNGATED}{channel_id}"


def ungated_leg_of(call_id: str) -> str:
    """Return the trunk leg's channel id in the id of a call that never passed the gate; '' in another id."""
    own = call_id.rpartition("/")[2]
    return own.removeprefix(_UNGATED) if own.startswith(_UNGATED) else ""


@lru_cache(maxsize=4096)
def caller_channel_of(call_id: str) -> str:
    """Return the caller's channel id in a call id: ``NODE/UNIQUEID-ENTRY``, or without the node as it once was."""
    return call_id.rpartition("/")[2].rpartition("-")[0]


def entry_of(call_id: str) -> int:
    """Return how many times the caller's channel had entered the gate with this call; 0 where the id is not ours."""
    entry = call_id.rpartition("-")[2]
    return int(entry) if _ENTRY.fullmatch(entry) else 0


@lru_cache(maxsize=4096)
def endpoint_of(channel_name: str) -> str:
    """Return the endpoint in a channel name: ``PJSIP/101`` for ``PJSIP/101-0000001f``; '' for other channels."""
    technology, slash, rest = channel_name.partition("/")
    endpoint, dash, _ = rest.rpartition("-")
    if not slash or not dash or technology == "Local":
        return ""
    return f"{technology}/{endpoint}"
