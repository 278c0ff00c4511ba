"""How every topic's typer app is made."""

from collections.abc import Sequence

import typer


def topic(help_text: str | None = None, examples: Sequence[str] = (), *, alone: bool = False) -> typer.Typer:
    """Return an app for a group of commands, or for one command.

    Args:
        help_text: What the group is about; None where its own command says it, with its examples.
        examples: A few of its commands as they are typed.
        alone: Whether the group itself can be called, with a command of its own.
    """
    app = typer.Typer(add_completion=False, rich_markup_mode=None, invoke_without_command=alone)
    if help_text is not None:
        app.info.help = "\n".join([help_text, "", "\b", "Examples:", *(f"  {each}" for each in examples)])
    return app
