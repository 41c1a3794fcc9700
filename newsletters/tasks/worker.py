"""The worker process: huey's threads run the tasks, the sender has one of its own, a pulse finds what is due.

SIGTERM and SIGINT drain: the messages that were begun are finished, their outcomes committed and the batches
handed back. Nothing is lost by a harder end either: the rows say what was done.
"""

import gc
import logging
import signal
import sys
from dataclasses import replace
from functools import partial
from threading import Event, Thread, current_thread, main_thread
from types import FrameType

from huey.consumer import Consumer

from config import BadSetting, Config
from newsletters.delivery import restoring
from newsletters.kernel import logs
from newsletters.kernel.steady_clock import SteadyClock, database_time
from newsletters.mail.office import Office
from newsletters.runtime import Runtime, build
from newsletters.tasks.flow import rulebook
from newsletters.tasks.register import register

PULSE_SECONDS = 1.0
FOLLOW_SECONDS = 60.0
DRAIN_SECONDS = 15.0  # a server may take minutes for a final dot; then the message is left in doubt
IDLE_TRANSACTION_SECONDS = 10.0  # shorter than a lease: what a frozen worker held is free when its lease ends
TASK_THREADS = 5  # single mails, forms, digests, long work, DNS: nobody waits behind another
COLLECT_AFTER = 10_000  # new containers; sending a message makes dozens, and nearly none are in cycles
POLL_SECONDS = (0.05, 0.25)  # how often an idle thread looks for a nudge: at first, and at most

log = logging.getLogger(__name__)


def run(runtime: Runtime) -> int:
    """Work until SIGTERM or SIGINT; return the exit status: 0 when everything was drained."""
    runtime.db.end_idle_transactions(after_seconds=IDLE_TRANSACTION_SECONDS)
    clock = SteadyClock(partial(database_time, runtime.db))
    runtime = replace(runtime, clock=clock)
    _stand_still_if_copied(runtime)
    tasks = register(runtime)
    stopping = tasks.deliveries.stopping
    consumer = Consumer(
        runtime.engine.huey,
        workers=TASK_THREADS,
        periodic=False,
        initial_delay=POLL_SECONDS[0],
        max_delay=POLL_SECONDS[1],
        shutdown_timeout=DRAIN_SECONDS,
    )
    ended = Event()
    Thread(target=_keep_time, args=(clock, ended), daemon=True).start()
    consumer.start()
    tasks.deliveries.start()
    _stop_on_signals(stopping)  # in place of huey's own, which would interrupt the threads
    _rarely_collect()
    log.info("worker ready")
    while not stopping.wait(PULSE_SECONDS):
        tasks.pulse.beat()
        consumer.check_worker_health()
    is_drained = all([tasks.deliveries.stop(), _drain(consumer)])
    ended.set()
    tasks.pulse.presence.leave()
    log.info("worker stopped")
    return 0 if is_drained else 1


def main() -> int:
    """Run a worker with the settings of the environment."""
    try:
        config = Config.from_env()
        runtime = build(config)
        Office.from_config(config, runtime.signer)  # a bad server, sender, key or rule is said at once
        Office.of_single_mails(config, runtime.signer)
        rulebook(config)
    except BadSetting as error:
        sys.stderr.write(f"Cannot start: {error}\n")
        return 2
    logs.configure(config.log_level)
    try:
        return run(runtime)
    finally:
        runtime.db.close()


def _drain(consumer: Consumer) -> bool:
    consumer.stop(graceful=True)
    return not any(thread.is_alive() for _, thread in consumer.worker_threads)


def _rarely_collect() -> None:
    """Leave what is loaded for good out of the garbage collector's rounds, and have fewer of them."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(COLLECT_AFTER)


def _stop_on_signals(stopping: Event) -> None:
    if current_thread() is not main_thread():
        return

    def stop(_number: int, _frame: FrameType | None) -> None:
        stopping.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)


def _stand_still_if_copied(runtime: Runtime) -> None:
    """A copy that somebody put into place by hand is taken for one before anything leaves."""
    with runtime.db.transaction() as session:
        if restoring.stand_still_if_copied(session, now=runtime.clock.now()):
            log.warning("this database is a copy; sending is held until an owner releases it")


def _keep_time(clock: SteadyClock, ended: Event) -> None:
    while not ended.wait(FOLLOW_SECONDS):
        try:
            clock.follow()
        except Exception:
            log.exception("the database's time could not be asked")


if __name__ == "__main__":
    sys.exit(main())
