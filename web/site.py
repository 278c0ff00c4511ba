"""Where browsers find the portal, and what follows: which hosts and origins are ours, who a client is.

A page of somebody else may have a browser ask us (cross-site requests), or have its own name lead to our address (DNS
rebinding), and then the browser shows it what we answer. So a request has to name us by an address, as ``localhost`` or
as the setting ``portal.public_url`` has it: these cannot be made to lead from elsewhere to here. And what changes
something has to come from a page of ours (Fetch Standard, Origin header).
"""

import re
from collections.abc import Mapping, Sequence
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

_HOST: Final = re.compile(r"(?P<name>\[[0-9a-fA-F:.]{2,45}\]|[A-Za-z0-9.-]{1,253})(?P<port>:[0-9]{1,5})?")


class Site:
    """What is ours."""

    def __init__(self, public_url: str) -> None:
        """Take the URL by which browsers reach the portal, without a path; '' where that is where it listens."""
        parts = urlsplit(public_url)
        self._origin = f"{parts.scheme}://{parts.netloc}".lower() if public_url else ""
        self._name = (parts.hostname or "").lower()
        self.is_secure = parts.scheme == "https"
        """Whether browsers reach it over TLS, and over nothing else."""

    @property
    def cookie(self) -> str:
        """The cookie's name; with the prefix no other host and no plain HTTP can set it (RFC 6265bis, 4.1.3)."""
        return "__Host-tollgate" if self.is_secure else "tollgate"

    def is_own_host(self, hosts: Sequence[str]) -> bool:
        """Return whether the values of the header ``Host`` are one, and name us."""
        found = _HOST.fullmatch(hosts[0]) if len(hosts) == 1 else None
        if found is None:
            return False
        name = found["name"].lower().strip("[]")
        return name in ("localhost", self._name) or _is_address(name)

    def is_own_origin(self, origins: Sequence[str], host: str) -> bool:
        """Return whether the values of the header ``Origin`` are one, and a page of ours.

        Args:
            origins: The header's values.
            host: That of ``Host``, which is ours.
        """
        if len(origins) != 1:
            return False
        origin = origins[0].lower()
        return origin == f"http://{host.lower()}" or bool(self._origin and origin == self._origin)

    def client_address(self, peer: str, forwarded: Sequence[str]) -> str:
        """Return whose request this is.

        Args:
            peer: Who has connected.
            forwarded: The values of ``X-Forwarded-For``; what a proxy on this machine has added last is believed,
                where there is one.
        """
        if not self._origin or not _is_loopback(peer) or not forwarded:
            return peer
        last = forwarded[-1].rpartition(",")[2].strip()
        return last if _is_address(last) else peer


def security_headers() -> Mapping[str, str]:
    """Return what every answer carries.

    The referrer policy is not ``no-referrer``: under that browsers send ``Origin: null`` with our own forms (Fetch
    Standard, "append a request Origin header"), and nobody could tell them from those of others. Other sites are told
    nothing either way.
    """
    return {
        "Content-Security-Policy": (
            "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; base-uri 'none'; "
            "frame-ancestors 'none'"
        ),
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        "Referrer-Policy": "same-origin",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Cache-Control": "no-store",
        "Server": "Tollgate",
    }


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def _is_loopback(text: str) -> bool:
    return _is_address(text) and ip_address(text).is_loopback
