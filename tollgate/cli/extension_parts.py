"""Many extensions written some at a time, so that calls pass between."""

from collections.abc import Callable, Mapping
from typing import TypeVar

from store.errors import StoreError
from store.extensions import EXTENSIONS_AT_ONCE, ExtensionChanges
from store.operation import Operation
from store.store import Store
from tollgate.cli.errors import RefusedError

T = TypeVar("T")


async def in_parts(
    store: Store,
    changes: Mapping[str, ExtensionChanges],
    operation: Callable[[Mapping[str, ExtensionChanges]], Operation[T]],
    again: str,
) -> list[T]:
    """Apply an operation to the changes, some at a time; return what each part answered.

    What can be known beforehand the caller has checked: a part is refused only where another administrator has
    changed something since, or where the store is away.

    Args:
        again: What to do where the first parts were written and a later one was not.

    Raises:
        RefusedError: only the first extensions were written.
        StoreError: nothing was written.
    """
    answers: list[T] = []
    numbers = list(changes)
    for at in range(0, len(numbers), EXTENSIONS_AT_ONCE):
        some = {number: changes[number] for number in numbers[at : at + EXTENSIONS_AT_ONCE]}
        try:
            answers.append(await store.apply(operation(some)))
        except StoreError as error:
            if not at:
                raise
            reason = str(error).rpartition("; ")[0] or str(error)
            raise RefusedError(f"the first {at} of {len(numbers)} extensions were written: {reason}", again) from error
    return answers
