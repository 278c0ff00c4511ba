"""Compares passwords beside the calls: in a thread, one at a time, and no more than a few wait."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from typing import Final

from web.outcome import Outcome, RefusedError
from web.passwords import is_password

MOST_WAITING: Final = 8


class PasswordCheck:
    """One thread for all attempts."""

    def __init__(self) -> None:
        """Begin with nobody waiting; the thread begins with the first attempt."""
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="portal-passwords")
        self._waiting = 0

    async def is_password(self, password: str, password_hash: str | None) -> bool:
        """Return whether a password is the one of that hash; see :func:`web.passwords.is_password`.

        Raises:
            RefusedError: too many wait already.
        """
        if self._waiting >= MOST_WAITING:
            raise RefusedError(HTTPStatus.SERVICE_UNAVAILABLE, Outcome.BUSY, retry_after_s=1)
        self._waiting += 1
        try:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._thread, is_password, password, password_hash)
        finally:
            self._waiting -= 1

    def close(self) -> None:
        """Let the thread end; who waits for it is not answered."""
        self._thread.shutdown(wait=False, cancel_futures=True)
