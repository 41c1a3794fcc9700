"""The table of tasks: thin functions that a nudge runs. Each may run twice or never."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from newsletters.runtime import Runtime
from newsletters.tasks.deliver import Deliveries
from newsletters.tasks.domains import DomainLooks
from newsletters.tasks.flow import DomainLookups
from newsletters.tasks.forms import take_forms
from newsletters.tasks.long_work import LongWork
from newsletters.tasks.one_round import OneRound
from newsletters.tasks.outbox import send_outbox, send_unhurried
from newsletters.tasks.probe import Probe
from newsletters.tasks.pulse import Pulse

# Single mails overtake issues: somebody waits for a confirmation with the page still open.
PRIORITIES = {
    "take_forms": 100,
    "send_outbox": 100,
    "pulse": 50,
    "send_unhurried": 30,
    "probe": 20,
    "deliver": 10,
    "long_work": 5,
    "look_at_domains": 5,
    "look_up_domains": 5,
}


@dataclass(frozen=True, slots=True)
class Tasks:
    """The doers behind the tasks of one process."""

    deliveries: Deliveries
    pulse: Pulse


def register(runtime: Runtime) -> Tasks:
    """Bind every task to ``runtime`` and make it known to its engine."""
    deliveries = Deliveries(runtime)
    long_work = LongWork(runtime, should_stop=deliveries.stopping.is_set)
    unhurried = partial(send_unhurried, runtime, should_stop=deliveries.stopping.is_set)
    pulse, probe = Pulse(runtime, deliveries, long_work), Probe(runtime)
    table: dict[str, Callable[[], None]] = {
        "take_forms": partial(take_forms, runtime, should_stop=deliveries.stopping.is_set),
        "send_outbox": partial(send_outbox, runtime, should_stop=deliveries.stopping.is_set),
        "send_unhurried": partial(OneRound().run, unhurried),
        "pulse": pulse.beat,
        "probe": lambda: probe.probe(deliveries.office.servers),
        "deliver": deliveries.deliver,
        "long_work": long_work.run,
        "look_at_domains": DomainLooks(runtime).run,
        "look_up_domains": DomainLookups(runtime).run,
    }
    for name, run in table.items():
        runtime.engine.tasks[name] = runtime.engine.huey.task(name=name, priority=PRIORITIES[name])(run)
    return Tasks(deliveries, pulse)
