"""Whether this database was put back from a copy, and whether anybody has looked since.

A copy is born with a mark in it, so that it is known for one wherever it is put into place. Until an owner
releases it nothing that was planned before the copy may leave: what the copy does not know may have been sent
since, and whoever left since may still stand in it as a reader. Decides nothing itself: sending asks here.
"""

from datetime import datetime
from typing import Final, cast

from sqlalchemy import ColumnElement, String, exists, select, text
from sqlalchemy.orm import Mapped, Session, mapped_column

from newsletters.kernel.columns import Base, UtcDateTime, big_pk
from newsletters.kernel.errors import DomainError

GAP: Final = 1_000_000  # numbers left free: more than are given out between two copies


class SendingHeld(DomainError):
    """The database was put back from a copy, and no owner has released the sending yet."""


class Restoration(Base):
    """A copy of the database, put into place. What was held or left then is told by the numbers."""

    __tablename__ = "restorations"

    id: Mapped[big_pk]
    copied_at: Mapped[datetime] = mapped_column(UtcDateTime)
    restored_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    issues_held: Mapped[int] = mapped_column(default=0)
    mails_left: Mapped[int] = mapped_column(default=0)
    released_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    released_by: Mapped[str] = mapped_column(String(200), default="")


def mark(session: Session, *, copied_at: datetime) -> Restoration:
    """Say in a copy that it is one, of the moment ``copied_at``."""
    row = Restoration(copied_at=copied_at)
    session.add(row)
    session.flush()
    return row


def in_force(session: Session) -> Restoration | None:
    """The copy that holds up the sending, None where nothing does."""
    held = select(Restoration).where(Restoration.released_at.is_(None))
    return session.scalar(held.order_by(Restoration.id.desc()).limit(1))


def is_held() -> ColumnElement[bool]:
    """The same as a condition."""
    return exists().where(Restoration.released_at.is_(None))


def require_released(session: Session) -> None:
    """Raises SendingHeld while no owner has looked."""
    if session.scalar(select(is_held())):
        raise SendingHeld


def let_go(session: Session, *, by: str, now: datetime) -> Restoration | None:
    """End the hold; None where there is none."""
    held = select(Restoration).where(Restoration.released_at.is_(None)).with_for_update()
    rows = session.scalars(held.order_by(Restoration.id)).all()
    for row in rows:
        row.released_at, row.released_by = now, by[:200]
    return rows[-1] if rows else None


def leave_gap(session: Session) -> None:
    """Let numbers that were given out since the copy be no others': links in readers' mail name rows."""
    if session.get_bind().dialect.name != "sqlite":
        session.execute(
            text(
                "SELECT setval(format('%I.%I', schemaname, sequencename)::regclass,"
                " coalesce(last_value, 0) + :gap) FROM pg_sequences WHERE schemaname = current_schema()"
            ),
            {"gap": GAP},
        )
        return
    for table in Base.metadata.sorted_tables:
        if table.dialect_options["sqlite"]["autoincrement"]:
            _leave_gap_in_sqlite(session, table.name)


def _leave_gap_in_sqlite(session: Session, table: str) -> None:
    moved = session.execute(
        text("UPDATE sqlite_sequence SET seq = seq + :gap WHERE name = :name RETURNING seq"),
        {"gap": GAP, "name": table},
    )
    if cast("int | None", moved.scalar()) is None:  # nothing was ever numbered there
        session.execute(
            text("INSERT INTO sqlite_sequence (name, seq) VALUES (:name, :gap)"), {"gap": GAP, "name": table}
        )
