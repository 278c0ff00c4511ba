"""One run: a fresh PBX, for Tollgate a fresh store and service too, a warm-up, then the calls that count."""

import asyncio
import resource
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.bench.cpu import machine_cpu_ms, process_cpu_ms
from tests.bench.pbx import Variant, make_pbx
from tests.bench.service import check_books, make_store, serving, wait_settled, write_settings
from tests.bench.traffic import Traffic, carrier, place_calls
from tollgate.office.ports import LOOPBACK, reserved_ports
from tollgate.office.progress import Progress

WARM_UP_CALLS = 40
WARM_UP_RATE = 20
SETTLING_S = 1.0
"""After the last hang-up records are still being written: this much of it counts, the same for every variant."""
DIFFERENT_NUMBERS = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What one run measured."""

    variant: Variant
    rate: int
    calls: int
    setup_ms: tuple[float, ...]
    """Set-up time of each call."""
    asterisk_ms: float
    """CPU time of Asterisk a call."""
    tollgate_ms: float
    """CPU time of the service a call."""
    others_share: float
    """CPU that processes of no part in the run used meanwhile, in CPUs: how quiet the machine was."""


def numbers(variant: Variant) -> list[str]:
    """Return what the phones dial: mobiles of Jersey, which cost money, or French fixed lines, which are included."""
    if variant is Variant.INCLUDED:
        return [f"0142685{300 + index}" for index in range(DIFFERENT_NUMBERS)]
    return [f"0044779712{3000 + index}" for index in range(DIFFERENT_NUMBERS)]


def measure(folder: Path, variant: Variant, traffic: Traffic, progress: Progress) -> Run:
    """Make one run in an empty ``folder`` and leave nothing running.

    Raises:
        CallsLostError: a call failed. ServiceFailedError: the service or its books are not in order.
        OfficeError: Asterisk or SIPp cannot be had or does not start.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    with ExitStack() as stack:
        ports = stack.enter_context(reserved_ports())
        pbx_address = (LOOPBACK, ports.sip)
        carrier_pid = stack.enter_context(carrier(folder))
        pbx = stack.enter_context(make_pbx(folder / "pbx", ports, variant, progress))
        assert pbx.pid is not None
        service_pid = None
        if variant.through_tollgate:
            asyncio.run(make_store(folder))
            service_pid = stack.enter_context(serving(folder, write_settings(folder, ports)))
        warm_up = Traffic(rate=WARM_UP_RATE, calls=WARM_UP_CALLS, talk_ms=traffic.talk_ms)
        place_calls(folder, pbx_address, warm_up, numbers(variant))
        time.sleep(SETTLING_S)
        with _usage(pbx.pid, service_pid, carrier_pid) as used:
            setup_ms = place_calls(folder, pbx_address, traffic, numbers(variant))
            time.sleep(SETTLING_S)
        if variant.through_tollgate:
            asyncio.run(wait_settled(folder))
    if variant.through_tollgate:
        asyncio.run(check_books(folder, calls=WARM_UP_CALLS + traffic.calls, paid=variant is Variant.PAID))
    usage = used()
    return Run(
        variant=variant,
        rate=traffic.rate,
        calls=traffic.calls,
        setup_ms=tuple(setup_ms),
        asterisk_ms=usage.asterisk_ms / traffic.calls,
        tollgate_ms=usage.tollgate_ms / traffic.calls,
        others_share=usage.others_ms / usage.elapsed_ms,
    )


@dataclass(frozen=True, slots=True)
class _Usage:
    """CPU times and the time that passed, all in milliseconds; while it is taken, since some start long ago."""

    elapsed_ms: float
    asterisk_ms: float
    tollgate_ms: float
    others_ms: float

    def since(self, before: "_Usage") -> "_Usage":
        """Return what was used between two readings."""
        return _Usage(
            self.elapsed_ms - before.elapsed_ms,
            self.asterisk_ms - before.asterisk_ms,
            self.tollgate_ms - before.tollgate_ms,
            self.others_ms - before.others_ms,
        )


@contextmanager
def _usage(asterisk: int, tollgate: int | None, carrier_pid: int) -> Iterator[Callable[[], _Usage]]:
    """Measure a block; the function it yields answers once the block has ended."""

    def read() -> _Usage:
        asterisk_ms = process_cpu_ms(asterisk)
        tollgate_ms = 0.0 if tollgate is None else process_cpu_ms(tollgate)
        phones = resource.getrusage(resource.RUSAGE_CHILDREN)  # the phones are the only child that ends in the block
        ours = time.process_time() + phones.ru_utime + phones.ru_stime
        others_ms = machine_cpu_ms() - asterisk_ms - tollgate_ms - process_cpu_ms(carrier_pid) - ours * 1000
        return _Usage(time.monotonic() * 1000, asterisk_ms, tollgate_ms, others_ms)

    readings = [read()]
    yield lambda: readings[1].since(readings[0])
    readings.append(read())
