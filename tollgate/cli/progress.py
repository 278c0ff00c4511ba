"""The progress bar of long work: on a terminal, and none in a pipe."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

Tell = Callable[[int, int], None]
"""Is told how much has been done, and of how much."""


@contextmanager
def progress_bar(doing: str, *, total: int | None = None, afterwards: str | None = None) -> Iterator[Tell | None]:
    """Show a bar while the block runs; yields who is to be told, None in a pipe.

    Args:
        doing: What is being done.
        total: How much there is to do, where that is known before the work is.
        afterwards: What is done once all of it is there; None: nothing.
    """
    console = Console(stderr=True)
    if not console.is_terminal:
        yield None
        return
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(doing, total=total)

        def tell(done: int, of: int) -> None:
            description = doing if done < of or afterwards is None else afterwards
            bar.update(task, description=description, completed=done, total=of)

        yield tell
