"""How every topic's typer app is made."""

import typer


def topic(help_text: str | None = None, *, alone: bool = False) -> typer.Typer:
    """Return an app for a group of commands, or for one command.

    Args:
        help_text: What the group is about.
        alone: Whether the group itself can be called, with a command of its own.
    """
    return typer.Typer(help=help_text, add_completion=False, rich_markup_mode=None, invoke_without_command=alone)
