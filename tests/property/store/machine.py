"""A state machine that has a store of its own for each example."""

import asyncio
from contextlib import ExitStack
from typing import TypeVar

from hypothesis.stateful import RuleBasedStateMachine

from store.operation import Operation
from tests.property.store.places import Place, open_store

T = TypeVar("T")
PROVED_EVERY = 5


class StoreMachine(RuleBasedStateMachine):
    """Opens a store with an empty account 1, and closes and forgets it with the example."""

    lend: Place

    def __init__(self) -> None:
        super().__init__()
        self.looks = 0
        self.lent = ExitStack()
        place = self.lent.enter_context(self.lend())
        self.runner = asyncio.Runner()
        self.store = self.runner.run(open_store(place))

    def teardown(self) -> None:
        """Prove the books for the last time, close the store and forget it."""
        try:
            assert self.runner.run(self.store.verify()) == []
        finally:
            self.runner.run(self.store.close())
            self.runner.close()
            self.lent.close()

    def prove_books(self) -> None:
        """Prove the books now and then: that costs as much as many steps, and what is wrong stays in the journal."""
        self.looks += 1
        if self.looks % PROVED_EVERY == 0:
            assert self.runner.run(self.store.verify()) == []

    def apply(self, operation: Operation[T]) -> T:
        """Run an operation in a transaction."""
        return self.runner.run(self.store.apply(operation))
