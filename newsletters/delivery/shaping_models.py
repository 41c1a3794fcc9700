"""What all workers share of the flow: buckets, states of servers, rests, counts, who serves a domain.

None of it is needed for the books: were these tables emptied, the flow would learn everything anew.
"""

from datetime import date, datetime

from sqlalchemy import BigInteger, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from newsletters.kernel.columns import Base, UtcDateTime


class Bucket(Base):
    """How far one rate, one day's allowance or one line of waiting letters is used up.

    ``full_at`` is in nanoseconds since 1970 (throttle.py); ``used`` counts what was sent on ``used_on``.
    """

    __tablename__ = "shaping_buckets"
    __table_args__ = (Index(None, "touched_at"),)

    key: Mapped[str] = mapped_column(String(600), primary_key=True)
    full_at: Mapped[int] = mapped_column(BigInteger, default=0)
    used_on: Mapped[date | None]
    used: Mapped[int] = mapped_column(default=0)
    touched_at: Mapped[datetime] = mapped_column(UtcDateTime)


class MailServer(Base):
    """What is known of one mail server of ours; times are null where nothing ever happened."""

    __tablename__ = "mail_servers"

    name: Mapped[str] = mapped_column(String(300), primary_key=True)
    first_used_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    rests_since: Mapped[datetime | None] = mapped_column(UtcDateTime)
    rests_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    rest_seconds: Mapped[float] = mapped_column(default=0.0)
    slowed_to: Mapped[float | None]
    slowed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    crowd_most: Mapped[int | None]
    crowd_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    error: Mapped[str] = mapped_column(String(500), default="")
    error_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class ServerShare(Base):
    """One worker at one server: how many letters it has on the way there, while it is alive."""

    __tablename__ = "mail_server_shares"

    server: Mapped[str] = mapped_column(String(300), primary_key=True)
    worker: Mapped[str] = mapped_column(String(80), primary_key=True)
    under_way: Mapped[int] = mapped_column(default=0)
    seen_at: Mapped[datetime] = mapped_column(UtcDateTime)


class ProviderRest(Base):
    """A provider, or a domain that belongs to none, that takes no mail from one server for a while."""

    __tablename__ = "provider_rests"

    server: Mapped[str] = mapped_column(String(300), primary_key=True)
    provider: Mapped[str] = mapped_column(String(255), primary_key=True)
    since: Mapped[datetime] = mapped_column(UtcDateTime)
    until: Mapped[datetime] = mapped_column(UtcDateTime)
    rest_seconds: Mapped[float]
    why: Mapped[str] = mapped_column(String(500), default="")


class FlowMinute(Base):
    """How many letters ended in one minute at one server and provider, by how they ended.

    Domains that belong to no provider are counted together, under an empty name.
    """

    __tablename__ = "flow_minutes"
    __table_args__ = (Index(None, "minute"),)

    server: Mapped[str] = mapped_column(String(300), primary_key=True)
    provider: Mapped[str] = mapped_column(String(255), primary_key=True)
    minute: Mapped[datetime] = mapped_column(UtcDateTime, primary_key=True)
    accepted: Mapped[int] = mapped_column(default=0)
    put_off: Mapped[int] = mapped_column(default=0)
    refused: Mapped[int] = mapped_column(default=0)
    lost: Mapped[int] = mapped_column(default=0)


class DomainProvider(Base):
    """Which provider a domain's MX leads to; empty where it leads to none we know, or DNS was away."""

    __tablename__ = "domain_providers"
    __table_args__ = (Index(None, "expires_at"),)

    domain: Mapped[str] = mapped_column(String(255), primary_key=True)
    provider: Mapped[str] = mapped_column(String(60), default="")
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)
