"""Ports: free ones, whole blocks, and clear words when a fixed one is taken."""

import os
import socket
from contextlib import nullcontext
from dataclasses import asdict

import pytest

from tollgate.office.ports import (
    BLOCKS,
    RTP_PORTS,
    OfficePorts,
    PortTakenError,
    Probe,
    is_free,
    reserved,
    reserved_ports,
)

UDP, TCP = socket.SOCK_DGRAM, socket.SOCK_STREAM


def all_free_but(*taken: tuple[int, socket.SocketKind]) -> Probe:
    return lambda port, kind: (port, kind) not in taken


def choose_ports(
    fixed: dict[str, int] | None = None, *, probe: Probe, others: frozenset[str] = frozenset()
) -> OfficePorts:
    """Return what is chosen while other offices hold the names ``others``."""
    with reserved_ports(fixed, probe=probe, reserve=lambda name: nullcontext(name not in others)) as ports:
        return ports


def test_everything_free_gives_the_defaults() -> None:
    assert choose_ports(probe=all_free_but()) == OfficePorts()


@pytest.mark.parametrize(
    "busy",
    [(15060, UDP), (15060, TCP), (18088, TCP), (15038, TCP), (15045, TCP), (15070, UDP), (15071, UDP), (21000, UDP)],
)
def test_one_default_port_taken_moves_the_whole_block(busy: tuple[int, socket.SocketKind]) -> None:
    assert choose_ports(probe=all_free_but(busy)) == OfficePorts(
        sip=15160,
        http=18188,
        ami=15138,
        agi=15145,
        portal=15180,
        simnet_trunk=15170,
        simnet_phones=15171,
        rtp_start=21000 + 2 * RTP_PORTS,
        simnet_rtp_start=21240 + 2 * RTP_PORTS,
    )


@pytest.mark.parametrize("elsewhere", [(18088, UDP), (15070, TCP), (15061, UDP)])
def test_port_taken_for_another_use_moves_nothing(elsewhere: tuple[int, socket.SocketKind]) -> None:
    assert choose_ports(probe=all_free_but(elsewhere)) == OfficePorts()


def test_block_of_an_office_that_is_still_starting_is_left_to_it() -> None:
    ports = choose_ports(probe=all_free_but(), others=frozenset({"office-ports-0", "office-ports-1"}))

    assert ports.sip == 15260


def test_name_is_reserved_until_its_holder_ends() -> None:
    with (
        reserved(f"unit-test-{os.getpid()}") as first,
        reserved(f"unit-test-{os.getpid()}") as second,
        reserved(f"unit-test-{os.getpid()}-2") as other,
    ):
        assert (first, second, other) == (True, False, True)
    with reserved(f"unit-test-{os.getpid()}") as again:
        assert again


def test_two_offices_at_the_same_moment_share_no_port() -> None:
    with reserved_ports() as one, reserved_ports() as other:
        assert not set(every_port(one)) & set(every_port(other))


def test_fixed_port_stays_while_the_others_move() -> None:
    ports = choose_ports({"sip": 5070}, probe=all_free_but((18088, TCP)))

    assert (ports.sip, ports.http) == (5070, 18188)


def test_fixed_port_taken_is_named_with_its_setting() -> None:
    with pytest.raises(PortTakenError, match=r"port 5070 \(setting sip\) is in use"):
        choose_ports({"sip": 5070}, probe=all_free_but((5070, UDP)))


def test_fixed_port_in_a_default_of_another_moves_the_block() -> None:
    assert choose_ports({"http": 15060}, probe=all_free_but()).sip == 15160


def test_two_settings_on_one_port_are_refused() -> None:
    with pytest.raises(PortTakenError, match="ami and http use the same port"):
        choose_ports({"ami": 9000, "http": 9000}, probe=all_free_but())


def test_fixed_port_inside_fixed_media_ports_is_refused() -> None:
    with pytest.raises(PortTakenError, match="rtp_start and sip use the same port"):
        choose_ports({"sip": 30239, "rtp_start": 30000}, probe=all_free_but())


@pytest.mark.parametrize("fixed", [{"sips": 5061}, {"sip": 0}, {"sip": 65536}, {"rtp_start": 65500}])
def test_impossible_setting_is_an_error(fixed: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="not a port of the office"):
        choose_ports(fixed, probe=all_free_but())


def test_no_free_block_says_what_to_do() -> None:
    with pytest.raises(PortTakenError, match="stop an office that still runs, or set the ports"):
        choose_ports(probe=lambda _port, _kind: False)


def test_all_blocks_together_use_no_port_twice_and_no_ephemeral_one() -> None:
    blocks: list[OfficePorts] = []
    busy: set[int] = set()

    def probe(port: int, _kind: socket.SocketKind) -> bool:
        return port not in busy

    for _ in range(BLOCKS):
        ports = choose_ports(probe=probe)
        blocks.append(ports)
        busy |= set(asdict(ports).values())

    used = [port for ports in blocks for port in every_port(ports)]
    assert len(used) == len(set(used))
    assert max(used) < 32768


def every_port(ports: OfficePorts) -> list[int]:
    single = [ports.sip, ports.http, ports.ami, ports.agi, ports.simnet_trunk, ports.simnet_phones]
    media = range(ports.rtp_start, ports.rtp_end + 1)
    return [*single, *media, *range(ports.simnet_rtp_start, ports.simnet_rtp_end + 1)]


@pytest.mark.parametrize("kind", [UDP, TCP])
def test_probe_sees_a_port_that_is_bound(kind: socket.SocketKind) -> None:
    with socket.socket(socket.AF_INET, kind) as holder:
        holder.bind(("127.0.0.1", 0))
        if kind is TCP:
            holder.listen()
        port = holder.getsockname()[1]
        assert not is_free(port, kind)
    assert is_free(port, kind)
