"""What the portal asks the store: bounded, as calls read from it too."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import datetime
from typing import Final, TypeVar

from store.errors import StoreError
from store.store import Store
from store.user_sessions import PortalSession, see_session

T = TypeVar("T")

MOST_AT_ONCE: Final = 2
"""The store has four connections for reading, which calls need now and then."""
SEEN_EVERY_MS: Final = 60_000
"""A session in use is written down no more often."""


class Reading:
    """The store, for pages."""

    def __init__(self, store: Store, now: Callable[[], datetime]) -> None:
        """Take the store, and the clock by which sessions end."""
        self.store = store
        self._now = now
        self._turn = asyncio.Semaphore(MOST_AT_ONCE)

    def now_ms(self) -> int:
        """Return now, in UTC epoch milliseconds."""
        return int(self._now().timestamp() * 1000)

    async def read(self, work: Callable[[Store], Awaitable[T]]) -> T:
        """Read in turn.

        Raises:
            StoreError: the store cannot be read.
        """
        async with self._turn:
            return await work(self.store)

    async def session(self, token_hash: str) -> PortalSession | None:
        """Return the session of that token, and write down that it is used; None where there is none any more.

        Raises:
            StoreError: the store cannot be read.
        """
        now_ms = self.now_ms()
        found = await self.read(lambda store: store.portal_session(token_hash, now_ms))
        if found is not None and now_ms - found.seen_at_ms >= SEEN_EVERY_MS and not self.store.is_busy:
            with suppress(StoreError):  # then it ends sooner, and the page is there all the same
                await self.store.apply_unflushed(see_session(token_hash=token_hash, at_ms=now_ms))
        return found
