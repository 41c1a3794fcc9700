"""The task that takes what readers posted: sign-ups, the mail once more, the way to one's preferences.

Before it does, DNS is asked about domains that nobody knows yet: outside of any transaction, all questions of
a round under one deadline. Forms for known domains do not wait for them.
"""

import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from sqlalchemy.exc import DataError, DBAPIError, IntegrityError
from sqlalchemy.orm import Session

from newsletters.kernel.addresses import InvalidAddress, parse_address
from newsletters.mail.domains.dns import Dns
from newsletters.mail.sending import never
from newsletters.runtime import Runtime
from newsletters.subscribers import domains, intake
from newsletters.subscribers.models import PostedForm
from newsletters.subscribers.taking import take

LOOKED_THROUGH = 50
ASKED_AT_ONCE = 8
DNS_SECONDS = 3.0
AT_ONCE = 10  # forms to a transaction: one flush to disk for all, yet a reader who posts need not wait for it

log = logging.getLogger(__name__)


def ask_dns(domain: str) -> bool | None:
    """Whether anybody takes mail for ``domain``; None where there was no answer in time."""
    return domains.takes_mail(Dns(round_seconds=DNS_SECONDS), domain)


def take_forms(
    runtime: Runtime, *, should_stop: Callable[[], bool] = never, ask: Callable[[str], bool | None] = ask_dns
) -> None:
    """Take every posted form that is due; then the mails they asked for can leave."""
    has_taken = False
    while not should_stop() and _take_some(runtime, ask):
        has_taken = True
    if has_taken:
        runtime.engine.nudge("send_outbox")


def _take_some(runtime: Runtime, ask: Callable[[str], bool | None]) -> bool:
    now = runtime.clock.now()
    with runtime.db.reading() as session:  # nobody has to wait for a look
        due_at = intake.next_due_at(session)
    if due_at is None or due_at > now:
        return False
    with runtime.db.transaction() as session:
        waiting = intake.due(session, now=now, limit=LOOKED_THROUGH)
        unknown = set(domains.unknown(session, {_domain(posted) for posted in waiting}, now=now))
        ready = [posted for posted in waiting if _domain(posted) not in unknown][:AT_ONCE]
        # By address: two workers that meet on the same readers wait for each other in one order.
        for posted in sorted(ready, key=lambda form: str(form.said.get("email", "")).casefold()):
            _take(session, posted, runtime)
    if not ready and unknown:
        _ask_about(runtime, sorted(unknown)[:ASKED_AT_ONCE], ask)
    return bool(waiting)


def _ask_about(runtime: Runtime, unknown: list[str], ask: Callable[[str], bool | None]) -> None:
    with ThreadPoolExecutor(ASKED_AT_ONCE, thread_name_prefix="dns") as asking:
        found = dict(zip(unknown, asking.map(ask, unknown), strict=True))
    with runtime.db.transaction() as session:
        domains.remember(session, found, now=runtime.clock.now())


def _domain(posted: PostedForm) -> str:
    try:
        return parse_address(str(posted.said.get("email", ""))).domain
    except InvalidAddress:
        return ""  # what cannot be taken is found out when it is tried


def _take(session: Session, posted: PostedForm, runtime: Runtime) -> None:
    """One form that cannot be taken holds up no other; where the database is in trouble, all of them wait."""
    number, now = posted.id, runtime.clock.now()
    try:
        with session.begin_nested():
            take(session, posted, means=runtime, now=now)
    except Exception as error:
        if isinstance(error, DBAPIError) and not isinstance(error, DataError | IntegrityError):
            raise
        log.exception("posted form %d could not be taken", number)
        intake.put_off(session, posted, now=now)
