"""The worker process: huey's threads run the tasks, a pulse finds what is due, a heart keeps the leases.

SIGTERM and SIGINT drain: each sender finishes the message it has begun, commits its outcome and hands its
batch back. Nothing is lost by a harder end either: the rows say what was done.
"""

import logging
import signal
import sys
from dataclasses import replace
from functools import partial
from threading import Event, Thread, current_thread, main_thread
from types import FrameType

from huey.consumer import Consumer

from config import BadSetting, Config
from newsletters.delivery.holds import RENEW_SECONDS
from newsletters.kernel import logs
from newsletters.kernel.steady_clock import SteadyClock, database_time
from newsletters.mail.office import Office
from newsletters.runtime import Runtime, build
from newsletters.tasks.register import Tasks, register

PULSE_SECONDS = 1.0
FOLLOW_SECONDS = 60.0
DRAIN_SECONDS = 15.0  # a server may take minutes for a final dot; then the message is left in doubt
IDLE_TRANSACTION_SECONDS = 10.0  # shorter than a lease: what a frozen worker held is free when its lease ends
POLL_SECONDS = (0.05, 0.25)  # how often an idle thread looks for a nudge: at first, and at most

log = logging.getLogger(__name__)


def run(runtime: Runtime) -> int:
    """Work until SIGTERM or SIGINT; return the exit status: 0 when everything was drained."""
    runtime.db.end_idle_transactions(after_seconds=IDLE_TRANSACTION_SECONDS)
    clock = SteadyClock(partial(database_time, runtime.db))
    runtime = replace(runtime, clock=clock)
    tasks = register(runtime)
    stopping = tasks.deliveries.stopping
    consumer = Consumer(
        runtime.engine.huey,
        workers=runtime.config.sender_threads + 1,
        periodic=False,
        initial_delay=POLL_SECONDS[0],
        max_delay=POLL_SECONDS[1],
        shutdown_timeout=DRAIN_SECONDS,
    )
    ended = Event()
    for keep in (partial(_keep_leases, runtime, tasks), partial(_keep_time, clock)):
        Thread(target=keep, args=(ended,), daemon=True).start()
    consumer.start()
    _stop_on_signals(stopping)  # in place of huey's own, which would interrupt the threads
    log.info("worker ready")
    while not stopping.wait(PULSE_SECONDS):
        tasks.pulse.beat()
        consumer.check_worker_health()
    is_drained = _drain(consumer)
    ended.set()
    tasks.deliveries.close_idle(older_than=0)
    tasks.pulse.presence.leave()
    log.info("worker stopped")
    return 0 if is_drained else 1


def main() -> int:
    """Run a worker with the settings of the environment."""
    try:
        config = Config.from_env()
        runtime = build(config)
        Office.from_config(config, runtime.signer)  # a bad server, sender or key is said at once
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


def _stop_on_signals(stopping: Event) -> None:
    if current_thread() is not main_thread():
        return

    def stop(_number: int, _frame: FrameType | None) -> None:
        stopping.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)


def _keep_leases(runtime: Runtime, tasks: Tasks, ended: Event) -> None:
    while not ended.wait(RENEW_SECONDS):
        try:
            tasks.deliveries.holds.renew(runtime.db, runtime.clock)
        except Exception:
            log.exception("the leases could not be renewed")


def _keep_time(clock: SteadyClock, ended: Event) -> None:
    while not ended.wait(FOLLOW_SECONDS):
        try:
            clock.follow()
        except Exception:
            log.exception("the database's time could not be asked")


if __name__ == "__main__":
    sys.exit(main())
