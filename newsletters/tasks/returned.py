"""Housekeeping of what comes back: holds are judged and end, shares are watched, late news is told.

What reads much reads outside of a transaction that writes; each writes little at a time.
"""

from datetime import timedelta

from newsletters.bounces import deliveries, quarantine, rates, spikes, weighing
from newsletters.delivery.shaping_reading import read_rules
from newsletters.runtime import Runtime

MOST_ROUNDS = 50  # of some hundred readers each


def judge_spikes(runtime: Runtime) -> None:
    """Count the share of dead addresses where many came back, end old holds, weigh whoever waits for it."""
    now = runtime.clock.now()
    with runtime.db.reading() as session:
        counted = {number: spikes.count(session, number) for number in spikes.unjudged(session, now=now)}
    for number, (hard, sent) in counted.items():
        with runtime.db.transaction() as session:
            spikes.judge(session, number, hard=hard, sent=sent, now=now)
    with runtime.db.transaction() as session:
        spikes.end_old_holds(session, now=now)
    for _ in range(MOST_ROUNDS):
        with runtime.db.transaction() as session:
            if not weighing.weigh_rest(session, now=now):
                return


def tell_deliveries(runtime: Runtime) -> None:
    """Bounces that were faster than the outcome of their delivery."""
    with runtime.db.transaction() as session:
        deliveries.tell_owed(session, now=runtime.clock.now())


def watch_rates(runtime: Runtime) -> None:
    """Complaints and dead addresses as shares of what was handed over, everywhere and at each provider."""
    now, by_domain = runtime.clock.now(), read_rules(runtime.config.shaping_file).by_domain
    with runtime.db.reading() as session:
        found = rates.shares(session, providers=by_domain, now=now)
    for share in found:
        with runtime.db.transaction() as session:
            rates.note(session, share, now=now)


def forget_quarantined(runtime: Runtime) -> None:
    """Returned mail that lay long enough, or speaks of readers who were erased."""
    now = runtime.clock.now()
    with runtime.db.transaction() as session:
        quarantine.forget_old(session, before=now - timedelta(days=runtime.config.quarantine_days))
