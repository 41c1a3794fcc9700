"""The periodic table: housekeeping that nobody asks for, each at its own interval.

Every worker looks at it, and each entry runs once in its interval, whoever runs it (kernel/turns.py): by the
database's clock, whose jumps neither skip an entry nor repeat it all the time. Every entry is idempotent:
where a worker froze in one, another begins it anew.
"""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from newsletters.bounces import processing as bounces
from newsletters.bounces.providers.replay import forget_heard
from newsletters.delivery import batches, digests, retention
from newsletters.delivery import erasure as deliveries
from newsletters.kernel import turns
from newsletters.kernel.identity import worker_name
from newsletters.mail import outbox
from newsletters.publishing.signatures import sign_missing
from newsletters.runtime import Runtime
from newsletters.subscribers import breaker, pauses, reminders, rhythms
from newsletters.subscribers.erasure import finish_erasure, unfinished_erasures
from newsletters.subscribers.purge import purge
from newsletters.subscribers.standing_counts import count_anew
from newsletters.tasks.domains import want_looks
from newsletters.tasks.flow import forget_old_flow, want_domains
from newsletters.tasks.returned import forget_quarantined, judge_spikes, tell_deliveries, watch_rates

LOOK_SECONDS = 5.0
FORGETTING_SECONDS = 0.5  # of every minute: some ten million deliveries an hour
OUTBOX_KEPT = timedelta(days=30)  # long enough to answer "did you ever mail me?"

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Entry:
    """A piece of housekeeping, known in the database by its function's name."""

    every_seconds: float
    run: Callable[[Runtime], None]

    @property
    def name(self) -> str:
        return self.run.__name__

    @property
    def every(self) -> timedelta:
        return timedelta(seconds=self.every_seconds)


def purge_subscribers(runtime: Runtime) -> None:
    """Unconfirmed sign-ups, old requests, rate windows, and pauses that have ended."""
    with runtime.db.transaction() as session:
        purge(session, now=runtime.clock.now())


def remind_unconfirmed(runtime: Runtime) -> None:
    """One reminder to those who asked yesterday and have not confirmed."""
    after, reminded = timedelta(hours=runtime.config.remind_after_hours), 0
    while after:
        with runtime.db.transaction() as session:
            done = reminders.remind_some(session, after=after, means=runtime, now=runtime.clock.now())
        reminded += done.reminded
        if not done.has_more:
            break
    if reminded:
        runtime.engine.nudge("send_unhurried")


def end_pauses(runtime: Runtime) -> None:
    """Pauses whose day has come, a few at a time: many end at one midnight."""
    ended = pauses.AT_ONCE
    while ended == pauses.AT_ONCE:
        with runtime.db.transaction() as session:
            ended = pauses.end_some(session, now=runtime.clock.now())


def plan_digests(runtime: Runtime) -> None:
    """Who is owed a digest by the clocks of a newsletter's zone."""
    now = runtime.clock.now()
    with runtime.db.reading() as session:
        newsletters = rhythms.with_digests(session)
    for newsletter_id in newsletters:
        has_more = True
        while has_more:
            with runtime.db.transaction() as session:
                has_more = rhythms.plan_some(session, newsletter_id, now=now)


def make_digests(runtime: Runtime) -> None:
    """What readers are owed who were away or read in digests, as far as the outbox has room."""
    queued, has_more = 0, True
    while has_more:
        with runtime.db.transaction() as session:
            done = digests.make_some(session, means=runtime, now=runtime.clock.now())
        queued, has_more = queued + done.queued, done.has_more
    if queued:
        runtime.engine.nudge("send_unhurried")


def forget_settled_mail(runtime: Runtime) -> None:
    """Single mails that were settled long ago."""
    with runtime.db.transaction() as session:
        outbox.forget_settled(session, before=runtime.clock.now() - OUTBOX_KEPT)


def close_breaker(runtime: Runtime) -> None:
    """A crowd at the sign-up forms that has gone: the owners are told."""
    with runtime.db.transaction() as session:
        is_over = breaker.close_if_quiet(session, now=runtime.clock.now())
    if is_over:
        log.warning("the sign-up forms are quiet again")
        runtime.engine.nudge("send_outbox")


