"""Telling systemd how the service is: ready, stopping, alive (sd_notify(3)).

A few lines are sent as one datagram to the socket that ``NOTIFY_SOCKET`` names; without it nothing is sent. Telling
never waits and never fails: systemd that does not listen must not stop calls.
"""

import os
import socket
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

_MICROS = 1_000_000


@dataclass(frozen=True, slots=True)
class Systemd:
    """Whom to tell; ``address`` is '' where nobody started us who wants to know."""

    address: str
    watchdog_s: float | None
    """How long systemd waits for a sign of life before it starts the service anew; None: it does not watch."""

    @classmethod
    def of_environment(cls, environment: Mapping[str, str] = os.environ) -> "Systemd":
        """Return what systemd told us when it started us."""
        return cls(environment.get("NOTIFY_SOCKET", ""), _watchdog_s(environment))

    def ready(self, status: str) -> None:
        """Tell that the start is over."""
        self._tell("READY=1", f"STATUS={status}")

    def stopping(self) -> None:
        """Tell that the service is about to end."""
        self._tell("STOPPING=1", "STATUS=stopping; calls that talk go on")

    def status(self, status: str) -> None:
        """Say in a line how the service is, for ``systemctl status``."""
        self._tell(f"STATUS={status}")

    def alive(self) -> None:
        """Tell that the service does its work."""
        self._tell("WATCHDOG=1")

    def _tell(self, *lines: str) -> None:
        if not self.address:
            return
        # A name that begins with @ is of the abstract namespace, whose addresses begin with a zero byte (unix(7)).
        address = f"\0{self.address[1:]}" if self.address.startswith("@") else self.address
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
            sender.setblocking(False)
            sender.sendto("\n".join(lines).encode(), address)


def _watchdog_s(environment: Mapping[str, str]) -> float | None:
    """Return how often systemd wants a sign, where it is meant for this process (sd_watchdog_enabled(3))."""
    if environment.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return None
    try:
        micros = int(environment.get("WATCHDOG_USEC", ""))
    except ValueError:
        return None
    return micros / _MICROS if micros > 0 else None
