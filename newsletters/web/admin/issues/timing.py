"""When an issue is to go out, read from a form on the newsletter's own clocks."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from flask_babel import format_date, format_datetime
from sqlalchemy.orm import Session

from newsletters.publishing.issue_queries import last_sent
from newsletters.publishing.models import Issue, Newsletter
from newsletters.publishing.schedule import NoSuchTime, TwiceThatDay, Wanted, moment, next_at
from newsletters.web.tongue import _

FURTHEST: Final = timedelta(days=400)
MORNING: Final = time(9)


@dataclass(frozen=True, slots=True)
class Timing:
    """What was asked for. ``send_at`` is None where it cannot be done; ``problem`` says why."""

    is_now: bool
    send_at: datetime | None = None
    on: str = ""
    at: str = ""
    second: str = ""
    problem: str = ""
    twice: tuple[datetime, datetime] | None = None


def read_timing(values: Mapping[str, str], zone: ZoneInfo, *, now: datetime) -> Timing:
    """Read ``when`` (now or later), ``on``, ``at`` and, where a time comes twice, ``second``."""
    if values.get("when", "now") != "later":
        return Timing(is_now=True, send_at=now)
    on, at, second = (values.get(name, "") for name in ("on", "at", "second"))
    asked = Timing(is_now=False, on=on, at=at, second=second)
    try:
        chosen = {"0": False, "1": True}.get(asked.second)
        send_at = moment(Wanted(date.fromisoformat(asked.on), time.fromisoformat(asked.at), chosen), zone)
    except NoSuchTime as skipped:
        return replace(asked, problem=_skipped(skipped, asked.at))
    except TwiceThatDay as twice:
        return replace(asked, problem=_twice(), twice=(twice.first, twice.second))
    except (ValueError, OverflowError):
        return replace(asked, problem=_("Please give a date and a time."))
    if not now < send_at <= now + FURTHEST:
        return replace(asked, problem=_("This time has passed already, or it is more than a year away."))
    return replace(asked, send_at=send_at)


def suggested(session: Session, issue: Issue, newsletter: Newsletter, *, now: datetime) -> datetime:
    """The time already set, else the next time of day at which the last issue went out."""
    if issue.send_at is not None and issue.send_at > now:
        return issue.send_at.astimezone(newsletter.zone)
    earlier = last_sent(session, newsletter_id=newsletter.id, most=1)
    began_at = earlier[0].issue.send_at or earlier[0].issue.started_at if earlier else None
    at = began_at.astimezone(newsletter.zone).time().replace(second=0, microsecond=0) if began_at else MORNING
    return next_at(at, newsletter.zone, now=now)


def _skipped(skipped: NoSuchTime, at: str) -> str:
    return _(
        "On %(day)s the clocks go forward and there is no %(at)s. "
        "The nearest times are %(before)s and %(after)s.",
        day=format_date(skipped.before, "d MMMM y", rebase=False),
        at=at,
        before=format_datetime(skipped.before, "HH:mm", rebase=False),
        after=format_datetime(skipped.after, "HH:mm", rebase=False),
    )


def _twice() -> str:
    return _("The clocks go back that night and show this time twice. Please say which of the two you mean.")
