"""When what lives is compared with what is open: at the start, after each reconnect, and every half minute.

One comparison at a time. What asks for one while another runs is answered by one more afterwards, since the running one
may have looked already; several that ask at once are answered by one. One that failed is tried again, as is one whose
connection was lost under way, and keeps its cause.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

import structlog

from ari_app.client import AriClient
from ari_app.errors import AsteriskError
from ari_app.findings import Findings
from store.errors import StoreError
from store.reconciliations import ReconciliationCause

log = structlog.get_logger(__name__)

SWEEP_S = 30.0
RETRY_S = 1.0
_WEIGHTIEST_FIRST = (
    ReconciliationCause.START,
    ReconciliationCause.ARI_RECONNECT,
    ReconciliationCause.AMI_RECONNECT,
    ReconciliationCause.SWEEP,
)
"""Under whose name a comparison goes that several asked for."""


class Comparing:
    """Has comparisons made, and hands on what they found."""

    def __init__(
        self,
        compare: Callable[[AriClient], Awaitable[Findings]],
        compared: Callable[[ReconciliationCause, Findings], None],
    ) -> None:
        """Begin with the comparison that a start asks for; :meth:`run` makes it."""
        self._compare = compare
        self._compared = compared
        self._causes = {ReconciliationCause.START}
        self._asked = asyncio.Event()

    def ask(self, cause: ReconciliationCause) -> None:
        """Have a comparison made as soon as Asterisk can be asked."""
        self._causes.add(cause)
        self._asked.set()

    async def run(self, client: AriClient) -> None:
        """Compare now and then again and again, over one connection, until cancelled."""
        while True:
            self._asked.clear()
            pause_s = SWEEP_S
            try:
                await self._compare_once(client)
            except (AsteriskError, StoreError, TimeoutError) as error:
                log.warning("not_reconciled", error=repr(error))
                pause_s = RETRY_S
            except Exception:  # one channel that cannot be read must not end all comparing
                log.exception("not_reconciled")
                pause_s = RETRY_S
            with suppress(TimeoutError):
                async with asyncio.timeout(pause_s):
                    await self._asked.wait()

    async def _compare_once(self, client: AriClient) -> None:
        causes, self._causes = self._causes or {ReconciliationCause.SWEEP}, set()
        try:
            found = await self._compare(client)
        except BaseException:
            self._causes |= causes
            raise
        self._compared(min(causes, key=_WEIGHTIEST_FIRST.index), found)
