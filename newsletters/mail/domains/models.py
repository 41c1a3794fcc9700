"""What was found out about a sending domain, and when somebody wanted to know."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, String
from sqlalchemy.orm import Mapped, mapped_column

from newsletters.kernel.columns import Base, UtcDateTime, choice
from newsletters.mail.domains.findings import Level


class DomainCheck(Base):
    """The last look at one sender: the domain of From, and the domain that answers go to."""

    __tablename__ = "domain_checks"

    from_domain: Mapped[str] = mapped_column(String(255), primary_key=True)
    reply_domain: Mapped[str] = mapped_column(String(255), primary_key=True)
    level: Mapped[Level | None] = mapped_column(choice(Level, "level"))
    findings: Mapped[list[dict[str, Any]]] = mapped_column(JSON, default=list)
    checked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    asked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    @property
    def is_waiting(self) -> bool:
        """Whether somebody asked for a fresh look that has not been taken yet."""
        return self.checked_at is None or (self.asked_at is not None and self.asked_at >= self.checked_at)
