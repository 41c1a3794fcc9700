"""The tasks that send single mails: what somebody waits for, and beside it what can wait.

Confirmations, ways in, invitations and test sends leave at once. Digests and reminders come in crowds, at an
hour: they go over a connection of their own, one at a time in each worker, and keep to the rates of issues.

Where the settings say so, single mails leave by servers and under keys of their own, so that what readers of
issues complain about does not keep a confirmation out (https://senders.yahooinc.com/best-practices). What a
newsletter sends in its own name goes the way of issues: digests, and test sends.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Final

from sqlalchemy import ColumnElement, and_, not_
from sqlalchemy.orm import Session

from newsletters.bounces.classify import classify
from newsletters.bounces.event import EventKind
from newsletters.bounces.processing import record_event, refusal
from newsletters.delivery import digests
from newsletters.delivery.digests import DIGEST
from newsletters.delivery.singles import Singles
from newsletters.mail.models import OutboxMail
from newsletters.mail.office import Office
from newsletters.mail.outbox import ANY, COMPOSED
from newsletters.mail.replies import Reply
from newsletters.mail.route import Route
from newsletters.mail.sending import OutboxSender, never
from newsletters.mail.verp import MailBounce
from newsletters.runtime import Runtime
from newsletters.subscribers import reminders
from newsletters.subscribers.confirm import note_mailed
from newsletters.subscribers.mails import ASKING, REMINDER
from newsletters.tasks.flow import rulebook

CAN_WAIT: Final = OutboxMail.kind.in_((DIGEST, REMINDER))
URGENT: Final = not_(CAN_WAIT)
IN_A_NEWSLETTERS_NAME: Final = OutboxMail.kind.in_((DIGEST, COMPOSED))


def send_outbox(runtime: Runtime, *, should_stop: Callable[[], bool] = never) -> None:
    """Send every mail that is due and that somebody waits for."""
    for office, kinds in _streams(runtime):
        with office.connection() as connection:
            sender = _sender(runtime, office, connection, waits=False)
            replace(sender, which=and_(URGENT, kinds)).run(should_stop=should_stop)


def send_unhurried(runtime: Runtime, *, should_stop: Callable[[], bool] = never) -> None:
    """Send the digests and reminders that are due, as fast as the rates allow."""
    for office, kinds in _streams(runtime):
        with office.connection() as connection:
            sender = _sender(runtime, office, connection, waits=True)
            which = and_(CAN_WAIT, kinds)
            replace(sender, which=which, is_wanted=_is_wanted).run(should_stop=should_stop)


def _streams(runtime: Runtime) -> Sequence[tuple[Office, ColumnElement[bool]]]:
    """By which way which mails leave; confirmations first."""
    if not runtime.config.has_two_streams:
        return [(_office(runtime), ANY)]
    return [(_single_office(runtime), not_(IN_A_NEWSLETTERS_NAME)), (_office(runtime), IN_A_NEWSLETTERS_NAME)]


def _sender(runtime: Runtime, office: Office, connection: Route, *, waits: bool) -> OutboxSender:
    return OutboxSender(
        db=runtime.db,
        clock=runtime.clock,
        office=office,
        connection=connection,
        on_refused=lambda session, mail, reply: _refused(session, mail, reply, runtime=runtime),
        on_accepted=lambda session, mail: _accepted(session, mail, runtime=runtime),
        gate=Singles(db=runtime.db, servers=office.servers, rulebook=rulebook(runtime.config), waits=waits),
    )


@lru_cache(maxsize=1)
def _office(runtime: Runtime) -> Office:
    return Office.from_config(runtime.config, runtime.signer)


@lru_cache(maxsize=1)
def _single_office(runtime: Runtime) -> Office:
    return Office.of_single_mails(runtime.config, runtime.signer)


def _is_wanted(session: Session, mail: OutboxMail) -> bool:
    """Hours may have passed since it was queued."""
    if mail.kind == DIGEST:
        return digests.is_wanted(session, mail)
    return mail.subscriber_id is not None and reminders.is_wanted(session, mail.subscriber_id)


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
