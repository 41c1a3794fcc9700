"""A small disk of a drill's own: it can be filled up, and cut off from its power.

As root it is a real file system: one in memory that is full when it is full, or one on a loop device whose
image holds what had reached the device and nothing that only the cache held. Elsewhere the programs' own
limit on the size of files stands in for a full disk.
"""

import contextlib
import os
import resource
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

MEGABYTE = 1 << 20


def can_mount(folder: Path) -> bool:
    """Whether this process may mount file systems."""
    if os.geteuid() != 0:
        return False
    place = folder / "mountable"
    place.mkdir(parents=True, exist_ok=True)
    tried = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(place)], capture_output=True, check=False
    )
    if tried.returncode == 0:
        subprocess.run(["umount", str(place)], check=True)
    return tried.returncode == 0


@contextlib.contextmanager
def small_disk(place: Path, size: int) -> Iterator[Path]:
    """A file system of ``size`` bytes in memory."""
    place.mkdir(parents=True, exist_ok=True)
    _run("mount", "-t", "tmpfs", "-o", f"size={size},mode=777", "tmpfs", str(place))
    try:
        yield place
    finally:
        _run("umount", "--lazy", str(place))


def fill(place: Path) -> Path:
    """Fill the file system of ``place`` to its last block; whoever deletes the file makes room again."""
    filler = place / "filler"
    with filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        for size in (MEGABYTE, 4096, 1):
            with contextlib.suppress(OSError):
                while file.write(b"\0" * size):
                    pass
    return filler


def limit_files(pids: list[int], size: int | None) -> None:
    """Let no file of these processes grow beyond ``size``; None lifts that. They get EFBIG."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            _, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (size or hard, hard))


class LoopDisk:
    """A file system in an image file: what was written and not flushed is in memory, not in the image."""

    def __init__(self, image: Path, place: Path, size: int) -> None:
        self.image = image
        self.place = place
        place.mkdir(parents=True, exist_ok=True)
        with image.open("wb") as file:
            file.truncate(size)
        _run("mkfs.ext4", "-q", "-F", str(image))
        self.mount()

    def mount(self) -> None:
        _run("mount", "-o", "loop,noatime", str(self.image), str(self.place))
        self.place.chmod(0o777)

    def cut_power(self, end_programs: Callable[[], None]) -> None:
        """Keep what the device has at this moment, end the programs, and come back with that and no more.

        The programs must stand still already.
        """
        kept = self.image.with_suffix(".kept")
        shutil.copyfile(self.image, kept)
        end_programs()
        self.unmount()
        kept.replace(self.image)
        self.mount()

    def unmount(self) -> None:
        _run("umount", str(self.place))


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)
