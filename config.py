"""Settings: read once from the environment (and ``.env``), checked, frozen.

Whatever is wrong is said in one line that names the setting. A secret may also come from a file whose
path stands in the variable with ``_FILE`` behind its name. docs/configuration.md lists every setting.
"""

import os
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from pathlib import Path
from typing import Any, Final, Self
from urllib.parse import urlsplit

from dotenv import dotenv_values


class BadSetting(Exception):
    """A setting cannot be used; the message says which and what would be right."""


@dataclass(frozen=True, slots=True)
class Config:
    """Everything an operator can set. Field names are the variables' names in lower case."""

    secret_key: str
    address_hash_key: str
    data_dir: Path = Path("var")
    host: str = "127.0.0.1"
    port: int = 8000
    public_url: str = "http://localhost:8000"
    database_url: str = "sqlite:///var/newsletters.sqlite3"
    engine_url: str = "sqlite:///var/engine.sqlite3"
    smtp_url: str = "smtp://127.0.0.1:1025"
    sink_smtp_port: int = 1025
    sink_http_port: int = 8025
    example_port: int = 8080
    inbound_port: int = 1026
    inbound_lmtp: str = ""
    replies_to: tuple[str, ...] = ()
    quarantine_days: int = 30
    old_secret_keys: tuple[str, ...] = ()
    newsroom: str = "The Newsroom"
    mail_from: str = "newsletters@newsroom.example"
    bounce_domain: str = ""
    dkim_key: tuple[Path, ...] = ()
    dkim_domain: str = ""
    dkim_selector: tuple[str, ...] = ()
    sending_addresses: tuple[str, ...] = ()
    webhook_ses_topics: tuple[str, ...] = ()
    webhook_postmark_login: tuple[str, ...] = field(default=(), repr=False)
    webhook_mailgun_key: tuple[str, ...] = field(default=(), repr=False)
    webhook_sendgrid_key: tuple[str, ...] = ()
    webhook_tolerance_seconds: int = 300
    metrics_token: str = field(default="", repr=False)
    trusted_proxies: tuple[IPv4Network | IPv6Network, ...] = ()
    web_workers: int = 2
    undo_seconds: int = 30
    large_audience: int = 500
    batch_size: int = 500
    deliveries_kept_days: int = 1095
    in_doubt: str = "retry"
    shaping_file: Path | None = None
    signups_per_minute: int = 600
    remind_after_hours: int = 24
    log_level: str = "INFO"

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None) -> Self:
        """Read every setting. Raises BadSetting for the first that cannot be used."""
        return cls(**_settings(environ))

    @property
    def is_https(self) -> bool:
        return self.public_url.startswith("https://")

    @property
    def public_host(self) -> str:
        """The host name readers see, without a port."""
        return urlsplit(self.public_url).hostname or "localhost"


def _settings(environ: Mapping[str, str] | None) -> dict[str, Any]:
    given = _given(environ)
    data_dir = Path(given.get("DATA_DIR", "var"))
    port = _port(given.get("PORT", "8000"), "PORT")
    defaults = {
        "PUBLIC_URL": f"http://localhost:{port}",
        "DATABASE_URL": f"sqlite:///{data_dir / 'newsletters.sqlite3'}",
        "ENGINE_URL": f"sqlite:///{data_dir / 'engine.sqlite3'}",
        "SMTP_URL": f"smtp://127.0.0.1:{given.get('SINK_SMTP_PORT', '1025')}",
        "SECRET_KEY": "",
        "ADDRESS_HASH_KEY": "",
    }
    settings: dict[str, Any] = {}
    for name, read in READERS.items():
        value = given.get(name, defaults.get(name))
        if value is not None:
            settings[name.lower()] = read(value, name)
    for name in ("SECRET_KEY", "ADDRESS_HASH_KEY"):
        settings[name.lower()] = settings[name.lower()] or _own_secret(settings, data_dir, name)
    if len(settings.get("dkim_key", ())) != len(settings.get("dkim_selector", ())):
        raise BadSetting("DKIM_SELECTOR: needs one selector for each file of DKIM_KEY, in the same order")
    return settings


