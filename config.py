"""Settings: read once from the environment (and ``.env``), checked, frozen.

Whatever is wrong is said in one line that names the setting. A secret may also come from a file whose
path stands in the variable with ``_FILE`` behind its name. docs/configuration.md lists every setting.
"""

import os
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Any, Final, Self
from urllib.parse import urlsplit

from dotenv import dotenv_values

from newsletters.kernel import settings as read
from newsletters.kernel.settings import BadSetting

__all__ = ["READERS", "BadSetting", "Config"]


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
    single_smtp_url: str = field(default="", repr=False)
    single_dkim_key: tuple[Path, ...] = ()
    single_dkim_selector: tuple[str, ...] = ()
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
    batch_size: int = 1000
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
    def has_two_streams(self) -> bool:
        """Whether single mails leave by other servers, or under other keys, than issues do."""
        return bool(self.single_smtp_url or self.single_dkim_key)

    def of_single_mails(self) -> Self:
        """The same settings for mail that somebody waits for; keys of its own sign for MAIL_FROM's domain."""
        own_keys = bool(self.single_dkim_key)
        return replace(
            self,
            smtp_url=self.single_smtp_url or self.smtp_url,
            dkim_key=self.single_dkim_key if own_keys else self.dkim_key,
            dkim_selector=self.single_dkim_selector if own_keys else self.dkim_selector,
            dkim_domain="" if own_keys else self.dkim_domain,
        )

    @property
    def public_host(self) -> str:
        """The host name readers see, without a port."""
        return urlsplit(self.public_url).hostname or "localhost"


def _settings(environ: Mapping[str, str] | None) -> dict[str, Any]:
    given = _given(environ)
    data_dir = Path(given.get("DATA_DIR", "var"))
    port = read.port(given.get("PORT", "8000"), "PORT")
    defaults = {
        "PUBLIC_URL": f"http://localhost:{port}",
        "DATABASE_URL": f"sqlite:///{data_dir / 'newsletters.sqlite3'}",
        "ENGINE_URL": f"sqlite:///{data_dir / 'engine.sqlite3'}",
        "SMTP_URL": f"smtp://127.0.0.1:{given.get('SINK_SMTP_PORT', '1025')}",
        "SECRET_KEY": "",
        "ADDRESS_HASH_KEY": "",
    }
    settings: dict[str, Any] = {}
    for name, reader in READERS.items():
        value = given.get(name, defaults.get(name))
        if value is not None:
            settings[name.lower()] = reader(value, name)
    for name in ("SECRET_KEY", "ADDRESS_HASH_KEY"):
        settings[name.lower()] = settings[name.lower()] or _own_secret(settings, data_dir, name)
    for keys in ("DKIM_KEY", "SINGLE_DKIM_KEY"):
        selectors = keys.replace("KEY", "SELECTOR")
        if len(settings.get(keys.lower(), ())) != len(settings.get(selectors.lower(), ())):
            raise BadSetting(f"{selectors}: needs one selector for each file of {keys}, in the same order")
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


def _reminder_hours(value: str, name: str) -> int:
    """None within a day of the first mail, and none once that mail's link is no longer good."""
    return 0 if value == "0" else read.whole(value, name, low=24, high=144)


_REDIS: Final = ("redis", "rediss", "valkey", "valkeys")


def _engine_url(value: str, name: str) -> str:
    read.url("sqlite", "memory", "postgresql", "postgresql+psycopg", *_REDIS)(value, name)
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


def _topics(value: str, name: str) -> tuple[str, ...]:
    topics = read.texts(value, name)
    for topic in topics:
        if not topic.startswith("arn:aws:sns:"):
            raise BadSetting(
                f"{name}: {topic!r} is not the ARN of an SNS topic (arn:aws:sns:region:account:name)"
            )
    return topics


def _logins(value: str, name: str) -> tuple[str, ...]:
    logins = read.texts(value, name)
    for login in logins:
        user, _, password = login.partition(":")
        if not user or len(password) < 16:
            raise BadSetting(f"{name}: needs user:password with a password of at least 16 characters")
    return logins


READERS: Final[dict[str, Callable[[str, str], object]]] = {
    "SECRET_KEY": read.secret,
    "ADDRESS_HASH_KEY": read.secret,
    "OLD_SECRET_KEYS": read.secrets,
    "DATA_DIR": read.path,
    "HOST": read.text,
    "PORT": read.port,
    "PUBLIC_URL": read.url("http", "https"),
    "DATABASE_URL": read.url("sqlite", "postgresql+psycopg", "postgresql"),
    "ENGINE_URL": _engine_url,
    "SMTP_URL": read.url("smtp", "smtps"),
    "SINK_SMTP_PORT": read.port,
    "SINK_HTTP_PORT": read.port,
    "EXAMPLE_PORT": read.port,
    "INBOUND_PORT": read.port,
    "INBOUND_LMTP": read.socket,
    "REPLIES_TO": read.texts,
    "QUARANTINE_DAYS": read.count,
    "NEWSROOM": read.text,
    "MAIL_FROM": read.text,
    "BOUNCE_DOMAIN": read.text,
    "DKIM_KEY": read.paths,
    "DKIM_DOMAIN": read.text,
    "DKIM_SELECTOR": read.texts,
    "SENDING_ADDRESSES": read.addresses,
    "SINGLE_SMTP_URL": read.url("smtp", "smtps"),
    "SINGLE_DKIM_KEY": read.paths,
    "SINGLE_DKIM_SELECTOR": read.texts,
    "WEBHOOK_SES_TOPICS": _topics,
    "WEBHOOK_POSTMARK_LOGIN": _logins,
    "WEBHOOK_MAILGUN_KEY": read.texts,
    "WEBHOOK_SENDGRID_KEY": read.texts,
    "WEBHOOK_TOLERANCE_SECONDS": read.seconds,
    "METRICS_TOKEN": read.secret,
    "TRUSTED_PROXIES": read.networks,
    "WEB_WORKERS": read.count,
    "UNDO_SECONDS": read.seconds,
    "LARGE_AUDIENCE": read.count,
    "BATCH_SIZE": read.count,
    "DELIVERIES_KEPT_DAYS": read.days,
    "IN_DOUBT": read.choice("retry", "assume_sent"),
    "SHAPING_FILE": read.path,
    "SIGNUPS_PER_MINUTE": read.count,
    "REMIND_AFTER_HOURS": _reminder_hours,
    "LOG_LEVEL": read.level,
}
