"""The task that looks at sending domains: each sender whose look is old, missing or asked for."""

import logging
from collections.abc import Callable

from sqlalchemy.orm import Session

from newsletters.mail.domains import checks
from newsletters.mail.domains.checks import Pair
from newsletters.mail.domains.dns import Dns
from newsletters.mail.domains.health import findings
from newsletters.mail.domains.sending import Sending, pair_of, sending_of
from newsletters.mail.office import Office
from newsletters.publishing.newsletters import all_newsletters
from newsletters.runtime import Runtime
from newsletters.tasks.one_round import OneRound

log = logging.getLogger(__name__)


def senders(session: Session, *, mail_from: str) -> set[Pair]:
    """Every sender of ours: each newsletter's, and the one of mail that belongs to none."""
    listed = [one for one in all_newsletters(session) if not one.is_retired]
    return {pair_of(one.sender_email, one.reply_to) for one in listed} | {pair_of(mail_from, "")}


class DomainLooks:
    """One round at a time in a process. ``dns`` makes the questions of one sender, with their deadline."""

    def __init__(self, runtime: Runtime, *, dns: Callable[[], Dns] = Dns) -> None:
        self.runtime = runtime
        self._dns = dns
        self._round = OneRound()

    def run(self) -> None:
        """Look at whatever is due; does nothing where this process is looking already."""
        self._round.run(self._look)

    def _look(self) -> None:
        for sending in due_senders(self.runtime):
            began_at = self.runtime.clock.now()
            found = findings(sending, self._dns(), now=began_at)
            with self.runtime.db.transaction() as session:
                checks.keep(session, sending.pair, found, now=began_at)
            log.info("looked at a sending domain: %d findings", len(found))


def due_senders(runtime: Runtime) -> list[Sending]:
    """Senders that want a look now; none where mail only goes to the sink or comes from nobody's domain."""
    with runtime.db.reading() as session:
        pairs = senders(session, mail_from=runtime.config.mail_from)
        waiting = checks.due(session, pairs, now=runtime.clock.now())
    if not waiting:
        return []
    office = Office.from_config(runtime.config, runtime.signer)
    single = Office.of_single_mails(runtime.config, runtime.signer)
    found = [sending_of(pair, office=office, single=single, config=runtime.config) for pair in waiting]
    return [sending for sending in found if not sending.is_rehearsal]


def want_looks(runtime: Runtime) -> None:
    """Have a worker look at the senders that want it; forget those that are no longer ours."""
    with runtime.db.transaction() as session:
        checks.forget_old(session, now=runtime.clock.now())
    if due_senders(runtime):
        runtime.engine.nudge("look_at_domains")