def finish_erasures(runtime: Runtime) -> None:
    """What other slices still hold of readers who were erased."""
    with runtime.db.transaction() as session:
        now = runtime.clock.now()
        erased = unfinished_erasures(session)
        for subscriber_id in erased:
            deliveries.forget_reader(session, subscriber_id, now=now)
            bounces.forget_reader(session, subscriber_id)
            finish_erasure(session, subscriber_id)
    if erased:
        runtime.db.forget_deleted()


def doubt_abandoned(runtime: Runtime) -> None:
    """What dead workers had begun of issues that are paused."""
    with runtime.db.transaction() as session:
        retries = runtime.config.in_doubt == "retry"
        batches.doubt_abandoned(session, retries_doubt=retries, now=runtime.clock.now())


def count_standings(runtime: Runtime) -> None:
    """How many readers stand where: too much to count while somebody waits for a page."""
    with runtime.db.transaction(durable=False) as session:
        count_anew(session)


def forget_webhook_tokens(runtime: Runtime) -> None:
    """Requests of mail providers that are too old to be replayed."""
    with runtime.db.transaction() as session:
        forget_heard(session, now=runtime.clock.now())


def forget_deliveries(runtime: Runtime) -> None:
    """Who got the issues of long ago; for a short while at a time, since there may be millions."""
    kept, now = timedelta(days=runtime.config.deliveries_kept_days), runtime.clock.now()
    if not kept:
        return
    with runtime.db.transaction() as session:
        retention.mark_old(session, before=now - kept, now=now)
    ends_at, has_more = time.monotonic() + FORGETTING_SECONDS, True
    while has_more and time.monotonic() < ends_at:
        with runtime.db.transaction(durable=False) as session:
            has_more = retention.forget_some(session)


def sign_issues(runtime: Runtime) -> None:
    """Public issues that no key of ours has signed: sent before signing was, or before the secret changed."""
    with runtime.db.transaction() as session:
        sign_missing(session, notary=runtime, now=runtime.clock.now())


TABLE: tuple[Entry, ...] = (
    Entry(60, finish_erasures),
    Entry(60, want_looks),
    Entry(60, close_breaker),
    Entry(60, remind_unconfirmed),
    Entry(60, end_pauses),
    Entry(60, plan_digests),
    Entry(10, make_digests),
    Entry(60, want_domains),
    Entry(3600, forget_old_flow),
    Entry(3600, forget_webhook_tokens),
    Entry(20, doubt_abandoned),
    Entry(20, judge_spikes),
    Entry(20, tell_deliveries),
    Entry(60, watch_rates),
    Entry(600, forget_quarantined),
    Entry(60, forget_deliveries),
    Entry(60, sign_issues),
    Entry(300, purge_subscribers),
    Entry(120, count_standings),
    Entry(3600, forget_settled_mail),
)


class Timetable:
    """The table as one worker keeps it: it looks often, and runs what is due and nobody else has begun."""

    def __init__(
        self,
        runtime: Runtime,
        table: tuple[Entry, ...] = TABLE,
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._runtime = runtime
        self._monotonic = monotonic
        self._table = {entry.name: entry for entry in table}
        self._intervals = {entry.name: entry.every for entry in table}
        self._look_at = 0.0
        self._not_before = dict.fromkeys(self._table, 0.0)

    def run_due(self) -> None:
        """Run every entry whose turn it is. One that fails is tried again after its interval."""
        if self._monotonic() < self._look_at:
            return
        self._look_at = self._monotonic() + LOOK_SECONDS
        with self._runtime.db.reading() as session:
            due = turns.due(session, self._intervals, now=self._runtime.clock.now())
        for name in due:
            if self._not_before[name] <= self._monotonic():
                self._run(self._table[name])

    def _run(self, entry: Entry) -> None:
        with self._runtime.db.transaction() as session:
            now = self._runtime.clock.now()
            fence = turns.take(session, entry.name, every=entry.every, worker=worker_name(), now=now)
        if fence is None:
            return
        # Whatever clocks say, one process does not run an entry more often than this.
        self._not_before[entry.name] = self._monotonic() + entry.every_seconds - LOOK_SECONDS
        try:
            entry.run(self._runtime)
        except Exception:
            log.exception("housekeeping %s failed", entry.name)
        with self._runtime.db.transaction() as session:
            turns.end(session, entry.name, fence, now=self._runtime.clock.now())
