"""The mail door's process: listens on loopback, behind the machine's own mail server."""

import signal
import threading

from aiosmtpd.controller import Controller

from config import BadSetting, Config
from newsletters.inbound.door import MailDoor
from newsletters.kernel import logs
from newsletters.mail.office import Office
from newsletters.runtime import build

HOST = "127.0.0.1"
WAKE_SECONDS = 1.0
LARGEST_MESSAGE_BYTES = 10 * 1024 * 1024


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
    controller = Controller(
        door,
        hostname=HOST,
        port=config.inbound_port,
        data_size_limit=LARGEST_MESSAGE_BYTES,
        enable_SMTPUTF8=True,
        ident="newsletters",
    )
    controller.start()
    while not stop.wait(WAKE_SECONDS):  # a wait without an end may not be woken by a signal
        pass
    controller.stop()
    runtime.db.close()
    return 0
