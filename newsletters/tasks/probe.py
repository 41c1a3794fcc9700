"""Asks an absent mail server whether it is back, on behalf of the issues that wait for it."""

from dataclasses import replace
from threading import Lock

from newsletters.delivery import absence
from newsletters.mail.dialogue import Timeouts
from newsletters.mail.opening import open_dialogue
from newsletters.mail.replies import ServerUnavailable
from newsletters.mail.server import SmtpServer
from newsletters.runtime import Runtime

PATIENCE = Timeouts(connect=5, greeting=10, ehlo=10, tls=10, auth=10)


class Probe:
    """One question at a time, however many issues wait for the answer."""

    def __init__(self, runtime: Runtime) -> None:
        self.runtime = runtime
        self._asking = Lock()

    def probe(self, server: SmtpServer) -> None:
        """Let the issues whose time to try has come go on, or wait longer."""
        if not self._asking.acquire(blocking=False):
            return
        try:
            self._ask(server)
        finally:
            self._asking.release()

    def _ask(self, server: SmtpServer) -> None:
        with self.runtime.db.reading() as session:
            waiting = absence.issues_to_probe(session, now=self.runtime.clock.now())
        if not waiting:
            return
        why = why_away(server)
        now = self.runtime.clock.now()
        with self.runtime.db.transaction(durable=False) as session:
            for issue_id in waiting:
                if why is None:
                    absence.come_back(session, issue_id, now=now)
                else:
                    absence.stay_away(session, issue_id, why=why, now=now)
        if why is None:
            self.runtime.engine.nudge("pulse")


def why_away(server: SmtpServer) -> str | None:
    """Why the server does not take mail now, in its own words; None where it does."""
    try:
        dialogue = open_dialogue(replace(server, timeouts=PATIENCE))
    except ServerUnavailable as error:
        return str(error)
    dialogue.close()
    return None
