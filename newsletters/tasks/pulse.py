"""The pulse: looks every second at what the rows say is due, and nudges or does it.

Every step stands alone and is conditional on the rows, so that several workers may beat at once and a step
that fails holds up no other. What a dead worker left is found here again.
"""

import logging
from collections.abc import Callable, Iterable

from sqlalchemy.orm import Session

from newsletters.delivery import absence, batches, freeze, reconcile, servers_books
from newsletters.kernel.identity import is_known_dead
from newsletters.kernel.outage import is_beaten
from newsletters.mail import outbox
from newsletters.publishing.lifecycle import WrongState
from newsletters.publishing.signatures import sign_issue
from newsletters.runtime import Runtime
from newsletters.runtime.presence import Presence
from newsletters.subscribers import intake
from newsletters.tasks.deliver import Deliveries
from newsletters.tasks.long_work import LongWork
from newsletters.tasks.outbox import CAN_WAIT, URGENT
from newsletters.tasks.periodic import Timetable

MOST_WAITING_NUDGES = 50  # more would only say the same again

log = logging.getLogger(__name__)


class Pulse:
    """What happens every second."""

    def __init__(self, runtime: Runtime, deliveries: Deliveries, long_work: LongWork) -> None:
        self.runtime = runtime
        self.deliveries = deliveries
        self.long_work = long_work
        self.timetable = Timetable(runtime)
        self.presence = Presence(runtime)
        self.steps: tuple[Callable[[], None], ...] = (
            self.nudge_forms,
            self.nudge_outbox,
            self.start_due_issues,
            self.nudge_long_work,
            self.probe_server,
            self.release_the_dead,
            self.finish_issues,
            self.nudge_sender,
            self.timetable.run_due,
            self.presence.announce,
        )

    def beat(self) -> None:
        """Run every step."""
        for step in self.steps:
            try:
                step()
            except Exception:
                log.exception("the pulse's step %s failed", step.__name__)

    def nudge_forms(self) -> None:
        with self.runtime.db.reading() as session:
            due_at = intake.next_due_at(session)
        if due_at is not None and due_at <= self.runtime.clock.now():
            self._nudge("take_forms")

    def nudge_outbox(self) -> None:
        for task, which in (("send_outbox", URGENT), ("send_unhurried", CAN_WAIT)):
            with self.runtime.db.reading() as session:
                due_at = outbox.next_due_at(session, which)
            if due_at is not None and due_at <= self.runtime.clock.now():
                self._nudge(task)

    def start_due_issues(self) -> None:
        with self.runtime.db.reading() as session:
            due = freeze.due_issue_ids(session, now=self.runtime.clock.now())
        self._each(due, self._start)

    def _start(self, session: Session, issue_id: int) -> None:
        size, now = self.runtime.config.batch_size, self.runtime.clock.now()
        issue = freeze.start(session, issue_id, batch_size=size, now=now)
        sign_issue(session, issue, notary=self.runtime, now=now)
        log.info("issue %d is %s: %d of %d prepared", issue_id, issue.state, issue.prepared, issue.candidates)

    def nudge_long_work(self) -> None:
        if self.long_work.is_due():
            self._nudge("long_work")

    def probe_server(self) -> None:
        with self.runtime.db.reading() as session:
            is_due = bool(absence.issues_to_probe(session, now=self.runtime.clock.now()))
        if is_due:
            self._nudge("probe")

    def release_the_dead(self) -> None:
        now = self.runtime.clock.now()
        with self.runtime.db.reading() as session:
            dead = [name for name in batches.leasing_workers(session, now=now) if is_known_dead(name)]
        for name in dead:
            with self.runtime.db.transaction(durable=False) as session:
                batches.release_dead(session, worker=name, now=now)
                servers_books.leave(session, name)  # its part of the connections too

    def finish_issues(self) -> None:
        with self.runtime.db.reading() as session:
            without_work = reconcile.issues_without_work(session)
            balanced = [issue_id for issue_id in without_work if reconcile.balances(session, issue_id)]
        self._each(balanced, self._finish)
        self._each(set(without_work).difference(balanced), self._reopen)

    def _finish(self, session: Session, issue_id: int) -> None:
        reconcile.finish(session, issue_id, now=self.runtime.clock.now())
        log.info("issue %d is sent", issue_id)

    def _reopen(self, session: Session, issue_id: int) -> None:
        reconcile.reopen_left(session, issue_id, now=self.runtime.clock.now())

    def nudge_sender(self) -> None:
        with self.runtime.db.reading() as session:
            has_due = batches.has_due(session, now=self.runtime.clock.now())
        if has_due and not self.deliveries.wake():
            self._nudge("deliver")

    def _each(self, issue_ids: Iterable[int], act: Callable[[Session, int], None]) -> None:
        """Act on every issue in a transaction of its own: one that cannot be helped holds up no other."""
        for issue_id in issue_ids:
            try:
                with self.runtime.db.transaction() as session:
                    act(session, issue_id)
            except WrongState as error:
                log.info("issue %d: %s; somebody was faster", issue_id, error)
            except Exception as error:
                if is_beaten(error):
                    log.info("issue %d: somebody was faster", issue_id)
                else:
                    log.exception("issue %d: %s failed", issue_id, act.__name__)

    def _nudge(self, task: str) -> None:
        if self.runtime.engine.waiting() < MOST_WAITING_NUDGES:
            self.runtime.engine.nudge(task)
