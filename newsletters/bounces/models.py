"""Bounces and complaints, each kept as it came back, and what is being decided about many of them at once."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import Index, String, UniqueConstraint, false, text, true
from sqlalchemy.orm import Mapped, mapped_column

from newsletters.kernel.columns import Base, BigId, UtcDateTime, big_pk, choice


class BounceKind(StrEnum):
    """What came back about a mail: hard says the address is dead, soft may pass, policy is about us.

    Temporary is a server that still tries; a notice says that the mail arrived somewhere, or that its reader
    is away, and nothing follows from it.
    """

    HARD = "hard"
    SOFT = "soft"
    POLICY = "policy"
    TEMPORARY = "temporary"
    NOTICE = "notice"


def _rare(name: str, flag: str, value: str) -> Index:
    """An index of the few rows whose flag stands so: the others never wait for anything."""
    sqlite = text(f"{flag} IS {1 if value == 'true' else 0}")  # as SQLAlchemy writes it, so that it is used
    return Index(name, "id", sqlite_where=sqlite, postgresql_where=text(f"{flag} IS {value}"))


class Bounce(Base):
    """What one mail to one subscriber brought back.

    ``event_key`` makes a repeated report the same report. ``domain`` is the address's, so that a provider
    out of order can be told from dead addresses. Two things may still be owed: to weigh what follows for
    the reader, and to tell the delivery, whose own outcome may not be written yet when its bounce
    arrives.
    """

    __tablename__ = "bounces"
    __table_args__ = (
        Index(None, "subscriber_id", "at"),
        Index(None, "domain", "at"),
        _rare("ix_bounces_unweighed", "is_weighed", "false"),
        _rare("ix_bounces_owing", "owes_delivery", "true"),
    )

    id: Mapped[big_pk]
    subscriber_id: Mapped[int] = mapped_column(BigId)
    issue_id: Mapped[int | None] = mapped_column(BigId, index=True)
    kind: Mapped[BounceKind] = mapped_column(choice(BounceKind, "kind"))
    reply: Mapped[str] = mapped_column(String(500), default="")
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    source: Mapped[str] = mapped_column(String(20), default="smtp", server_default="smtp")
    event_key: Mapped[str | None] = mapped_column(String(64), unique=True)
    domain: Mapped[str] = mapped_column(String(255), default="", server_default="")
    is_weighed: Mapped[bool] = mapped_column(default=True, server_default=true())
    owes_delivery: Mapped[bool] = mapped_column(default=False, server_default=false())


class Complaint(Base):
    """A reader told their provider that our mail is spam."""

    __tablename__ = "complaints"

    id: Mapped[big_pk]
    subscriber_id: Mapped[int] = mapped_column(BigId, index=True)
    issue_id: Mapped[int | None] = mapped_column(BigId, index=True)
    source: Mapped[str] = mapped_column(String(60), default="")
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    event_key: Mapped[str | None] = mapped_column(String(64), unique=True)
    domain: Mapped[str] = mapped_column(String(255), default="", server_default="")


class SpikeVerdict(StrEnum):
    """What became of an hour with many dead addresses at one domain; until then their suppressions are
    held.
    """

    ORDINARY = "ordinary"  # few of all that was sent there: each address is dead
    FORGIVEN = "forgiven"  # the provider was out of order: no address is dead
    CONDEMNED = "condemned"  # an editor says that they are dead indeed


class BounceSpike(Base):
    """One hour at one domain in which more addresses came back dead than it takes to look twice."""

    __tablename__ = "bounce_spikes"
    __table_args__ = (UniqueConstraint("domain", "hour"),)

    id: Mapped[big_pk]
    domain: Mapped[str] = mapped_column(String(255))
    hour: Mapped[datetime] = mapped_column(UtcDateTime)
    hard: Mapped[int] = mapped_column(default=0)
    sent: Mapped[int] = mapped_column(default=0)
    opened_at: Mapped[datetime] = mapped_column(UtcDateTime)
    judged_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    verdict: Mapped[SpikeVerdict | None] = mapped_column(choice(SpikeVerdict, "verdict"))
    closed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    closed_by_id: Mapped[int | None] = mapped_column(BigId)


class Measure(StrEnum):
    """What is watched while an issue goes out and after."""

    COMPLAINTS = "complaints"
    HARD_BOUNCES = "hard_bounces"


class Level(StrEnum):
    """How bad a share is."""

    ALERT = "alert"
    PAUSE = "pause"


class RateAlert(Base):
    """A share of an issue's readers passed a limit: at one provider, or (``provider`` empty) over all."""

    __tablename__ = "rate_alerts"
    __table_args__ = (UniqueConstraint("issue_id", "measure", "provider", "level"),)

    id: Mapped[big_pk]
    issue_id: Mapped[int] = mapped_column(BigId)
    measure: Mapped[Measure] = mapped_column(choice(Measure, "measure"))
    provider: Mapped[str] = mapped_column(String(255), default="")
    level: Mapped[Level] = mapped_column(choice(Level, "level"))
    events: Mapped[int]
    accepted: Mapped[int]
    at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
