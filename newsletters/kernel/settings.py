"""Reading one setting: what stands in the environment, as the value that it must be.

Every reader takes the text and the setting's name, and raises BadSetting with one line that names it.
"""

from collections.abc import Callable
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from pathlib import Path
from urllib.parse import urlsplit


class BadSetting(Exception):
    """A setting cannot be used; the message says which and what would be right."""


def text(value: str, _name: str) -> str:
    """Whatever is written."""
    return value


def secret(value: str, name: str) -> str:
    """At least 32 characters, or none."""
    if value and len(value) < 32:
        raise BadSetting(f"{name}: needs at least 32 characters")
    return value


def secrets(value: str, name: str) -> tuple[str, ...]:
    """The same, several between commas."""
    return tuple(secret(part.strip(), name) for part in value.split(",") if part.strip())


def path(value: str, _name: str) -> Path:
    """A file or a folder."""
    return Path(value)


def texts(value: str, _name: str) -> tuple[str, ...]:
    """Several between commas."""
    return tuple(part.strip() for part in value.split(",") if part.strip())


def paths(value: str, name: str) -> tuple[Path, ...]:
    """Files between commas."""
    return tuple(Path(part) for part in texts(value, name))


def whole(value: str, name: str, *, low: int, high: int) -> int:
    """A whole number between two others."""
    try:
        number = int(value)
    except ValueError:
        raise BadSetting(f"{name}: {value!r} is not a whole number") from None
    if not low <= number <= high:
        raise BadSetting(f"{name}: {number} is not between {low} and {high}")
    return number


def port(value: str, name: str) -> int:
    """A TCP port."""
    return whole(value, name, low=1, high=65535)


def socket(value: str, name: str) -> str:
    """A path of a socket file, a port, or ``host:port``."""
    if not value.startswith("/"):
        port(value.rpartition(":")[2], name)
    return value


def count(value: str, name: str) -> int:
    """From one to a million."""
    return whole(value, name, low=1, high=1_000_000)


def seconds(value: str, name: str) -> int:
    """Up to a day."""
    return whole(value, name, low=0, high=86_400)


def days(value: str, name: str) -> int:
    """Up to a hundred years."""
    return whole(value, name, low=0, high=36_500)


def url(*schemes: str) -> Callable[[str, str], str]:
    """A URL of one of ``schemes``; one of the web without a slash at its end."""

    def read(value: str, name: str) -> str:
        if urlsplit(value).scheme not in schemes:
            raise BadSetting(f"{name}: {value!r} must begin with {' or '.join(f'{s}:' for s in schemes)}")
        return value.rstrip("/") if "http" in schemes else value

    return read


def choice(*choices: str) -> Callable[[str, str], str]:
    """One of ``choices``."""

    def read(value: str, name: str) -> str:
        if value not in choices:
            raise BadSetting(f"{name}: {value!r} is not {' or '.join(choices)}")
        return value

    return read


def networks(value: str, name: str) -> tuple[IPv4Network | IPv6Network, ...]:
    """Networks between commas."""
    try:
        return tuple(ip_network(part.strip()) for part in value.split(",") if part.strip())
    except ValueError as error:
        raise BadSetting(f"{name}: {error}") from None


def addresses(value: str, name: str) -> tuple[str, ...]:
    """IP addresses between commas."""
    try:
        return tuple(str(ip_address(part)) for part in texts(value, name))
    except ValueError as error:
        raise BadSetting(f"{name}: {error}") from None


def level(value: str, name: str) -> str:
    """How much is logged."""
    if value.upper() not in ("DEBUG", "INFO", "WARNING", "ERROR"):
        raise BadSetting(f"{name}: {value!r} is not DEBUG, INFO, WARNING or ERROR")
    return value.upper()
