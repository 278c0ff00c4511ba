"""Clients of our servers that say whatever they like, in however small portions, and leave as they like."""

import asyncio
import socket
import struct
from collections.abc import Iterable
from enum import StrEnum
from typing import TypeVar

from hypothesis import strategies as st

from ari_app.metrics import Metrics

Outcome = TypeVar("Outcome", bound=StrEnum)

PORTIONS = st.lists(st.integers(1, 60), min_size=1, max_size=8)


def in_portions(said: bytes, portions: list[int]) -> list[bytes]:
    """Return what was said in portions of these sizes, again and again."""
    found, index = list[bytes](), 0
    while said:
        size = portions[index % len(portions)]
        found.append(said[:size])
        said, index = said[size:], index + 1
    return found


async def say(client: socket.socket, portions: list[bytes], then: str) -> None:
    """Say something; ``then`` "shut" the connection's one half, or have it "reset" once it is closed."""
    loop = asyncio.get_running_loop()
    client.setblocking(False)
    for portion in portions:
        await loop.sock_sendall(client, portion)
        await asyncio.sleep(0)
    if then == "reset":
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    elif then == "shut":
        client.shutdown(socket.SHUT_WR)


async def all_heard(client: socket.socket) -> bytes:
    """Return what comes until the server closes; what had come before it reset the connection."""
    loop, heard = asyncio.get_running_loop(), b""
    try:
        while received := await loop.sock_recv(client, 65_536):
            heard += received
    except OSError:
        pass
    return heard


def counted(metrics: Metrics, counter: str, outcomes: Iterable[Outcome]) -> list[Outcome]:
    """Return the outcomes that a counter has, each as often as it came."""
    read = metrics.registry.get_sample_value
    return [
        outcome
        for outcome in outcomes
        for _ in range(int(read(f"tollgate_{counter}_total", {"outcome": outcome}) or 0))
    ]
