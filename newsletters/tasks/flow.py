"""The flow's own work: the rules a process goes by, domains whose MX is to be looked up, what is too old."""

from datetime import timedelta
from typing import Final

from config import BadSetting, Config
from newsletters.delivery import providers, servers_books, shaping_file, throttle_books
from newsletters.delivery.providers_mx import Lookup, ask_dns, look_up
from newsletters.delivery.shaping_file import Rulebook
from newsletters.delivery.shaping_reading import BadShaping
from newsletters.runtime import Runtime
from newsletters.tasks.one_round import OneRound

DOMAINS_A_ROUND: Final = 50
UNUSED_AFTER: Final = timedelta(days=30)


def rulebook(config: Config) -> Rulebook:
    """The rules in force, one book in a process. Raises BadSetting for a file with a mistake."""
    try:
        return shaping_file.rulebook(config.shaping_file)
    except BadShaping as error:
        raise BadSetting(f"SHAPING_FILE: {error}") from error


class DomainLookups:
    """Looks up the MX of domains that workers asked for; one round at a time in a process."""

    def __init__(self, runtime: Runtime, *, ask: Lookup = ask_dns) -> None:
        self.runtime = runtime
        self._ask = ask
        self._round = OneRound()

    def run(self) -> None:
        """Do one round; does nothing where this process is looking already."""
        self._round.run(self._look)

    def _look(self) -> None:
        now = self.runtime.clock.now()
        with self.runtime.db.reading() as session:
            wanted = providers.asked_for(session, most=DOMAINS_A_ROUND, now=now)
        if not wanted:
            return
        found = look_up(wanted, rulebook(self.runtime.config).rules, now=now, ask=self._ask)
        with self.runtime.db.transaction() as session:
            providers.remember(session, found)


def want_domains(runtime: Runtime) -> None:
    """Have a worker look domains up, if any were asked for."""
    with runtime.db.reading() as session:
        is_wanted = bool(providers.asked_for(session, most=1, now=runtime.clock.now()))
    if is_wanted:
        runtime.engine.nudge("look_up_domains")


def forget_old_flow(runtime: Runtime) -> None:
    """Buckets, counts, rests and domains that nobody has used for long."""
    with runtime.db.transaction() as session:
        now = runtime.clock.now()
        throttle_books.forget_old(session, now=now)
        servers_books.forget_counts(session, now=now)
        servers_books.forget_rests(session, now=now)
        providers.forget_unused(session, before=now - UNUSED_AFTER)
