"""Work that would take long in one transaction, done in many short ones with a turn for others in between.

Writing down the readers of an issue that has started, closing what a cancelled issue left open, handing on
what readers were owed who are one with others by now. Each step finds in the rows where the last one stopped,
so it may end anywhere and go on in any process.
"""

import logging
import time
from collections.abc import Callable, Iterator

from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from newsletters.delivery import freeze, merged, reconcile
from newsletters.kernel.outage import is_beaten
from newsletters.runtime import Runtime
from newsletters.tasks.one_round import OneRound

LONGEST_GAP_SECONDS = 0.05

log = logging.getLogger(__name__)
Step = Callable[[Session], bool]  # True while there is more to do


class LongWork:
    """One thread of a process at a time."""

    def __init__(self, runtime: Runtime, *, should_stop: Callable[[], bool]) -> None:
        self.runtime = runtime
        self.should_stop = should_stop
        self._round = OneRound()

    def is_due(self) -> bool:
        """Whether there is any that this process is not about already."""
        return not self._round.is_on and next(self._jobs(), None) is not None

    def run(self) -> None:
        """Do what there is; what fails is tried again when it is next asked for."""
        self._round.run(self._do_all)

    def _do_all(self) -> None:
        for job in self._jobs():
            self._do(job)

    def _jobs(self) -> Iterator[Step]:
        now = self.runtime.clock.now()
        with self.runtime.db.reading() as session:
            unprepared = freeze.unprepared_issue_ids(session)
            cancelled = reconcile.cancelled_with_work(session, now=now)
            gone = merged.unsettled(session)
        for issue_id in unprepared:
            yield self._preparing(issue_id)
        for issue_id in cancelled:
            yield self._writing_off(issue_id)
        for subscriber_id in gone:
            yield self._settling(subscriber_id)

    def _preparing(self, issue_id: int) -> Step:
        size = self.runtime.config.batch_size
        return lambda session: freeze.go_on(session, issue_id, batch_size=size, now=self.runtime.clock.now())

    def _writing_off(self, issue_id: int) -> Step:
        return lambda session: reconcile.write_off(session, issue_id, now=self.runtime.clock.now())

    def _settling(self, subscriber_id: int) -> Step:
        def settle(session: Session) -> bool:
            merged.settle(session, subscriber_id, now=self.runtime.clock.now())
            return False  # what is on its way is looked at again with the next nudge

        return settle

    def _do(self, step: Step) -> None:
        is_unfinished = True
        while is_unfinished and not self.should_stop():
            started = time.monotonic()
            try:
                with self.runtime.db.transaction() as session:
                    is_unfinished = step(session)
            except DBAPIError as error:
                if is_beaten(error):
                    log.info("somebody else is about the same long work")
                else:
                    log.exception("long work was interrupted; it goes on later")
                return
            if is_unfinished and self.runtime.db.is_sqlite:
                time.sleep(min(time.monotonic() - started, LONGEST_GAP_SECONDS))  # others wait for its lock
