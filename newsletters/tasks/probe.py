"""Asks absent mail servers whether they are back, on behalf of the issues that wait for any of them."""

from collections.abc import Sequence
from dataclasses import replace

from newsletters.delivery import absence, servers_books
from newsletters.mail.dialogue import Timeouts
from newsletters.mail.opening import open_dialogue
from newsletters.mail.replies import ServerUnavailable
from newsletters.mail.server import SmtpServer
from newsletters.runtime import Runtime
from newsletters.tasks.one_round import OneRound

PATIENCE = Timeouts(connect=5, greeting=10, ehlo=10, tls=10, auth=10)


class Probe:
    """One question at a time, however many issues wait for the answer."""

    def __init__(self, runtime: Runtime) -> None:
        self.runtime = runtime
        self._round = OneRound()

    def probe(self, servers: Sequence[SmtpServer]) -> None:
        """Let the issues whose time to try has come go on where one server answers, or wait longer."""
        self._round.run(lambda: self._ask(servers))

    def _ask(self, servers: Sequence[SmtpServer]) -> None:
        with self.runtime.db.reading() as session:
            waiting = absence.issues_to_probe(session, now=self.runtime.clock.now())
        if not waiting:
            return
        answers = {server.name: why_away(server) for server in servers}
        well = [name for name, why in answers.items() if why is None]
        now = self.runtime.clock.now()
        with self.runtime.db.transaction(durable=False) as session:
            for name in well:
                servers_books.try_server_now(session, name, now=now)
            for issue_id in waiting:
                if well:
                    absence.come_back(session, issue_id, now=now)
                else:
                    absence.stay_away(session, issue_id, why=_together(answers), now=now)
        if well:
            self.runtime.engine.nudge("pulse")


def why_away(server: SmtpServer) -> str | None:
    """Why the server does not take mail now, in its own words; None where it does."""
    try:
        dialogue = open_dialogue(replace(server, timeouts=PATIENCE))
    except ServerUnavailable as error:
        return str(error)
    dialogue.close()
    return None


def _together(answers: dict[str, str | None]) -> str:
    """What all of them say; a single one needs no name."""
    said = [(name, why) for name, why in answers.items() if why is not None]
    if len(answers) == 1:
        return said[0][1]
    return "; ".join(f"{name}: {why}" for name, why in said)
