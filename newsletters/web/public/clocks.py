"""Moments for a reader's own pages: by the clocks of what they read, and with how far those are from UTC.

A receipt is evidence, so its moment must not depend on who reads it where: the offset stands beside it.
"""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Self
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from newsletters.subscribers import lookups
from newsletters.subscribers.models import Subscriber

HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Clocks:
    """The clocks of one place; ``place`` is its name in the time zone database."""

    place: str

    @classmethod
    def of(cls, session: Session, reader: Subscriber) -> Self:
        """Those of most newsletters the reader ever asked for; UTC where there is none."""
        asked = lookups.by_newsletter(lookups.subscriptions(session, reader.id))
        places = Counter(newsletter.timezone for newsletter in lookups.newsletters(session, asked))
        return cls(max(places, key=places.__getitem__, default="UTC"))

    def read(self, said: str | datetime) -> datetime:
        """A moment of the data, by these clocks."""
        moment = datetime.fromisoformat(said) if isinstance(said, str) else said
        return moment.astimezone(ZoneInfo(self.place))

    def offset(self, said: str | datetime) -> str:
        """How far the clocks are from UTC then: "UTC", "UTC+2", "UTC−3:30"."""
        away = self.read(said).utcoffset() or timedelta()
        hours, rest = divmod(abs(away), HOUR)
        minutes = f":{rest.seconds // 60:02d}" if rest else ""
        return f"UTC{'+' if away > timedelta() else '−'}{hours}{minutes}" if away else "UTC"
