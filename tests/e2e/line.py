"""The addresses and ports of one test worker."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

from tollgate.office.pbx import SipAddress
from tollgate.office.ports import OfficePorts, reserved, reserved_ports

CARRIERS = ("carrier1", "carrier2")


@dataclass(frozen=True)
class Line:
    """Addresses and ports of one test worker, clear of those of all others on this machine."""

    number: int
    ports: OfficePorts

    def host(self, last: int) -> str:
        """Return a loopback address of this worker."""
        return f"127.0.{60 + self.number}.{last}"

    def phone(self, extension: str) -> SipAddress:
        """Return where an extension's phone is."""
        return SipAddress(self.host(int(extension) - 90), 5060)

    def carrier(self, name: str) -> SipAddress:
        """Return where a carrier is."""
        return SipAddress(self.host(200 + CARRIERS.index(name)), 5060)


@contextmanager
def own_line() -> Iterator[Line]:
    """Hold addresses and ports that nobody else on this machine uses."""
    with reserved_ports() as ports:
        for number in range(100):
            with reserved(f"test-line-{number}") as is_ours:
                if is_ours:
                    yield Line(number, ports)
                    return
    pytest.fail("a hundred tests run on this machine already")
