"""What the sink is told, read once from the environment. Refuses a value it cannot use, in one clear line.

An open port that takes every mail is a gift to spammers and shows readers' addresses to anybody, so that
anything but loopback needs two settings that agree: the host itself and SINK_ALLOW_REMOTE=yes.
"""

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

DEFAULT_MAX_MESSAGES = 20_000
DEFAULT_MAX_MESSAGE_BYTES = 25 * 1024 * 1024  # what Gmail takes; most relays take no more
LOOPBACK_NAMES = frozenset({"localhost", "localhost.localdomain", "ip6-localhost"})


class SinkRefused(Exception):
    """The sink cannot start as it was told to. The message is for the person who started it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SinkSettings:
    """Where the sink listens, where it keeps, and how much. Port 0 takes any free port."""

    directory: Path
    host: str = "127.0.0.1"
    smtp_port: int = 1025
    http_port: int = 8025
    inbound_port: int = 1026
    allow_remote: bool = False
    http_hosts: frozenset[str] = frozenset()
    max_messages: int = DEFAULT_MAX_MESSAGES
    max_message_bytes: int = DEFAULT_MAX_MESSAGE_BYTES
    faults: str = ""

    def __post_init__(self) -> None:
        if not is_loopback(self.host) and not self.allow_remote:
            raise SinkRefused(
                f"SINK_HOST={self.host} is not loopback, and the sink takes mail from anybody: "
                "set SINK_HOST=127.0.0.1, or SINK_ALLOW_REMOTE=yes if you mean it"
            )

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> "SinkSettings":
        """Read the SINK_* settings and DATA_DIR. Raises SinkRefused."""
        return cls(
            directory=Path(environ.get("DATA_DIR") or "var") / "sink",
            host=environ.get("SINK_HOST") or "127.0.0.1",
            smtp_port=_number(environ, name="SINK_SMTP_PORT", default=1025, low=0, high=65535),
            http_port=_number(environ, name="SINK_HTTP_PORT", default=8025, low=0, high=65535),
            inbound_port=_number(environ, name="INBOUND_PORT", default=1026, low=1, high=65535),
            allow_remote=environ.get("SINK_ALLOW_REMOTE", "").strip().lower() == "yes",
            http_hosts=frozenset(environ.get("SINK_HTTP_HOSTS", "").lower().replace(",", " ").split()),
            max_messages=_number(
                environ, name="SINK_MAX_MESSAGES", default=DEFAULT_MAX_MESSAGES, low=1, high=10_000_000
            ),
            max_message_bytes=_number(
                environ,
                name="SINK_MAX_MESSAGE_BYTES",
                default=DEFAULT_MAX_MESSAGE_BYTES,
                low=1000,
                high=2**30,
            ),
            faults=environ.get("SINK_FAULTS", ""),
        )


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach the host."""
    if host.lower() in LOOPBACK_NAMES:
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _number(environ: Mapping[str, str], *, name: str, default: int, low: int, high: int) -> int:
    written = environ.get(name, "").strip()
    if not written:
        return default
    if not (written.isascii() and written.isdigit() and low <= int(written) <= high):
        raise SinkRefused(f"{name}={written} is not a whole number from {low} to {high}")
    return int(written)
