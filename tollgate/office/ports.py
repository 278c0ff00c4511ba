"""The ports the office listens on: free ones, on loopback, that no Asterisk already running uses.

Defaults come in blocks. When a port of the first block is taken, all ports that the user did not fix move to
the next block together, so that two offices on one machine never share half of one. Every block lies below
the kernel's ephemeral ports (from 32768) and outside Asterisk's usual ones (5060, 5038, 8088).

A block is reserved for as long as its office runs: two offices that start at the same moment both find its
ports free, and the ports of one that is still starting are not bound yet.
"""

import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict, dataclass
from itertools import pairwise

from tollgate.office.errors import OfficeError

LOOPBACK = "127.0.0.1"
BLOCKS = 24
RTP_PORTS = 240
"""Ports for media of one instance: two per call leg, so sixty calls of two legs."""

_SIGNALLING_STEP = 100
_RTP_STEP = 2 * RTP_PORTS


@dataclass(frozen=True, slots=True)
class OfficePorts:
    """The ports of one office."""

    sip: int = 15060
    """Where phones reach the PBX (UDP and TCP)."""
    http: int = 18088
    """ARI (TCP)."""
    ami: int = 15038
    """The manager interface (TCP)."""
    agi: int = 15045
    """Where the PBX asks the service (TCP)."""
    portal: int = 15080
    """Where browsers reach the portal (TCP)."""
    simnet_trunk: int = 15070
    """Where the PBX reaches the simulated network (UDP)."""
    simnet_phones: int = 15071
    """Where the simulated network's own phones call from (UDP)."""
    rtp_start: int = 21000
    """First of `RTP_PORTS` media ports of the PBX (UDP)."""
    simnet_rtp_start: int = 21240
    """First of `RTP_PORTS` media ports of the simulated network (UDP)."""

    @property
    def rtp_end(self) -> int:
        """Last media port of the PBX."""
        return self.rtp_start + RTP_PORTS - 1

    @property
    def simnet_rtp_end(self) -> int:
        """Last media port of the simulated network."""
        return self.simnet_rtp_start + RTP_PORTS - 1


_MEDIA = ("rtp_start", "simnet_rtp_start")
_KINDS = {
    "sip": (socket.SOCK_DGRAM, socket.SOCK_STREAM),
    "http": (socket.SOCK_STREAM,),
    "ami": (socket.SOCK_STREAM,),
    "agi": (socket.SOCK_STREAM,),
    "portal": (socket.SOCK_STREAM,),
}
"""The sockets a port is used with, where that is more or other than UDP."""

Probe = Callable[[int, socket.SocketKind], bool]
"""Tells whether a port is free for a kind of socket."""
Reserve = Callable[[str], AbstractContextManager[bool]]
"""Reserves a name until its context ends; False: it is not to be had."""


class PortTakenError(OfficeError):
    """A port that the user fixed cannot be had."""


def is_free(port: int, kind: socket.SocketKind, address: str = LOOPBACK) -> bool:
    """Tell whether a port can be bound on an address, by binding it."""
    with socket.socket(socket.AF_INET, kind) as attempt:
        if kind is socket.SOCK_STREAM:
            # As servers do: a connection of the last start that is still closing is no reason to move.
            attempt.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            attempt.bind((address, port))
        except OSError:
            return False
        return True


@contextmanager
def reserved(name: str) -> Iterator[bool]:
    """Reserve a name among the processes that share this machine's loopback ports; give it back at the end.

    The name is an abstract Unix socket's (`unix(7)`): it lives in the network's namespace, as ports do, and
    ends with the process that holds it, however that ends.

    Yields:
        Whether the name was free; False: another process, or another reservation of this one, has it.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as holder:
        try:
            holder.bind(f"\0tollgate-{name}")
        except OSError:
            yield False
        else:
            yield True


@contextmanager
def reserved_ports(
    fixed: Mapping[str, int] | None = None, *, probe: Probe = is_free, reserve: Reserve = reserved
) -> Iterator[OfficePorts]:
    """Choose the ports of an office that is about to start, and keep other offices off them until the end.

    Args:
        fixed: ports the user set, by their name in `OfficePorts`; never moved.
        probe: tells whether a port is free.
        reserve: reserves a block by its name.

    Yields:
        The ports.

    Raises:
        PortTakenError: a fixed port is taken, two are the same, or no block is free; the message names port
            and setting. ValueError: a name is not a port of the office, or a port is out of range.
    """
    chosen_by_user = dict(fixed or {})
    _check_fixed(chosen_by_user, probe)
    for block in range(BLOCKS):
        ports = _block(block, chosen_by_user)
        if _overlap(ports):
            continue
        with reserve(f"office-ports-{block}") as is_ours:
            if is_ours and _first_taken(ports, probe, skip=chosen_by_user) is None:
                yield ports
                return
    raise PortTakenError(
        f"no free ports for the office in {BLOCKS} blocks: stop an office that still runs, or set the ports"
    )


def _block(block: int, fixed: Mapping[str, int]) -> OfficePorts:
    defaults = asdict(OfficePorts())
    moved = {
        name: port + block * (_RTP_STEP if name in _MEDIA else _SIGNALLING_STEP) for name, port in defaults.items()
    }
    return OfficePorts(**{**moved, **fixed})


def _is_taken(name: str, port: int, probe: Probe) -> bool:
    return not all(probe(port, kind) for kind in _KINDS.get(name, (socket.SOCK_DGRAM,)))


def _first_taken(ports: OfficePorts, probe: Probe, *, skip: Mapping[str, int]) -> str | None:
    names = (name for name in asdict(ports) if name not in skip)
    return next((name for name in names if _is_taken(name, getattr(ports, name), probe)), None)


def _check_fixed(fixed: Mapping[str, int], probe: Probe) -> None:
    known = asdict(OfficePorts())
    for name, port in fixed.items():
        last = port + RTP_PORTS - 1 if name in _MEDIA else port
        if name not in known or not 1 <= port <= last <= 65535:
            raise ValueError(f"not a port of the office: {name} = {port}")
        if _is_taken(name, port, probe):
            raise PortTakenError(
                f"port {port} (setting {name}) is in use on {LOOPBACK}: stop what uses it, or set another one"
            )
    clash = _clash(fixed)
    if clash is not None:
        raise PortTakenError(f"the settings {clash[0]} and {clash[1]} use the same port: set another one")


def _overlap(ports: OfficePorts) -> bool:
    return _clash(asdict(ports)) is not None


def _clash(ports: Mapping[str, int]) -> tuple[str, str] | None:
    """Return two names whose ports overlap; media ports count as their whole range."""
    ranges = sorted((port, port + (RTP_PORTS if name in _MEDIA else 1), name) for name, port in ports.items())
    for (_, end, name), (start, _, other) in pairwise(ranges):
        if start < end:
            return name, other
    return None
