"""Who a worker is, and whether a worker of this machine is still alive.

A lease outlives its holder by some seconds; a worker that this machine knows to be dead need not be waited
for. The name holds the machine's boot, its process namespace, the process and when it started, so no
other machine, container or later process is ever taken for it. Where /proc is missing, nobody is known
to be dead and the lease decides.
"""

import os
import secrets
from pathlib import Path
from typing import Final

PROC: Final = Path("/proc")
_STARTED_FIELD = 19  # proc_pid_stat(5) field 22, counted behind the command's closing bracket


def worker_name() -> str:
    """The name of this process, of at most 80 characters."""
    place, started = _place(), _started(os.getpid())
    if place is None or started is None:
        return f"worker-{secrets.token_hex(12)}"
    return f"{place}:{os.getpid()}:{started}"


def is_known_dead(name: str) -> bool:
    """Whether ``name`` was a process here that is no more."""
    place, _, process = name.rpartition(":")[0].rpartition(":")
    if not process.isdecimal() or place != _place():
        return False
    return _started(int(process)) != name.rpartition(":")[2]


def _place() -> str | None:
    try:
        boot = (PROC / "sys/kernel/random/boot_id").read_text().strip()
        namespace = (PROC / "self/ns/pid").readlink()
    except OSError:
        return None
    return f"{boot}/{str(namespace).strip('pid:[]')}"


def _started(process: int) -> str | None:
    """When the process started, in clock ticks since boot; None when it is gone or only to be reaped."""
    try:
        fields = (PROC / str(process) / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] in "ZX" else fields[_STARTED_FIELD]
