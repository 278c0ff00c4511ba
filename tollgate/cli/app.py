"""The ``tollgate`` command: its topics, loaded when they are used, and the one error boundary around them."""

import importlib
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup
from typer.main import get_command

from tollgate.cli.errors import BAD_INPUT, REFUSED, CliError, Failure, failure_from_text, failure_of

TOPICS: dict[str, tuple[str, str]] = {
    "init": ("setup", "Make the settings file, the store and the portal's first user."),
    "migrate": ("migrate", "Bring the store's schema up to date."),
    "backup": ("backup", "Copy the store while the service runs."),
    "serve": ("service", "Run the service: gate and meter."),
    "doctor": ("doctor", "Check the PBX end to end."),
    "demo": ("service", "Place a few calls through the demonstration office."),
    "account": ("account", "Accounts: who pays."),
    "quote": ("quote", "What a call would be and cost, without a call."),
    "balance": ("funds", "What is available, and its lots."),
    "funds": ("funds", "Add funds, list and correct them."),
    "notices": ("notices", "What accounts were told: funds that expire."),
    "extension": ("extension", "Extensions: who calls."),
    "plan": ("plan", "Plans: what is included."),
    "rates": ("rates", "Decks of prices."),
    "activity": ("activity", "Who called where, when, and what it cost."),
    "calls": ("calls", "Calls that live now."),
    "user": ("user", "Users of the portal."),
    "nodes": ("nodes", "The PBXs that share the store."),
    "alerts": ("alerts", "What those who run the PBX are to be told."),
    "reconciliations": ("reconciliations", "What restarts and reconnects found, and the money they moved."),
    "verify": ("verify", "Recompute every balance from the journal."),
    "dialplan": ("dialplan", "The Asterisk files for these settings."),
    "simulate": ("simulate", "Traffic with faults in virtual time, every invariant checked."),
}
"""Command → module of this package that holds it as ``<command>_app``, and its line of help.

The modules import the store, the rating and Asterisk's clients; the help of the whole needs none of them.
"""


class LazyTopics(TyperGroup):
    """The top-level group; imports a topic's module when the topic is asked for."""

    # The classes in these signatures are private to typer, hence Any.
    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002  # typer's signature
        """Return all commands in the order of the table."""
        return list(TOPICS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002  # typer's signature
        """Load a command; None where there is none of that name."""
        if cmd_name not in TOPICS:
            return None
        module = importlib.import_module(f"tollgate.cli.{TOPICS[cmd_name][0]}")
        command = get_command(getattr(module, f"{cmd_name}_app"))
        command.name = cmd_name
        return command

    def format_commands(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002  # typer's signature
        """Write the table of commands without loading any."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in TOPICS.items()])


app = typer.Typer(
    cls=LazyTopics,
    add_completion=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["--help", "-h"]},
)


def _show_version(*, wanted: bool) -> None:
    if wanted:
        from importlib.metadata import PackageNotFoundError, version

        try:
            known = version("tollgate")
        except PackageNotFoundError:  # run from its folder, without having been installed
            known = "unknown"
        sys.stdout.write(f"tollgate {known}\n")
        raise typer.Exit


@app.callback()
def tollgate(
    ctx: typer.Context,
    config: Annotated[
        Path | None, typer.Option("--config", metavar="FILE", help="Settings file; ./tollgate.toml by default.")
    ] = None,
    version: Annotated[  # noqa: ARG001  # its callback does it
        bool, typer.Option("--version", help="Show the version.", callback=_show_version, is_eager=True)
    ] = False,
) -> None:
    """Prepaid call control for your own Asterisk.

    Settings come from tollgate.toml and TOLLGATE_* variables, which win. Exit status: 0 done, 1 refused or a
    check failed, 2 bad input.

    \b
    Examples:
      tollgate init --home-region FR
      tollgate quote 00447797123456 --duration 60
      tollgate COMMAND --help
    """
    ctx.obj = config


def run(arguments: Sequence[str]) -> int:
    """Run the command line and return its exit status; whatever goes wrong is one line on stderr."""
    try:
        status = get_command(app).main(list(arguments) or ["--help"], prog_name="tollgate", standalone_mode=False)
        _flush()
    except Exception as error:
        failure = _failure(error)
        if failure is None:
            raise
        _report(failure, as_json="--json" in arguments)
        return failure.exit_code
    return status if isinstance(status, int) else 0


def _flush() -> None:
    """Write what is still buffered; a reader that has gone (``| head``) is no error."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _report(failure: Failure, *, as_json: bool) -> None:
    """Write an error: one line on stderr, for people or, for programs, one object.

    The object is the document on stdout too, where the command has written none: a program that asked for one gets one.
    Where both are the same terminal it is there once.
    """
    _flush()
    if not as_json:
        sys.stderr.write(failure.line + "\n")
        return
    document = json.dumps({"error": failure.error, "hint": failure.hint}, ensure_ascii=False)
    if not failure.shown and not (sys.stdout.isatty() and sys.stderr.isatty()):
        sys.stdout.write(document + "\n")
    sys.stderr.write(document + "\n")


def _failure(error: Exception) -> Failure | None:
    """Return how an error is shown; None for one that is a fault of the program."""
    if isinstance(error, CliError):
        return failure_of(error)
    if isinstance(error, typer.TyperException):
        return _usage_failure(error)
    if isinstance(error, typer.Abort):
        return Failure("stopped", "nothing more was done", REFUSED)
    if isinstance(error, OSError):
        return Failure(f"{error.filename or 'input/output'}: {error.strerror or error}", "check it", REFUSED)
    return _package_failure(error)


def _usage_failure(error: typer.TyperException) -> Failure:
    context = getattr(error, "ctx", None)
    path = "tollgate" if context is None else context.command_path
    text = " ".join(error.format_message().split()).rstrip(".")
    return Failure(text, f"see `{path} --help`", BAD_INPUT)


def _package_failure(error: Exception) -> Failure | None:
    """Return how an error of our own packages is shown; they are imported only where one may have been raised."""
    from ari_app.errors import AsteriskError
    from charging.saved import SavedSessionError
    from dialplan.render import DialplanError
    from rating.errors import RatingError
    from store.errors import StoreError
    from tollgate.office.errors import OfficeError
    from tollgate.settings import SettingsError

    if isinstance(error, (RatingError, SettingsError, DialplanError)):
        return failure_from_text(str(error), BAD_INPUT, "correct it and try again")
    if isinstance(error, AsteriskError):
        return failure_from_text(str(error), REFUSED, "`tollgate doctor` says what is wrong")
    if isinstance(error, (StoreError, SavedSessionError)):
        return failure_from_text(str(error), REFUSED, "`tollgate doctor` says what is wrong")
    if isinstance(error, OfficeError):
        return failure_from_text(str(error), REFUSED, "mend that and try again")
    return None
