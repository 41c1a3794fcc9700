"""Putting a copy back: it is checked, brought to this version, held, told who left since, and put in place.

Nothing of it may be sent before an owner has looked (delivery/restoring.py). The database before it is read
for whoever left since the copy was made, where it can be read, and is otherwise left as it was.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from sqlalchemy import inspect, select, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from newsletters.accounts import audit
from newsletters.cli import copies_postgresql, copies_sqlite
from newsletters.cli.copies_sqlite import CopyFailed
from newsletters.delivery import restoring
from newsletters.kernel import restorations
from newsletters.kernel.db import Database
from newsletters.kernel.restorations import Restoration
from newsletters.migrations import is_behind, newest, upgrade
from newsletters.runtime import Runtime
from newsletters.subscribers.models import Subscriber
from newsletters.subscribers.replaying import Replayed, replay

CLOCKS_DIFFER: Final = timedelta(hours=1)  # of the machines that wrote both, generously
OPERATOR: Final = "operator"


@dataclass(frozen=True, slots=True)
class Restored:
    """What was put into place, and where the database before it is kept."""

    copied_at: datetime
    issues_held: int
    mails_left: int
    replayed: Replayed | None
    kept: Path | None


def restore(runtime: Runtime, copy: Path, *, replay_from: str | None, now: datetime) -> Restored:
    """Put ``copy`` in the place of the database of the settings. Raises CopyFailed."""
    if runtime.db.is_sqlite:
        return _restore_file(runtime, copy, replay_from=replay_from, now=now)
    return _restore_server(runtime, copy, replay_from=replay_from, now=now)


def _restore_file(runtime: Runtime, copy: Path, *, replay_from: str | None, now: datetime) -> Restored:
    place = Path(runtime.db.url.database or "").absolute()
    copies_sqlite.check(copy)
    can_be_read = copies_sqlite.require_unused(place)
    place.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
    made = place.with_name(f".{place.name}.restoring")
    copies_sqlite.copy_to(copy, made, copied_at=None)
    copied_at = datetime.fromtimestamp(copy.stat().st_mtime, UTC)
    if replay_from is None and can_be_read:
        replay_from = f"sqlite:///{place}"
    try:
        with _opened(f"sqlite:///{made}") as new:
            upgrade(new.engine)
            with new.transaction() as session:
                row = _hold(session, runtime, copied_at=copied_at, now=now)
            replayed = _replay(runtime, new, row.copied_at, replay_from=replay_from, now=now)
        if not copies_sqlite.require_unused(made):  # takes the log into the file, the hold with it
            raise CopyFailed(f"{made} cannot be made one file")
        copies_sqlite.require_unused(place)
        kept = copies_sqlite.put_into_place(made, place, now=now)
    finally:
        copies_sqlite.remove(made)
    return Restored(row.copied_at, row.issues_held, row.mails_left, replayed, kept)


def _restore_server(runtime: Runtime, copy: Path, *, replay_from: str | None, now: datetime) -> Restored:
    copied_at, version = copies_postgresql.made_at(copy), copies_postgresql.version_of(copy)
    db, row = runtime.db, None
    if set(inspect(db.engine).get_table_names()):
        raise CopyFailed(
            "the database of DATABASE_URL is not empty; make an empty one (createdb), name it in "
            "DATABASE_URL, and the one before it with --replay"
        )
    copies_postgresql.fill(db.url, copy)
    with db.transaction() as session:
        session.execute(text("INSERT INTO alembic_version (version_num) VALUES (:it)"), {"it": version})
        if version == newest():
            row = _hold(session, runtime, copied_at=copied_at, now=now)
    if row is None:
        upgrade(db.engine)
        with db.transaction() as session:
            row = _hold(session, runtime, copied_at=copied_at, now=now)
    replayed = _replay(runtime, db, row.copied_at, replay_from=replay_from, now=now)
    return Restored(row.copied_at, row.issues_held, row.mails_left, replayed, None)


def _hold(session: Session, runtime: Runtime, *, copied_at: datetime, now: datetime) -> Restoration:
    """Have everything of the copy stand still, known by its own mark or by a fresh one."""
    _require_same_key(session, runtime)
    row = restorations.in_force(session)
    if row is None or row.restored_at is not None:  # made from a database that was itself a held copy
        row = restorations.mark(session, copied_at=copied_at)
    restoring.stand_still(session, row, before=now, now=now)
    audit.record(session, OPERATOR, "database.restored", now=now, subject="database", detail=_day(row))
    return row


def _require_same_key(session: Session, runtime: Runtime) -> None:
    """With another key every suppression would be worth nothing, and who left would get mail again."""
    reader = session.scalar(select(Subscriber).limit(1))
    if reader is not None and runtime.digester.address(reader.email_key) != reader.address_hash:
        raise CopyFailed(
            "this copy was made with another ADDRESS_HASH_KEY; put that one back first "
            "(DATA_DIR/address_hash_key)"
        )


def _replay(
    runtime: Runtime, new: Database, copied_at: datetime, *, replay_from: str | None, now: datetime
) -> Replayed | None:
    """Take out again who left since; None where there is no database to ask, or it cannot be read."""
    if replay_from is None:
        return None
    since = copied_at - CLOCKS_DIFFER
    try:
        with _opened(replay_from) as old:
            if is_behind(old.engine):
                return None
            with old.reading() as before, new.transaction() as after:
                return replay(before, after, since=since, means=runtime, now=now)
    except SQLAlchemyError:
        return None


@contextmanager
def _opened(url: str) -> Iterator[Database]:
    db = Database(url)
    try:
        yield db
    finally:
        db.close()


def _day(row: Restoration) -> str:
    return f"a copy of {row.copied_at:%Y-%m-%d %H:%M} UTC"
