"""What a posted form sets off, once a worker takes it: the row goes, and what it asked for is done.

Row and effect share a transaction, so a form is taken once or not at all.
"""

from datetime import datetime
from typing import Final, Protocol

from sqlalchemy.orm import Session

from newsletters.subscribers import preferences, signup
from newsletters.subscribers.means import Means
from newsletters.subscribers.models import FormKind, PostedForm


class Taker(Protocol):
    """A use case that a posted form leads to."""

    def __call__(self, session: Session, posted: PostedForm, *, means: Means, now: datetime) -> None: ...


TAKERS: Final[dict[FormKind, Taker]] = {
    FormKind.SIGN_UP: signup.take,
    FormKind.AGAIN: signup.mail_again,
    FormKind.WAY_IN: preferences.mail_way_in,
}


def take(session: Session, posted: PostedForm, *, means: Means, now: datetime) -> None:
    """Do what ``posted`` asks for and forget it."""
    TAKERS[posted.kind](session, posted, means=means, now=now)
    session.delete(posted)
    session.flush()
