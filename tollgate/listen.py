"""The address on which the service tells of its health."""

from ipaddress import ip_address
from typing import NamedTuple


class ListenAddress(NamedTuple):
    """Where health is told."""

    host: str
    port: int

    def __str__(self) -> str:
        """Return it as it stands in the settings."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def parse_listen_address(text: str) -> ListenAddress | None:
    """Read ``127.0.0.1:8099`` or ``[::1]:8099``; None where health is not told ('').

    Raises:
        ValueError: it is no address and port.
    """
    if not text:
        return None
    host, found, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]") if host.startswith("[") else host
    if not found or not port.isdecimal() or not 1 <= int(port) <= 65_535:
        raise ValueError(f"{text!r} has no port from 1 to 65535 behind a colon")
    return ListenAddress(str(ip_address(host)), int(port))
