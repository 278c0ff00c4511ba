"""The balance by phone, in the dialplan: the words that it shares with the service, and its steps.

A short extension asks the service over FastAGI, which sets the variables below on the caller's channel; then Asterisk
says the amount with its own sounds, in the language of the phone. It is asked from the gate's own context, whose guard
ends the call of whoever waits for a service that is connected but mute.
"""

from dataclasses import dataclass
from enum import StrEnum
from string import Template

from dialplan.contract import GATE_LIMIT_S

BALANCE_PATH = "balance"
"""Of ``agi://HOST:PORT/balance``."""
BALANCE_MICROS_VARIABLE = "TG_BALANCE_MICROS"
BALANCE_VARIABLE = "TG_BALANCE"
"""The available balance in the currency's decimals, rounded down: ``10.00``, or ``1000`` where it has none."""
BALANCE_CURRENCY_VARIABLE = "TG_CURRENCY"
BALANCE_STATUS_VARIABLE = "TG_BALANCE_STATUS"
"""A :class:`BalanceStatus`, set last; the others are there where it is OK."""
ENTRY_CONTEXT = "tollgate-balance"
SAYING_CONTEXT = "tg-balance"
MOST_SAID_DIGITS = 9
"""Asterisk says numbers of up to 31 bits; longer ones are said digit by digit."""
REFUSAL_S = 3
"""How long the caller hears that there is no answer."""


class BalanceStatus(StrEnum):
    """Values of :data:`BALANCE_STATUS_VARIABLE`; none where the service is away."""

    OK = "OK"
    UNKNOWN = "UNKNOWN"
    """Who would hear it is no extension: an outsider, perhaps, who was transferred."""
    UNAVAILABLE = "UNAVAILABLE"
    """It cannot be known now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BalanceByPhone:
    """What a phone dials for it, and where the service listens."""

    extension: str
    """Such as ``*62``."""
    host: str
    """An IP address; of one of version 6 the brackets are written here."""
    port: int


def balance_include(balance: BalanceByPhone | None) -> str:
    """Return the line of the context that phones include; '' without a balance by phone."""
    return "" if balance is None else f"\ninclude => {ENTRY_CONTEXT}"


def balance_question(balance: BalanceByPhone | None) -> str:
    """Return the steps in the gate's context."""
    if balance is None:
        return ""
    host = f"[{balance.host}]" if ":" in balance.host else balance.host
    url = f"agi://{host}:{balance.port}/{BALANCE_PATH}"
    return _Template(_QUESTION).substitute(
        extension=balance.extension, url=url, limit_s=GATE_LIMIT_S, context=SAYING_CONTEXT
    )


def balance_contexts(balance: BalanceByPhone | None) -> str:
    """Return the contexts in which it is dialled and said."""
    if balance is None:
        return ""
    return _Template(_CONTEXTS).substitute(
        entry=ENTRY_CONTEXT,
        extension=balance.extension,
        context=SAYING_CONTEXT,
        unknown=BalanceStatus.UNKNOWN,
        most_digits=MOST_SAID_DIGITS,
        refusal_s=REFUSAL_S,
    )


class _Template(Template):
    """Asterisk's own variables look like ``${…}``: ours are ``@@{…}``."""

    delimiter = "@@"


_QUESTION = """
; The balance by phone. A caller who is gone, or out of time, waits for no answer: hence AGIEXITONHANGUP.
exten => @@{extension},1,MSet(TG_BALANCE_STATUS=,TG_GUARD=${IF($["${TIMEOUT(absolute)}" = "0"]?1:0)})
 same => n,ExecIf($["${TG_GUARD}" = "1"]?Set(TIMEOUT(absolute)=@@{limit_s}))
 same => n,Set(AGIEXITONHANGUP=yes)
 same => n,AGI(@@{url})
 same => n,ExecIf($["${TG_GUARD}" = "1"]?MSet(TIMEOUT(absolute)=0,TG_GUARD=0))
; What was set is believed, AGISTATUS is not.
 same => n,GotoIf($["${TG_BALANCE_STATUS}" = "OK"]?@@{context},${EXTEN},1:@@{context},${EXTEN},refused)"""

_CONTEXTS = """
; --- the balance by phone --------------------------------------------------------------------------------------

[@@{entry}]
exten => @@{extension},1,Goto(tg-gate,${EXTEN},1)

[@@{context}]
exten => @@{extension},1,Answer(500)
 same => n,MSet(TG_UNITS=${CUT(TG_BALANCE,.,1)},TG_MINOR=${CUT(TG_BALANCE,.,2)})
 same => n,ExecIf($[${LEN(${TG_UNITS})} > @@{most_digits}]?SayDigits(${TG_UNITS}):SayNumber(${TG_UNITS}))
 same => n,GotoIf($["${TG_MINOR}" = ""]?currency)
 same => n,Playback(letters/dot)
 same => n,SayDigits(${TG_MINOR})
 same => n(currency),SayAlpha(${TG_CURRENCY})
 same => n,Hangup()
; Whoever is not known is refused as at the gate; where the service or its store is away there is a tone to hear.
 same => n(refused),GotoIf($["${TG_BALANCE_STATUS}" = "@@{unknown}"]?unknown)
 same => n,Progress()
 same => n,PlayTones(congestion)
 same => n,Wait(@@{refusal_s})
 same => n,Hangup(34)
 same => n(unknown),Hangup(21)"""
