"""The mail door's process: listens on this machine, behind its own mail server."""

import signal
import threading

from config import BadSetting, Config
from newsletters.inbound.door import MailDoor
from newsletters.inbound.listening import CannotListen, listening
from newsletters.kernel import logs
from newsletters.kernel.roster import Kind
from newsletters.mail.office import Office
from newsletters.runtime import build
from newsletters.runtime.presence import present

WAKE_SECONDS = 1.0


def main() -> int:
    """Serve until SIGTERM or SIGINT. Returns the exit status."""
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    try:
        config = Config.from_env()
    except BadSetting as error:
        raise SystemExit(f"Cannot start: {error}") from error
    logs.configure(config.log_level)
    runtime = build(config)
    door = MailDoor(runtime, Office.from_config(config, runtime.signer).paths)
    listens = listening(door, port=config.inbound_port, lmtp=config.inbound_lmtp)
    try:
        with listens, present(runtime, Kind.INBOUND):
            while not stop.wait(WAKE_SECONDS):  # a wait without an end may not be woken by a signal
                pass
    except CannotListen as error:
        raise SystemExit(f"Cannot start: {error}") from error
    finally:
        runtime.db.close()
    return 0
