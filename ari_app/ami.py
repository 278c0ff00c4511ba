"""The AMI adapter: with :mod:`ari_app.ami_line` the only place that knows panoramisk.

AMI is needed for what ARI refuses on a channel outside the application: the deadline of a trunk leg
(``TIMEOUT(absolute)``), and for the records that hang-up handlers left in AstDB.

panoramisk re-sends unanswered actions after a reconnect, retries a wrong secret for ever and waits without limit.
So every connection here is a new Manager that reconnects nothing by itself, and every action has a time-out.
"""

import asyncio
import math
from typing import Any

from panoramisk.message import Message

from ari_app.access import AmiAccess
from ari_app.ami_line import OneConnection
from ari_app.complaints import Complaints
from ari_app.errors import AmiChannelGoneError, AmiRefusedError, AmiUnavailableError

ACTION_LIMIT_S = 2.0
LIST_LIMIT_S = 10.0
"""An answer that is a list may take as long: every leg leaves a record, which is kept for hours."""
MOST_IN_FLIGHT = 2048
"""Actions that may wait for an answer; with a limit of two seconds each, more would say that Asterisk is stuck."""
DEADLINE = "TIMEOUT(absolute)"
SHORTEST_DEADLINE_S = 0.001
"""Less would be written as 0, which takes the deadline away."""
LONGEST_DEADLINE_S = 1e9
"""What is read back beyond this, some thirty years, is no deadline."""


