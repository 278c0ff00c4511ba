"""The balance by phone: ``agi://…/balance`` tells an extension what its account has available.

Who hears it is the authenticated endpoint in the channel's name, as at the gate, never the caller ID. But where at the
gate somebody who transferred or forwarded the call may be the one who pays, here it is the channel alone that counts:
a transferred outsider's is no extension's, so nobody is told of another's balance.

FastAGI has no password, and whoever reaches the port can claim to be any channel. So Asterisk is asked, over another
line, whether the channel of that id is the one that was named.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable
from typing import Final

from agi.amount import said_amount
from agi.connection import AgiConnection
from agi.outcome import AgiError, Outcome
from agi.request import Request
from dialplan.balance import (
    BALANCE_CURRENCY_VARIABLE,
    BALANCE_MICROS_VARIABLE,
    BALANCE_STATUS_VARIABLE,
    BALANCE_VARIABLE,
    BalanceStatus,
)
from dialplan.contract import endpoint_of
from store.errors import StoreError
from store.payers import Payer
from store.records import Account

LOOK_LIMIT_S: Final = 1.5
"""The dialplan waits twice as long (:data:`dialplan.contract.GATE_LIMIT_S`)."""
MOST_AT_ONCE: Final = 2
"""The others wait: the store's readers and the line to Asterisk are there for calls first."""
_CHANNEL_ID: Final = re.compile(r"[A-Za-z0-9_.-]{1,150}")
"""No slash is in it: AMI would take a channel's name for its id."""


class AsteriskAwayError(AgiError):
    """Asterisk did not tell what a channel is called."""


class BalanceQuestion:
    """Answers what an extension's account has available; a handler of :class:`agi.server.AgiServer`."""

    def __init__(
        self,
        *,
        payer_at: Callable[[str], Payer | None],
        account: Callable[[int], Awaitable[Account | None]],
        channel_name: Callable[[str], Awaitable[str | None]],
    ) -> None:
        """Take who is asked.

        Args:
            payer_at: Returns the extension at an endpoint, such as ``PJSIP/101``.
            account: Reads an account by its id; it may raise ``StoreError``.
            channel_name: Asks Asterisk what the channel of an id is called, None where there is none; it may raise
                :class:`AsteriskAwayError`.
        """
        self._payer_at = payer_at
        self._account = account
        self._channel_name = channel_name
        self._free = asyncio.Semaphore(MOST_AT_ONCE)

    async def __call__(self, request: Request, connection: AgiConnection) -> Outcome:
        """Set the variables of :mod:`dialplan.balance`, whose status comes last.

        Raises:
            SessionOverError: the caller left, or Asterisk would not set them.
        """
        outcome, account = await self._look_up(request)
        if account is not None:
            await connection.set_variables(
                {
                    BALANCE_MICROS_VARIABLE: str(account.available_micros),
                    BALANCE_VARIABLE: said_amount(account.available_micros, account.currency),
                    BALANCE_CURRENCY_VARIABLE: account.currency,
                }
            )
        await connection.set_variables({BALANCE_STATUS_VARIABLE: _STATUS[outcome]})
        return outcome

    async def _look_up(self, request: Request) -> tuple[Outcome, Account | None]:
        payer = self._payer_at(endpoint_of(request.channel))
        if payer is None or not _CHANNEL_ID.fullmatch(request.channel_id):
            return Outcome.UNKNOWN_EXTENSION, None
        try:
            async with asyncio.timeout(LOOK_LIMIT_S), self._free:
                if await self._channel_name(request.channel_id) != request.channel:
                    return Outcome.UNKNOWN_EXTENSION, None
                account = await self._account(payer.account.id)
        except (AsteriskAwayError, StoreError, TimeoutError):
            return Outcome.UNAVAILABLE, None
        return (Outcome.UNKNOWN_EXTENSION if account is None else Outcome.HANDLED), account


_STATUS: Final = {
    Outcome.HANDLED: BalanceStatus.OK,
    Outcome.UNKNOWN_EXTENSION: BalanceStatus.UNKNOWN,
    Outcome.UNAVAILABLE: BalanceStatus.UNAVAILABLE,
}
