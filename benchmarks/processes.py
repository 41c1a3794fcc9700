"""What a process and its children have cost: Linux keeps the books in /proc."""

import contextlib
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")
KIB = 1024
_UTIME, _PPID = 11, 1  # places behind the closing parenthesis of /proc/PID/stat (proc(5))


class TookTooLong(Exception):
    """A condition did not come true in time."""


def family(pid: int) -> list[int]:
    """``pid`` and every living descendant."""
    parents = {int(path.name): _parent(path) for path in Path("/proc").glob("[0-9]*")}
    found = [pid]
    for member in found:
        found += [child for child, parent in parents.items() if parent == member]
    return found


def cpu_seconds(pid: int) -> float:
    """User and system time of ``pid``, its living descendants and the children it has reaped."""
    return sum(_ticks(member) for member in family(pid)) / TICKS


def own_cpu_seconds(pid: int) -> float:
    """User and system time of ``pid`` alone, with all its threads and no child."""
    with _while_it_lives():
        return sum(map(int, _stat(Path(f"/proc/{pid}"))[_UTIME : _UTIME + 2])) / TICKS
    return 0.0


def peak_bytes(pid: int) -> int:
    """The most memory that ``pid`` and its living descendants ever held, each at its own peak."""
    return sum(_status(member, "VmHWM") for member in family(pid)) * KIB


def resident_bytes(pid: int) -> int:
    """The memory that ``pid`` and its living descendants hold now."""
    return sum(_status(member, "VmRSS") for member in family(pid)) * KIB


def wait_until(condition: Callable[[], bool], *, seconds: float, what: str, every: float = 0.02) -> None:
    """Raises TookTooLong."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TookTooLong(f"waited {seconds:.0f} s in vain for {what}")
        time.sleep(every)


def _stat(path: Path) -> list[str]:
    return path.joinpath("stat").read_text().rpartition(")")[2].split()


def _parent(path: Path) -> int:
    with _while_it_lives():
        return int(_stat(path)[_PPID])
    return 0


def _ticks(pid: int) -> int:
    with _while_it_lives():
        return sum(map(int, _stat(Path(f"/proc/{pid}"))[_UTIME : _UTIME + 4]))
    return 0


def _status(pid: int, name: str) -> int:
    with _while_it_lives():
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith(f"{name}:"):
                return int(line.split()[1])
    return 0


@contextlib.contextmanager
def _while_it_lives() -> Iterator[None]:
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        yield