class AmiAdapter:
    """One connection to AMI; a lost one is not revived, call :meth:`connect` again."""

    def __init__(self, access: AmiAccess, complaints: Complaints) -> None:
        """Prepare an adapter; nothing is connected yet. ``complaints`` takes what comes and is of no use."""
        self._access = access
        self._complaints = complaints
        self._manager: OneConnection | None = None
        self._lost = asyncio.Event()
        self._in_flight = 0

    @property
    def in_flight(self) -> int:
        """How many actions wait for an answer."""
        return self._in_flight

    @property
    def connected(self) -> bool:
        """Whether actions can be sent."""
        return self._manager is not None and not self._lost.is_set()

    async def connect(self) -> None:
        """Connect and log in.

        Raises:
            AmiUnavailableError: nobody listens there, or the credentials are refused.
        """
        access = self._access
        lost = asyncio.Event()
        manager = OneConnection(
            lost.set,
            self._complaints,
            loop=asyncio.get_running_loop(),
            host=access.host,
            port=access.port,
            username=access.username,
            secret=access.secret,
            events="off",
        )
        try:
            async with asyncio.timeout(ACTION_LIMIT_S):
                await manager.connect()
                login = manager.authenticated_future
                reply = None if login is None else await login
        except (OSError, TimeoutError) as error:
            manager.close()
            raise AmiUnavailableError(f"AMI at {access.host}:{access.port} does not answer: {error!r}") from error
        if reply is None or not reply.success:
            manager.close()
            raise AmiUnavailableError(
                f"AMI at {access.host}:{access.port} refuses the user {access.username!r}: "
                "compare manager.conf with the settings"
            )
        self._manager, self._lost = manager, lost

    async def wait_lost(self) -> None:
        """Return when the connection is lost."""
        await self._lost.wait()
        self._manager = None

    def close(self) -> None:
        """Close the connection."""
        if self._manager is not None:
            self._manager.close()
            self._manager = None
        self._lost.set()

    # --- the deadline of a leg ----------------------------------------------------------------------------

    async def set_deadline(self, channel_id: str, seconds: float) -> None:
        """Have Asterisk end this channel ``seconds`` from now.

        Raises:
            AmiRefusedError: the channel is gone, or AMI refuses.
            AmiUnavailableError: no connection, or no answer in time.
            ValueError: ``seconds`` is no positive number (Asterisk would take the deadline away).
        """
        if not math.isfinite(seconds) or seconds <= 0:
            raise ValueError(f"a deadline of {seconds} s would remove it")
        value = f"{max(seconds, SHORTEST_DEADLINE_S):.3f}"
        await self._action({"Action": "Setvar", "Channel": channel_id, "Variable": DEADLINE, "Value": value})

    async def clear_deadline(self, channel_id: str) -> None:
        """Take a channel's deadline away.

        Raises:
            AmiRefusedError, AmiUnavailableError: as :meth:`set_deadline`.
        """
        await self._action({"Action": "Setvar", "Channel": channel_id, "Variable": DEADLINE, "Value": "0"})

    async def read_deadline(self, channel_id: str) -> float | None:
        """Return the seconds until Asterisk ends this channel; None where no deadline is armed.

        Raises:
            AmiRefusedError, AmiUnavailableError: as :meth:`set_deadline`.
        """
        reply = await self._action({"Action": "Getvar", "Channel": channel_id, "Variable": DEADLINE})
        try:
            seconds = float(reply.value)
        except ValueError:
            return None
        return seconds if 0 < seconds < LONGEST_DEADLINE_S else None

    # --- variables ----------------------------------------------------------------------------------------

    async def set_variable(self, channel_id: str, name: str, value: str) -> None:
        """Set a channel's variable.

        Raises:
            AmiRefusedError, AmiUnavailableError: as :meth:`set_deadline`.
        """
        await self._action({"Action": "Setvar", "Channel": channel_id, "Variable": name, "Value": value})

    async def read_variable(self, channel_id: str, name: str) -> str:
        """Return the value of a channel's variable, '' where it is not set.

        Never ask for a function that chan_pjsip answers, such as ``CHANNEL(pjsip,…)``, ``CHANNEL(endpoint)`` or an item
        of CHANNEL() that Asterisk does not know: read over AMI it locks 22.10.1 up for good.

        Raises:
            AmiRefusedError, AmiUnavailableError: as :meth:`set_deadline`.
        """
        reply = await self._action({"Action": "Getvar", "Channel": channel_id, "Variable": name})
        return str(reply.value)

    # --- AstDB --------------------------------------------------------------------------------------------

    async def read_tree(self, family: str) -> dict[str, str]:
        """Return the AstDB records below ``family``: key (without the family) to value."""
        replies = await self._action({"Action": "DBGetTree", "Family": family}, as_list=True)
        records = {}
        for reply in replies:
            if reply.event == "DBGetTreeResponse":
                records[str(reply.key).removeprefix(f"/{family}/")] = str(reply.val)
        return records

    async def delete_tree(self, family: str, key: str) -> None:
        """Remove the AstDB records below ``family/key``."""
        await self._action({"Action": "DBDelTree", "Family": family, "Key": key})

    async def endpoint_variables(self, name: str) -> str:
        """Return the variables (``set_var``) that a PJSIP endpoint gives its channels, such as ``A=1,B=2``.

        Raises:
            AmiRefusedError: there is no such endpoint, or our user may not look.
            AmiUnavailableError: as :meth:`set_deadline`.
        """
        replies = await self._action({"Action": "PJSIPShowEndpoint", "Endpoint": name}, as_list=True)
        shown = [str(reply.setvar) for reply in replies if reply.event == "EndpointDetail"]
        return shown[0] if shown else ""

    async def command(self, command: str) -> str:
        """Return what a command of Asterisk's own command line prints."""
        reply = await self._action({"Action": "Command", "Command": command})
        output = reply.get("Output", "")
        return "\n".join(output) if isinstance(output, list) else str(output)

    async def _action(self, action: dict[str, str], *, as_list: bool | None = None) -> Any:
        manager = self._manager
        if manager is None or self._lost.is_set():
            raise AmiUnavailableError("AMI is not connected")
        if not all(value.isprintable() for value in action.values()):  # a line break would begin a header of its own
            raise AmiRefusedError(f"{action['Action']}: a line break, or another character that AMI cannot be told")
        if self._in_flight >= MOST_IN_FLIGHT:
            raise AmiUnavailableError(f"{MOST_IN_FLIGHT} actions wait for AMI already")
        self._in_flight += 1
        try:
            future = manager.send_action(action, as_list=as_list)
            async with asyncio.timeout(LIST_LIMIT_S if as_list else ACTION_LIMIT_S):
                reply = await future
        except ConnectionError as error:
            raise AmiUnavailableError(f"the line was lost before AMI answered {action['Action']}") from error
        except TimeoutError as error:
            if self._manager is manager:  # what was asked may still be done, but its answer would find nobody
                self.close()
            raise AmiUnavailableError(f"AMI did not answer {action['Action']}") from error
        finally:
            self._in_flight -= 1
        first: Message = reply[0] if isinstance(reply, list) else reply
        if not first.success:
            if "not found" in first.message.lower() and action["Action"].startswith("DB"):
                return [] if as_list else first
            kind = AmiChannelGoneError if "no such channel" in first.message.lower() else AmiRefusedError
            raise kind(f"{action['Action']}: {first.message}")
        return reply
