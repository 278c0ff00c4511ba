"""CPU time from /proc (proc(5)): of a process with all its threads, and of the whole machine."""

import os
from pathlib import Path

_TICK_MS = 1000 / os.sysconf("SC_CLK_TCK")


def process_cpu_ms(pid: int) -> float:
    """Return the CPU time a process has used so far, its threads included and its children not, in milliseconds."""
    text = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
    fields = text.rpartition(")")[2].split()  # the name before it may hold blanks; fields[0] is the third one, state
    return (int(fields[11]) + int(fields[12])) * _TICK_MS


def machine_cpu_ms() -> float:
    """Return the CPU time that all processes and the kernel have used since the machine started, in milliseconds."""
    first_line = Path("/proc/stat").read_text(encoding="ascii").partition("\n")[0]
    user, nice, system, _idle, _iowait, irq, softirq, *_ = map(int, first_line.split()[1:])
    return (user + nice + system + irq + softirq) * _TICK_MS
