"""Decks' names, as every command of ``rates`` takes them."""

import re
from typing import Annotated

import typer

from tollgate.cli.errors import BadInputError

DeckOption = Annotated[str, typer.Option("--deck", metavar="D", help="The deck.")]
_LONGEST_NAME = 60
_NAME = re.compile(rf"[A-Za-z0-9_.-]{{1,{_LONGEST_NAME}}}")


def check_deck_name(deck: str) -> None:
    """Refuse what cannot be a deck's name.

    Raises:
        BadInputError: it has other characters, or too many.
    """
    if not _NAME.fullmatch(deck):
        raise BadInputError(
            f"{deck!r} is no name of a deck",
            f"write at most {_LONGEST_NAME} characters: letters A-Z and a-z, digits, - _ .",
        )
