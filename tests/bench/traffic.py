"""Calls through SIPp: starts the carrier and the phones, and reads how long each call took to set up."""

import shutil
import socket
import subprocess
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.bench import scenarios
from tollgate.office.ports import is_free
from tollgate.office.sipp import prepare_sipp

CARRIER = "127.0.50.3"
CARRIER_PORT = 5060
PHONES = ("127.0.50.11", "127.0.50.12", "127.0.50.13", "127.0.50.14")
PHONES_PORT = 5061
_SPARE_S = 30
"""How much longer than planned SIPp may take until it is ended."""

DIE_WITH_PARENT = ("setpriv", "--pdeathsig", "KILL", "--")
"""So that nothing goes on when the benchmark is killed."""


class CallsLostError(Exception):
    """Not every call was answered and ended as it should; the message tells what SIPp said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Traffic:
    """Calls at a steady rate."""

    rate: int
    """Calls a second."""
    calls: int
    talk_ms: int

    @property
    def limit_s(self) -> int:
        """Seconds after which something is wrong."""
        return self.calls // self.rate + self.talk_ms // 1000 + _SPARE_S


@contextmanager
def carrier(folder: Path) -> Iterator[int]:
    """Run a carrier that answers every call at once; yields its process id."""
    scenario = _written(folder / "carrier.xml", scenarios.carrier())
    arguments = ("-sf", str(scenario), *_bound(CARRIER, CARRIER_PORT), "-nostdin")
    with (folder / "carrier.out").open("wb") as output:
        process = subprocess.Popen((*_sipp(), *arguments), cwd=folder, stdout=output, stderr=output)
    try:
        _wait_listening(process)
        yield process.pid
    finally:
        process.kill()  # on SIGTERM it would wait for its calls
        process.wait(5)


def place_calls(folder: Path, pbx: tuple[str, int], traffic: Traffic, numbers: Iterable[str]) -> list[float]:
    """Place the calls and wait for their ends.

    Args:
        pbx: address and port. numbers: dialled in turn, and again from the first one.

    Returns:
        The set-up time of each call in milliseconds: INVITE sent until 200 OK received.

    Raises:
        CallsLostError: a call failed.
    """
    scenario = _written(folder / "phones.xml", scenarios.phones(traffic.talk_ms))
    injection = _written(folder / "phones.csv", scenarios.callers(PHONES, numbers))
    trace, errors = folder / "phones.messages", folder / "phones.errors"
    trace.unlink(missing_ok=True)
    arguments = (
        f"{pbx[0]}:{pbx[1]}",
        *("-sf", str(scenario), "-inf", str(injection), "-t", "ui", "-ip_field", "0", "-max_socket", "500"),
        *_bound(PHONES[0], PHONES_PORT),
        *("-r", str(traffic.rate), "-m", str(traffic.calls), "-l", str(traffic.calls)),
        *("-trace_shortmsg", "-shortmessage_file", str(trace), "-trace_err", "-error_file", str(errors)),
        *("-timeout", f"{traffic.limit_s}s", "-timeout_error", "-nostdin"),
    )
    with (folder / "phones.out").open("wb") as output:
        process = subprocess.Popen((*_sipp(), *arguments), cwd=folder, stdout=output, stderr=output)
    try:
        status = process.wait(traffic.limit_s + 5)
    except subprocess.TimeoutExpired:
        raise CallsLostError(f"SIPp did not end within {traffic.limit_s} s") from None
    finally:
        process.kill()
        process.wait(5)
    times_ms = setup_times_ms(trace.read_text(errors="replace").splitlines())
    if status != 0 or len(times_ms) != traffic.calls:
        said = errors.read_text(errors="replace")[:2000] if errors.exists() else ""
        raise CallsLostError(f"{len(times_ms)} of {traffic.calls} calls answered, SIPp ended with {status}\n{said}")
    return times_ms


def setup_times_ms(trace: Iterable[str]) -> list[float]:
    """Return the set-up times of the answered calls of a short-message trace, in milliseconds.

    A line's fields are date, time, seconds since 1970, S or R, Call-ID, CSeq and the first line of the message,
    with tabs between. A repeated INVITE or 200 does not count: the first of each does.
    """
    invited_s: dict[str, float] = {}
    answered_ms: dict[str, float] = {}
    for line in trace:
        fields = line.rstrip().split("\t")
        if len(fields) < 7:
            continue
        at_s, direction, call_id, cseq, first_line = float(fields[2]), *fields[3:7]
        if direction == "S" and first_line.startswith("INVITE "):
            invited_s.setdefault(call_id, at_s)
        elif direction == "R" and first_line.startswith("SIP/2.0 200") and cseq.endswith("INVITE"):
            answered_ms.setdefault(call_id, (at_s - invited_s[call_id]) * 1000)
    return list(answered_ms.values())


def _sipp() -> tuple[str, ...]:
    assert shutil.which(DIE_WITH_PARENT[0]), "setpriv is part of util-linux"
    return (*DIE_WITH_PARENT, str(prepare_sipp()))


def _bound(address: str, port: int) -> Sequence[str]:
    return ("-i", address, "-p", str(port), "-mi", address)


def _written(path: Path, text: str) -> Path:
    path.write_text(text, encoding="ascii")
    return path


def _wait_listening(process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 5
    while is_free(CARRIER_PORT, socket.SOCK_DGRAM, CARRIER):
        if process.poll() is not None or time.monotonic() > deadline:
            raise CallsLostError("SIPp, as the carrier, does not listen")
        time.sleep(0.02)
