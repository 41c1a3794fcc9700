"""The programs that the benchmarks measure with: Debian's smtp-source, smtp-sink and wrk.

The packages are fetched and unpacked into a folder of ours. Nothing is installed, configured or started:
Postfix itself never runs. Where apt-get is missing, the programs may also stand on the PATH.
"""

import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

PACKAGES = ("postfix", "wrk", "libluajit-5.1-2", "libluajit-5.1-common")
NAMES = ("smtp-source", "smtp-sink", "wrk")


class CannotFetch(Exception):
    """A program is missing and cannot be fetched; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Programs:
    """Where each program stands, and the environment it runs in."""

    smtp_source: Path
    smtp_sink: Path
    wrk: Path
    environ: Mapping[str, str]


def fetch(cache: Path) -> Programs:
    """The programs, fetched on the first call. Raises CannotFetch."""
    folder = cache / "debian"
    if not (folder / "complete").exists():
        on_path = [shutil.which(name) for name in NAMES]
        if all(on_path):
            source, sink, wrk = (Path(found) for found in on_path if found)
            return Programs(source, sink, wrk, dict(os.environ))
        _unpack(folder)
        (folder / "complete").touch()
    sbin, libraries = folder / "usr/sbin", [folder / "usr/lib/postfix", *folder.glob("usr/lib/*-linux-*")]
    environ = {**os.environ, "LD_LIBRARY_PATH": ":".join(map(str, libraries))}
    return Programs(sbin / "smtp-source", sbin / "smtp-sink", folder / "usr/bin/wrk", environ)


def _unpack(folder: Path) -> None:
    if shutil.which("apt-get") is None or shutil.which("dpkg") is None:
        raise CannotFetch("Please install Postfix's smtp-source and smtp-sink, and wrk; apt-get is missing.")
    shutil.rmtree(folder, ignore_errors=True)
    packages = folder / "packages"
    packages.mkdir(parents=True)
    if not _download(packages):
        if os.geteuid() != 0:
            raise CannotFetch(
                "apt-get knows no packages yet. Please run `apt-get update` as root once; "
                "the rest needs no root. Or install postfix and wrk."
            )
        _run("apt-get", "update", "-qq", folder=packages)
        if not _download(packages):
            raise CannotFetch(f"apt-get cannot download {', '.join(PACKAGES)}.")
    for package in packages.glob("*.deb"):
        _run("dpkg", "-x", str(package), str(folder), folder=packages)


def _download(folder: Path) -> bool:
    command = ["apt-get", "-qq", "-o", "APT::Sandbox::User=root", "download", *PACKAGES]
    return subprocess.run(command, cwd=folder, stderr=subprocess.DEVNULL, check=False).returncode == 0


def _run(*command: str, folder: Path) -> None:
    subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)