def _given(environ: Mapping[str, str] | None) -> dict[str, str]:
    """The environment over ``.env``, with ``X_FILE`` read into ``X``; empty values count as absent."""
    known = dotenv_values(".env") | dict(os.environ) if environ is None else dict(environ)
    given = {name: value for name, value in known.items() if value}
    for name in READERS:
        path = given.get(f"{name}_FILE")
        if path and name not in given:
            given[name] = _contents(Path(path), f"{name}_FILE")
    return given


def _contents(path: Path, name: str) -> str:
    try:
        return path.read_text().strip()
    except OSError as error:
        raise BadSetting(f"{name}: cannot read {path}: {error.strerror}") from error


def _own_secret(settings: Mapping[str, Any], data_dir: Path, name: str) -> str:
    """A secret of this machine's, as long as there is no other machine."""
    for shared in ("DATABASE_URL", "ENGINE_URL"):
        if urlsplit(settings[shared.lower()]).scheme not in ("sqlite", "memory"):
            raise BadSetting(
                f"{name}: must be set, the same on every machine, where {shared} is shared by several; "
                "make one with: openssl rand -base64 48"
            )
    return _kept_secret(data_dir, name)


def _kept_secret(data_dir: Path, name: str) -> str:
    """The secret made on the first run and kept in the data folder, readable by its owner alone."""
    path = data_dir / name.lower()
    try:
        data_dir.mkdir(mode=0o750, parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return _contents(path, name)
    except OSError as error:
        raise BadSetting(f"DATA_DIR: cannot write {path}: {error.strerror}") from error
    with os.fdopen(descriptor, "w") as file:
        secret = secrets.token_urlsafe(48)
        file.write(secret)
    return secret


def _text(value: str, _name: str) -> str:
    return value


def _secret(value: str, name: str) -> str:
    if value and len(value) < 32:
        raise BadSetting(f"{name}: needs at least 32 characters")
    return value


def _secrets(value: str, name: str) -> tuple[str, ...]:
    return tuple(_secret(part.strip(), name) for part in value.split(",") if part.strip())


def _path(value: str, _name: str) -> Path:
    return Path(value)


def _texts(value: str, _name: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in value.split(",") if part.strip())


def _paths(value: str, name: str) -> tuple[Path, ...]:
    return tuple(Path(part) for part in _texts(value, name))


def _whole(value: str, name: str, low: int, high: int) -> int:
    try:
        number = int(value)
    except ValueError:
        raise BadSetting(f"{name}: {value!r} is not a whole number") from None
    if not low <= number <= high:
        raise BadSetting(f"{name}: {number} is not between {low} and {high}")
    return number


def _port(value: str, name: str) -> int:
    return _whole(value, name, 1, 65535)


def _socket(value: str, name: str) -> str:
    """A path of a socket file, a port, or ``host:port``."""
    if not value.startswith("/"):
        _port(value.rpartition(":")[2], name)
    return value


def _count(value: str, name: str) -> int:
    return _whole(value, name, 1, 1_000_000)


def _seconds(value: str, name: str) -> int:
    return _whole(value, name, 0, 86_400)


def _reminder_hours(value: str, name: str) -> int:
    """None within a day of the first mail, and none once that mail's link is no longer good."""
    return 0 if value == "0" else _whole(value, name, 24, 144)


def _days(value: str, name: str) -> int:
    return _whole(value, name, 0, 36_500)


def _url(*schemes: str) -> Callable[[str, str], str]:
    def read(value: str, name: str) -> str:
        if urlsplit(value).scheme not in schemes:
            raise BadSetting(f"{name}: {value!r} must begin with {' or '.join(f'{s}:' for s in schemes)}")
        return value.rstrip("/") if "http" in schemes else value

    return read


_REDIS: Final = ("redis", "rediss", "valkey", "valkeys")


def _engine_url(value: str, name: str) -> str:
    _url("sqlite", "memory", "postgresql", "postgresql+psycopg", *_REDIS)(value, name)
    scheme, database = urlsplit(value).scheme, urlsplit(value).path.removeprefix("/")
    if scheme in _REDIS and not (_has_host(value) and (database.isdecimal() or not database)):
        raise BadSetting(
            f"{name}: must be a host and a database's number, as in {scheme}://engine.example:6379/0"
        )
    return value


def _has_host(url: str) -> bool:
    """Whether a URL names a host and a port that can be."""
    try:
        return bool(urlsplit(url).hostname) and urlsplit(url).port != 0
    except ValueError:
        return False


def _choice(*choices: str) -> Callable[[str, str], str]:
    def read(value: str, name: str) -> str:
        if value not in choices:
            raise BadSetting(f"{name}: {value!r} is not {' or '.join(choices)}")
        return value

    return read


def _networks(value: str, name: str) -> tuple[IPv4Network | IPv6Network, ...]:
    try:
        return tuple(ip_network(part.strip()) for part in value.split(",") if part.strip())
    except ValueError as error:
        raise BadSetting(f"{name}: {error}") from None


def _addresses(value: str, name: str) -> tuple[str, ...]:
    try:
        return tuple(str(ip_address(part)) for part in _texts(value, name))
    except ValueError as error:
        raise BadSetting(f"{name}: {error}") from None


def _topics(value: str, name: str) -> tuple[str, ...]:
    topics = _texts(value, name)
    for topic in topics:
        if not topic.startswith("arn:aws:sns:"):
            raise BadSetting(
                f"{name}: {topic!r} is not the ARN of an SNS topic (arn:aws:sns:region:account:name)"
            )
    return topics


def _logins(value: str, name: str) -> tuple[str, ...]:
    logins = _texts(value, name)
    for login in logins:
        user, _, password = login.partition(":")
        if not user or len(password) < 16:
            raise BadSetting(f"{name}: needs user:password with a password of at least 16 characters")
    return logins


def _level(value: str, name: str) -> str:
    if value.upper() not in ("DEBUG", "INFO", "WARNING", "ERROR"):
        raise BadSetting(f"{name}: {value!r} is not DEBUG, INFO, WARNING or ERROR")
    return value.upper()


READERS: Final[dict[str, Callable[[str, str], object]]] = {
    "SECRET_KEY": _secret,
    "ADDRESS_HASH_KEY": _secret,
    "OLD_SECRET_KEYS": _secrets,
    "DATA_DIR": _path,
    "HOST": _text,
    "PORT": _port,
    "PUBLIC_URL": _url("http", "https"),
    "DATABASE_URL": _url("sqlite", "postgresql+psycopg", "postgresql"),
    "ENGINE_URL": _engine_url,
    "SMTP_URL": _url("smtp", "smtps"),
    "SINK_SMTP_PORT": _port,
    "SINK_HTTP_PORT": _port,
    "EXAMPLE_PORT": _port,
    "INBOUND_PORT": _port,
    "INBOUND_LMTP": _socket,
    "REPLIES_TO": _texts,
    "QUARANTINE_DAYS": _count,
    "NEWSROOM": _text,
    "MAIL_FROM": _text,
    "BOUNCE_DOMAIN": _text,
    "DKIM_KEY": _paths,
    "DKIM_DOMAIN": _text,
    "DKIM_SELECTOR": _texts,
    "SENDING_ADDRESSES": _addresses,
    "WEBHOOK_SES_TOPICS": _topics,
    "WEBHOOK_POSTMARK_LOGIN": _logins,
    "WEBHOOK_MAILGUN_KEY": _texts,
    "WEBHOOK_SENDGRID_KEY": _texts,
    "WEBHOOK_TOLERANCE_SECONDS": _seconds,
    "METRICS_TOKEN": _secret,
    "TRUSTED_PROXIES": _networks,
    "WEB_WORKERS": _count,
    "UNDO_SECONDS": _seconds,
    "LARGE_AUDIENCE": _count,
    "BATCH_SIZE": _count,
    "DELIVERIES_KEPT_DAYS": _days,
    "IN_DOUBT": _choice("retry", "assume_sent"),
    "SHAPING_FILE": _path,
    "SIGNUPS_PER_MINUTE": _count,
    "REMIND_AFTER_HOURS": _reminder_hours,
    "LOG_LEVEL": _level,
}
