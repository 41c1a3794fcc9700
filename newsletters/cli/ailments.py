"""What ``doctor`` looks at on the machine itself: database, tasks, mail server, disk, clock and secrets.

Each check says what it found, or what is wrong and what to do. None writes anything.
"""

import ctypes
import os
import shutil
import stat
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from config import Config
from newsletters.bounces.providers.sendgrid import UnusableVerificationKey, load_verification_key
from newsletters.bounces.providers.sns import is_topic
from newsletters.delivery.shaping_reading import BadShaping, read_rules
from newsletters.kernel import restorations, roster
from newsletters.kernel.roster import Kind, Worker
from newsletters.mail.domains.findings import Level
from newsletters.mail.models import OutboxMail, OutboxState
from newsletters.mail.office import Office
from newsletters.mail.opening import open_dialogue
from newsletters.mail.replies import ServerUnavailable
from newsletters.mail.server import SmtpServer
from newsletters.migrations import HERE
from newsletters.runtime import Runtime

LITTLE_BYTES: Final = 1024**3
TOO_LITTLE_BYTES: Final = 100 * 1024**2
CLOCK_OFF: Final = timedelta(seconds=5)
OVERDUE: Final = timedelta(minutes=5)
TIME_ERROR: Final = 5  # adjtimex(2): the clock is not synchronised


@dataclass(frozen=True, slots=True)
class Symptom:
    """One line of the report."""

    level: Level
    what: str
    said: str
    advice: str = ""


def database(runtime: Runtime) -> Iterator[Symptom]:
    """Whether it answers, and whether its tables are those of this code."""
    what = "Database"
    kind = runtime.db.url.get_backend_name()
    try:
        with runtime.db.engine.connect() as connection:
            current = MigrationContext.configure(connection).get_current_revision()
    except SQLAlchemyError as error:
        yield Symptom(
            Level.BROKEN, what, f"{kind} does not answer: {str(error).splitlines()[0]}", "Check DATABASE_URL."
        )
        return
    head = ScriptDirectory(str(HERE)).get_current_head()
    if current != head:
        advice = "Run: python -m newsletters.cli migrate"
        yield Symptom(
            Level.BROKEN,
            what,
            f"{kind} answers, its tables are at {current or 'nothing'}, not {head}.",
            advice,
        )
        return
    yield Symptom(Level.OK, what, f"{kind} answers, its tables are of this version ({head}).")


def engine(runtime: Runtime) -> Iterator[Symptom]:
    """Whether tasks can be handed out."""
    try:
        runtime.engine.ping()
    except Exception as error:  # noqa: BLE001  (whatever the engine's storage raises)
        yield Symptom(Level.WARNING, "Task engine", f"does not answer: {error}", "Check ENGINE_URL.")
        return
    yield Symptom(Level.OK, "Task engine", "answers.")


