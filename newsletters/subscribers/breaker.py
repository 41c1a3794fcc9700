"""The breaker of the sign-up forms, as operators see it: that it has tripped, and that all is quiet again.

The policy at the door (guard.py) works by its counts alone, with or without this. Here is written that a
crowd is at the forms, so that Today can say so and each owner gets one mail when it begins and one when
nobody has had to be held up for half an hour. A crowd that comes and goes is one crowd.
"""

from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from newsletters.accounts.models import Role
from newsletters.accounts.queries import active_editors
from newsletters.kernel.db import insert_into
from newsletters.kernel.i18n import supported
from newsletters.mail.outbox import QueuedMail, queue
from newsletters.publishing.archive import listed_newsletters
from newsletters.subscribers.form_models import TrippedBreaker

QUIET: Final = timedelta(minutes=30)
MAIL_KIND: Final = "signup_alert"
FORMS: Final = "sign-up forms"


def trip(session: Session, *, bound: int, now: datetime) -> bool:
    """Note that the breaker holds posts up; where that is news, tell the owners and say True.

    ``bound`` is how many posts a minute it lets in freely.
    """
    noted = insert_into(session, TrippedBreaker).values(name=FORMS, since=now, last_at=now)
    noted = noted.on_conflict_do_nothing(index_elements=["name"])
    if session.execute(noted.returning(TrippedBreaker.name)).scalar() is None:
        session.execute(update(TrippedBreaker).values(last_at=now))
        return False
    _tell(session, is_over=False, bound=bound, now=now)
    return True


def is_tripped(session: Session) -> bool:
    """Whether there is a crowd at the forms, or was one a moment ago."""
    return session.get(TrippedBreaker, FORMS) is not None


def close_if_quiet(session: Session, *, now: datetime) -> bool:
    """Forget a crowd that has gone and tell the owners; say whether there was one."""
    quiet = select(TrippedBreaker).where(TrippedBreaker.name == FORMS, TrippedBreaker.last_at <= now - QUIET)
    row = session.scalar(quiet.with_for_update())
    if row is None:
        return False
    minutes = max(1, round((row.last_at - row.since) / timedelta(minutes=1)))
    _tell(session, is_over=True, minutes=minutes, now=now)
    session.delete(row)
    return True


def _tell(session: Session, *, is_over: bool, bound: int = 0, minutes: int = 0, now: datetime) -> None:
    """One mail to each owner, in the language of the first newsletter; editors read it on Today."""
    said = {"is_over": is_over, "bound": bound, "minutes": minutes}
    language = supported(next((each.language for each in listed_newsletters(session)), None))
    for editor in active_editors(session):
        if editor.role is Role.OWNER:
            queue(session, QueuedMail(MAIL_KIND, editor.email, language, said), now=now)
