"""Clients that wish the FastAGI port no good, in a thread of their own, as many and as fast as it takes them."""

import random
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

IDLE = 300
"""Connections that are held open and made again as soon as they are closed."""
_JUNK = (
    b"",
    b"agi_netw",
    b"\x00" * 1000,
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    b"GET / HTTP/1.1\r\n\r\n",
    b"agi_channel: " + b"x" * 200_000,
    b"".join(b"agi_arg_%d: x\n" % number for number in range(10_000)),
    b"agi_network_script: nothing\nagi_channel: x\nagi_uniqueid: 1\n\n",
    b"agi_network_script: balance\nagi_channel: PJSIP/101-00000001\nagi_uniqueid: 1.1\n\n",
    b"agi_network_script: balance\nagi_channel: PJSIP/101-00000001\nagi_uniqueid: 1.1\n\n520-x\n" * 100,
)


@contextmanager
def hostile_clients(address: tuple[str, int]) -> Iterator[list[int]]:
    """Have them at it until the block ends.

    Yields:
        A list that holds how many connections they have made so far.
    """
    made, stop = [0], threading.Event()
    thread = threading.Thread(target=_attack, args=(address, made, stop))
    thread.start()
    try:
        yield made
    finally:
        stop.set()
        thread.join()


def _attack(address: tuple[str, int], made: list[int], stop: threading.Event) -> None:
    chance, idle = random.Random(7), list[socket.socket]()
    while not stop.is_set():
        with suppress(OSError):
            client = socket.create_connection(address, timeout=1)
            made[0] += 1
            idle.append(client)
            client.setblocking(False)
            client.send(chance.choice(_JUNK))
            if chance.random() < 0.1:
                client.shutdown(socket.SHUT_WR)
        if len(idle) > IDLE:
            _leave(idle.pop(chance.randrange(IDLE)), reset=chance.random() < 0.5)
        stop.wait(0.001)
    for client in idle:
        _leave(client, reset=False)


def _leave(client: socket.socket, *, reset: bool) -> None:
    if reset:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()
