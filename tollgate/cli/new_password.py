"""A new password: typed twice on the terminal, where it is not shown, or read from stdin for programs."""

import getpass
import sys
from typing import Annotated

import typer

from tollgate.cli.errors import BadInputError
from web.passwords import LONGEST, SHORTEST, password_fault

PasswordStdin = Annotated[
    bool, typer.Option("--password-stdin", help="Read the password from stdin, one line, instead of asking for it.")
]
_LENGTHS = f"choose one of {SHORTEST} to {LONGEST} characters; several words are good ones"
_MOST_READ = 4 * LONGEST + 2


def new_password(name: str, *, from_stdin: bool) -> str:
    """Return the password that a user is to have.

    Raises:
        BadInputError: there is no terminal to ask on, the two differ, or it is too short or too long.
    """
    password = _from_stdin() if from_stdin else _asked(name)
    fault = password_fault(password)
    if fault is not None:
        raise BadInputError(fault, _LENGTHS)
    return password


def _from_stdin() -> str:
    try:
        return sys.stdin.readline(_MOST_READ).rstrip("\r\n")
    except UnicodeDecodeError as error:
        raise BadInputError("what is on stdin is no text", "write the password in UTF-8") from error


def _asked(name: str) -> str:
    if not sys.stdin.isatty():
        raise BadInputError("there is no terminal to ask for the password", "write it to stdin, with --password-stdin")
    try:
        typed = getpass.getpass(f"Password of {name}: ")
        if getpass.getpass("Once more: ") != typed:
            raise BadInputError("the two passwords differ", "type the same one twice")
    except EOFError as error:
        raise BadInputError("no password was typed", "type it twice, each with Enter behind it") from error
    return typed
