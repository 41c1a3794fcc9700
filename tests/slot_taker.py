"""A worker process of its own that does nothing but take slots of one shared rate, as fast as it can.

Run as ``python -m tests.slot_taker DATABASE_URL RATE SECONDS WORKER``; prints the moment of each letter it
could have begun, one a line, in nanoseconds by the machine's clock.
"""

import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from newsletters.delivery.dispatch import Dispatcher
from newsletters.delivery.shaping_file import Rulebook
from newsletters.delivery.throttle import nanoseconds
from newsletters.kernel.db import Database
from newsletters.mail.replies import Reply
from newsletters.mail.server import SmtpServer

SERVER = "127.0.0.1:2525"
ACCEPTED = Reply.of(250, "2.0.0 queued")


def main(database_url: str, rate: str, seconds: float, worker: str) -> None:
    """Send letters to nowhere for some seconds, one at least, as often as the shared rate lets it."""
    db = Database(database_url)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "shaping.toml"
        path.write_text(f'[servers."{SERVER}"]\nrate = "{rate}"\n')
        dispatcher: Dispatcher[int] = Dispatcher(
            db=db,
            servers=SmtpServer.from_urls(f"smtp://{SERVER}"),
            rulebook=Rulebook(path),
            worker=worker,
            chance=Random(1),
        )
        moments = _send(dispatcher, ends_at=time.monotonic() + seconds)
        dispatcher.close()
    db.close()
    sys.stdout.write("\n".join(str(moment) for moment in moments))


def _send(dispatcher: Dispatcher[int], *, ends_at: float) -> list[int]:
    moments: list[int] = []
    number = 0
    while time.monotonic() < ends_at or not moments:
        while dispatcher.waiting() < 100:
            dispatcher.add(number, domain="readers.example", issue_id=1)
            number += 1
        now = datetime.now(UTC)
        for placed in dispatcher.take({SERVER: 50}, now=now):
            moments.append(nanoseconds(now))
            dispatcher.ended(placed, ACCEPTED, now=now)
        dispatcher.refresh(now=now)
        time.sleep(min(0.02, dispatcher.wake_in(now=now) or 0.02))
    return moments


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], float(sys.argv[3]), sys.argv[4])
