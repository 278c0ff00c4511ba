"""Cells with words: what a change list does with a row, whether a destination is barred, increments."""

import re
from decimal import Decimal
from enum import Enum

from rating.deck import LONGEST_INCREMENT_S
from rating.deck_import.fields import plain
from rating.deck_import.model import Cell, shown


class WordError(ValueError):
    """A word that is not known here; the message is the reason."""


class Status(Enum):
    """What a change list says of a row."""

    PRICED = "priced"
    WITHDRAWN = "withdrawn"
    BARRED = "barred"


_PRICED = """|new|increase|increased|decrease|decreased|no change|unchanged|same|current|added|add|active|open|opened
    |ok|up|down|changed|change|update|updated|modified|raise|lower|reduction|pending increase|pending decrease
    |new destination|new code|nouveau|nouvelle|hausse|baisse|augmentation|inchange|sans changement|modifie|ajout|actif
    |nuevo|nueva|aumento|incremento|subida|bajada|disminucion|sin cambio|sin cambios|modificado|alta|activo
    |neu|erhohung|senkung|unverandert|keine anderung|geandert|aktiv"""
_WITHDRAWN = """deleted|delete|removed|remove|closed|close|discontinued|withdrawn|cancelled|canceled|terminated|inactive
    |code deleted|deletion|supprime|supprimee|suppression|ferme|fermee|retire|inactif
    |eliminado|eliminada|borrado|baja|cerrado|suprimido|inactivo
    |geloscht|entfallt|entfernt|geschlossen|inaktiv"""
_BARRED = "blocked|barred|block|bar|forbidden|bloque|interdit|bloqueado|prohibido|gesperrt"


def _words(text: str, status: Status) -> dict[str, Status]:
    return {" ".join(word.split()): status for word in text.split("|")}


_STATUS = _words(_PRICED, Status.PRICED) | _words(_WITHDRAWN, Status.WITHDRAWN) | _words(_BARRED, Status.BARRED)
_YES = frozenset(
    [
        "1",
        "yes",
        "y",
        "true",
        "x",
        "oui",
        "si",
        "ja",
        "blocked",
        "barred",
        "bloque",
        "bloqueado",
        "gesperrt",
        "interdit",
        "prohibido",
        "forbidden",
    ]
)
_NO = frozenset(["0", "no", "n", "false", "non", "nein", "open", "allowed", "ouvert", "abierto", "offen"]) | {""}

_SECONDS = r"([0-9]{1,5}) ?(?:s|sec|secs|seconds|secondes|segundos|seg|sekunden|sek)?"
_PAIR = re.compile(rf"{_SECONDS} ?[/+:;|-] ?{_SECONDS}")
_ONE = re.compile(_SECONDS)


def read_status(cell: Cell) -> Status:
    """Return what a change list does with a row.

    Raises:
        WordError: the word is not known.
    """
    status = _STATUS.get(plain(shown(cell)))
    if status is None:
        raise WordError('this is no change that we know; leave the column out by --column unused="…"')
    return status


def read_truth(cell: Cell) -> bool:
    """Read yes or no.

    Raises:
        WordError: it is neither.
    """
    word = plain(shown(cell))
    if word not in _YES | _NO:
        raise WordError("write yes or no")
    return word in _YES


def read_seconds(cell: Cell) -> int:
    """Read one increment, ``60`` or ``60 s``, in seconds.

    Raises:
        WordError: it is none between 1 s and 24 h.
    """
    match = _ONE.fullmatch(_text(cell))
    return _checked(match[1] if match else "0")


def read_increments(cell: Cell) -> tuple[int, int]:
    """Read the initial and the further increment, ``30/6``, in seconds; ``60`` alone is both.

    Raises:
        WordError: they are not between 1 s and 24 h.
    """
    match = _PAIR.fullmatch(_text(cell))
    if match is None:
        seconds = read_seconds(cell)
        return seconds, seconds
    return _checked(match[1]), _checked(match[2])


def _text(cell: Cell) -> str:
    if isinstance(cell, Decimal):
        return str(int(cell)) if cell == cell.to_integral_value() else ""
    return shown(cell).strip().casefold()


def _checked(digits: str) -> int:
    if not 1 <= int(digits) <= LONGEST_INCREMENT_S:
        raise WordError(f"write whole seconds from 1 to {LONGEST_INCREMENT_S}, as 60 or 30/6")
    return int(digits)