def workers(session: Session, *, now: datetime) -> Iterator[Symptom]:
    """Whether anybody works."""
    alive = _alive(session, Kind.WORKER, now=now)
    oldest = session.scalar(
        select(func.min(OutboxMail.due_at)).where(OutboxMail.state == OutboxState.WAITING)
    )
    if not alive:
        yield Symptom(
            Level.BROKEN,
            "Workers",
            "none is running: nothing is sent.",
            "Run: python -m newsletters.cli worker",
        )
    else:
        hosts = ", ".join(sorted({worker.host for worker in alive}))
        yield Symptom(Level.OK, "Workers", f"{len(alive)} running on {hosts}.")
    if oldest is not None and now - oldest > OVERDUE:
        minutes = int((now - oldest).total_seconds() // 60)
        yield Symptom(
            Level.WARNING, "Single mails", f"one has been due for {minutes} minutes.", "Look at the log."
        )


def mail_door(session: Session, *, now: datetime) -> Iterator[Symptom]:
    """Whether somebody takes what comes back."""
    what = "Mail door"
    alive = _alive(session, Kind.INBOUND, now=now)
    if alive:
        hosts = ", ".join(sorted({door.host for door in alive}))
        yield Symptom(Level.OK, what, f"{len(alive)} running on {hosts}.")
    else:
        said = "none is running: bounces, complaints and unsubscribes by mail are not taken."
        yield Symptom(Level.WARNING, what, said, "Run: python -m newsletters.cli inbound")


def _alive(session: Session, kind: Kind, *, now: datetime) -> list[Worker]:
    return [worker for worker in roster.present(session, kind=kind, now=now) if not worker.is_silent(now)]


def copy(session: Session) -> Iterator[Symptom]:
    """Whether this is a copy that was put back, and nobody has looked yet."""
    row = restorations.in_force(session)
    if row is not None:
        yield Symptom(
            Level.WARNING,
            "Sending",
            f"restored from a copy of {row.copied_at:%Y-%m-%d %H:%M} UTC; sending is held until an owner "
            "releases it.",
            "Look at the issues on the desk, then: python -m newsletters.cli release",
        )


def relay(server: SmtpServer) -> Iterator[Symptom]:
    """Whether the mail server lets us in, with TLS and login as they will be used."""
    what = f"Mail server {server.host}:{server.port}"
    try:
        dialogue = open_dialogue(server)
    except ServerUnavailable as error:
        yield Symptom(Level.BROKEN, what, f"does not let us in: {error}", "Check SMTP_URL.")
        return
    dialogue.close()
    login = f", and takes the login of {server.user}" if server.user else ""
    yield Symptom(Level.OK, what, f"answers{login}.")


def disk(folder: Path) -> Iterator[Symptom]:
    """Whether there is room for what comes."""
    there = next(one for one in (folder.absolute(), *folder.absolute().parents) if one.exists())
    free = shutil.disk_usage(there).free
    said = f"{free / 1024**3:.1f} GiB free at {there}."
    if free < TOO_LITTLE_BYTES:
        yield Symptom(Level.BROKEN, "Disk", said, "Make room: sending stops when it is full.")
    elif free < LITTLE_BYTES:
        yield Symptom(Level.WARNING, "Disk", said, "Make room soon.")
    else:
        yield Symptom(Level.OK, "Disk", said)


def clock(session: Session, *, own: datetime, is_sqlite: bool) -> Iterator[Symptom]:
    """Whether this machine's time is the database's, and set by somebody."""
    if not is_sqlite:
        database_time = session.scalars(select(func.clock_timestamp())).one()
        off = abs(own - database_time)
        if off > CLOCK_OFF:
            said = f"{off.total_seconds():.0f} seconds away from the database's."
            yield Symptom(Level.WARNING, "Clock", said, "Set both by NTP.")
            return
    if _is_unset():
        yield Symptom(Level.WARNING, "Clock", "not set by NTP, or not known to be.", "Set it by NTP.")
    else:
        yield Symptom(Level.OK, "Clock", "set.")


def secrets(config: Config) -> Iterator[Symptom]:
    """Whether anybody else may read what must stay secret."""
    keys = (*config.dkim_key, *config.single_dkim_key)
    kept = [config.data_dir / "secret_key", config.data_dir / "address_hash_key", *keys]
    paths = [path for path in kept if path.exists()]
    open_ones = [str(path) for path in paths if _others_may(path, stat.S_IRWXG | stat.S_IRWXO)]
    if open_ones:
        advice = f"Run: chmod 600 {' '.join(open_ones)}"
        yield Symptom(Level.BROKEN, "Secrets", f"others may read {', '.join(open_ones)}.", advice)
    else:
        yield Symptom(Level.OK, "Secrets", f"{len(paths)} files, readable by their owner alone.")
    if not config.is_https:
        advice = "Set PUBLIC_URL to https:// once it is on the web."
        yield Symptom(Level.WARNING, "Web address", f"{config.public_url} is not encrypted.", advice)


def data_folder(config: Config) -> Iterator[Symptom]:
    """Whether we may write there and nobody else may read it."""
    folder = config.data_dir
    if not folder.exists():
        yield Symptom(Level.WARNING, "Data folder", f"{folder} is not there.", "It is made on the first run.")
    elif not os.access(folder, os.W_OK | os.X_OK):
        yield Symptom(Level.BROKEN, "Data folder", f"{folder} cannot be written to.", "Give it to this user.")
    elif _others_may(folder, stat.S_IWOTH | stat.S_IROTH):
        yield Symptom(
            Level.WARNING,
            "Data folder",
            f"everybody on this machine may read {folder}.",
            f"Run: chmod 750 {folder}",
        )
    else:
        yield Symptom(Level.OK, "Data folder", f"{folder} is ours.")


def webhooks(config: Config) -> Iterator[Symptom]:
    """Which providers may report, and whether their keys can be used."""
    bad = [topic for topic in config.webhook_ses_topics if not is_topic(topic)]
    if bad:
        yield Symptom(Level.BROKEN, "Webhooks", f"WEBHOOK_SES_TOPICS: no topic: {', '.join(bad)}")
    try:
        for key in config.webhook_sendgrid_key:
            load_verification_key(key)
    except UnusableVerificationKey as error:
        yield Symptom(Level.BROKEN, "Webhooks", f"WEBHOOK_SENDGRID_KEY: {error}.")
    opened = {
        "Amazon SES": config.webhook_ses_topics,
        "Postmark": config.webhook_postmark_login,
        "Mailgun": config.webhook_mailgun_key,
        "SendGrid": config.webhook_sendgrid_key,
    }
    names = [name for name, secret in opened.items() if secret]
    yield Symptom(
        Level.OK, "Webhooks", f"open for {', '.join(names)}." if names else "closed; no provider reports."
    )


def flow(config: Config, servers: Sequence[SmtpServer]) -> Iterator[Symptom]:
    """Whether the file with the rules of the flow can be read, and is about servers that there are."""
    if config.shaping_file is None:
        return
    what = f"Rates in {config.shaping_file}"
    try:
        rules = read_rules(config.shaping_file)
    except BadShaping as error:
        advice = "What runs keeps to the rules before it; nothing starts anew."
        yield Symptom(Level.BROKEN, what, str(error), advice)
        return
    unknown = sorted(set(rules.servers) - {server.name for server in servers})
    if unknown:
        said = f"SMTP_URL names no server {', '.join(unknown)}: what is said of it has no effect."
        yield Symptom(Level.WARNING, what, said, "Compare: python -m newsletters.cli shaping")
    else:
        yield Symptom(Level.OK, what, "can be read.")


def machine(runtime: Runtime, office: Office) -> Iterator[Symptom]:
    """Everything but the domains, in the order in which one would mend it."""
    config = runtime.config
    yield from data_folder(config)
    yield from secrets(config)
    yield from disk(config.data_dir)
    found = list(database(runtime))
    yield from found
    if all(symptom.level is Level.OK for symptom in found):
        with runtime.db.reading() as session:
            yield from clock(session, own=runtime.clock.now(), is_sqlite=runtime.db.is_sqlite)
            yield from workers(session, now=runtime.clock.now())
            yield from mail_door(session, now=runtime.clock.now())
            yield from copy(session)
    yield from engine(runtime)
    single = Office.of_single_mails(config, runtime.signer)
    servers = {server.name: server for server in (*office.servers, *single.servers)}
    for server in servers.values():
        yield from relay(server)
    yield from flow(config, list(servers.values()))
    yield from webhooks(config)


def _others_may(path: Path, mode: int) -> bool:
    return bool(path.stat().st_mode & mode)


def _is_unset() -> bool:
    """What the kernel says; elsewhere than on Linux nothing is known."""
    if sys.platform != "linux":
        return False
    buffer = ctypes.create_string_buffer(
        512
    )  # struct timex, larger than it is anywhere; modes = 0 only reads
    return bool(ctypes.CDLL(None, use_errno=True).adjtimex(buffer) == TIME_ERROR)
