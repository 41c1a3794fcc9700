"""The task that takes what readers posted: sign-ups, the mail once more, the way to one's preferences."""

import logging
from collections.abc import Callable

from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from newsletters.mail.sending import never
from newsletters.runtime import Runtime
from newsletters.subscribers import intake
from newsletters.subscribers.models import PostedForm
from newsletters.subscribers.taking import take

AT_ONCE = 10  # forms to a transaction: one flush to disk for all, yet a reader who posts need not wait for it

log = logging.getLogger(__name__)


def take_forms(runtime: Runtime, *, should_stop: Callable[[], bool] = never) -> None:
    """Take every posted form that is due; then the mails they asked for can leave."""
    has_taken = False
    while not should_stop() and _take_some(runtime):
        has_taken = True
    if has_taken:
        runtime.engine.nudge("send_outbox")


def _take_some(runtime: Runtime) -> int:
    now = runtime.clock.now()
    with runtime.db.transaction() as session:
        waiting = intake.due(session, now=now, limit=AT_ONCE)
        # By address: two workers that meet on the same readers wait for each other in one order.
        for posted in sorted(waiting, key=lambda form: str(form.said.get("email", "")).casefold()):
            _take(session, posted, runtime)
        return len(waiting)


def _take(session: Session, posted: PostedForm, runtime: Runtime) -> None:
    """One form that cannot be taken holds up no other."""
    number, now = posted.id, runtime.clock.now()
    try:
        with session.begin_nested():
            take(session, posted, means=runtime, now=now)
    except DBAPIError:
        raise
    except Exception:
        log.exception("posted form %d could not be taken", number)
        intake.put_off(session, posted, now=now)
