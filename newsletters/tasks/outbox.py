"""The task that sends single mails: confirmations, ways in, invitations, test sends."""

from collections.abc import Callable
from functools import lru_cache

from sqlalchemy.orm import Session

from newsletters.bounces.classify import classify
from newsletters.bounces.event import EventKind
from newsletters.bounces.processing import record_event, refusal
from newsletters.mail.models import OutboxMail
from newsletters.mail.office import Office
from newsletters.mail.replies import Reply
from newsletters.mail.sending import OutboxSender, never
from newsletters.mail.verp import MailBounce
from newsletters.runtime import Runtime
from newsletters.subscribers.confirm import note_mailed
from newsletters.subscribers.mails import ASKING


def send_outbox(runtime: Runtime, *, should_stop: Callable[[], bool] = never) -> None:
    """Send every mail that is due."""
    office = _office(runtime)
    with office.connection() as connection:
        OutboxSender(
            db=runtime.db,
            clock=runtime.clock,
            office=office,
            connection=connection,
            on_refused=lambda session, mail, reply: _refused(session, mail, reply, runtime=runtime),
            on_accepted=lambda session, mail: _accepted(session, mail, runtime=runtime),
        ).run(should_stop=should_stop)


@lru_cache(maxsize=1)
def _office(runtime: Runtime) -> Office:
    return Office.from_config(runtime.config, runtime.signer)


def _accepted(session: Session, mail: OutboxMail, *, runtime: Runtime) -> None:
    """A confirmation mail is on its way: so far these sign-ups have come."""
    if mail.kind in ASKING and mail.subscriber_id is not None:
        note_mailed(session, mail.subscriber_id, now=runtime.clock.now())


def _refused(session: Session, mail: OutboxMail, reply: Reply, *, runtime: Runtime) -> None:
    """A dead address is dead for single mails too; a mail to an editor condemns nobody."""
    if mail.subscriber_id is None:
        return
    now = runtime.clock.now()
    kind = EventKind(classify(reply.code, reply.enhanced, reply.text).value)
    record_event(session, refusal(MailBounce(mail.id), kind, str(reply), now=now), now=now)
