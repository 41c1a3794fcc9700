"""``python -m tests.drills.fuzzer_doors TARGET RUNS FOLDER``: the fuzzer at the door of mail providers.

A case is a request: its first line is the header that a provider proves itself by, the rest is the body, byte
for byte. ``signatures`` feeds what verifies it; ``door`` is the application itself over a database, where a
request may be taken, refused or put off, and never breaks anything. There the first letter says which address
it goes to, and whether we sign it ourselves, so that what lies behind a signature is reached.
"""

import base64
import json
import sys
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Final

import atheris
from flask.testing import FlaskClient

from tests.drills.fuzzer import EVENTS, NOW, fuzz

with atheris.instrument_imports(include=["newsletters"]):
    from newsletters.api import webhooks
    from newsletters.api.amazon import Amazon
    from newsletters.app import create_app
    from newsletters.bounces.providers.mailgun import verify_mailgun
    from newsletters.bounces.providers.postmark import verify_postmark
    from newsletters.bounces.providers.report import NotGenuine, Unreadable
    from newsletters.bounces.providers.sendgrid import SIGNATURE_HEADER, TIMESTAMP_HEADER, verify_sendgrid
    from newsletters.bounces.providers.sns import read_message, verify
    from newsletters.kernel.clock import FixedClock
    from newsletters.migrations import upgrade
    from newsletters.runtime import build

from config import Config
from tests import providers

SNS: Final = providers.Sns()
SENDGRID: Final = providers.SendGrid()
STAMP: Final = str(int(NOW.timestamp()))
PATIENCE_SECONDS: Final = 5  # for a request that is written down, on a machine that does other things too
EXPECTED: Final = {200, 400, 401, 413, 503}  # 503: too many certificates asked for within a minute


def signatures(raw: bytes) -> None:
    """Everything that says whether a request is a provider's."""
    header, body = _parts(raw)
    for check in (
        lambda: verify_mailgun(body, keys=(providers.MAILGUN_KEY,)),
        lambda: verify_postmark(header, logins=(providers.POSTMARK_LOGIN,)),
        lambda: verify_sendgrid(body, signature=header, timestamp=STAMP, keys=(SENDGRID.public,)),
        lambda: verify(read_message(body, topics={providers.TOPIC}), SNS.certificate, now=NOW),
        lambda: verify(read_message(SNS.notification("{}"), topics={providers.TOPIC}), body, now=NOW),
    ):
        with suppress(NotGenuine, Unreadable):
            check()


def door(raw: bytes) -> None:
    """The addresses of all providers, with whatever a stranger or a provider may post there."""
    header, body = _parts(raw[1:])
    ways: tuple[tuple[str, dict[str, str]], ...] = (
        ("ses", {}),
        ("postmark", {"Authorization": header}),
        ("postmark", providers.basic()),
        ("mailgun", {}),
        ("sendgrid", {SIGNATURE_HEADER: header, TIMESTAMP_HEADER: STAMP}),
        ("sendgrid", SENDGRID.headers(body)),
    )
    name, headers = ways[raw[0] % len(ways) if raw else 0]
    answer = _client().post(f"/webhooks/{name}", data=body, headers=headers)
    if answer.status_code not in EXPECTED:
        raise AssertionError(f"{name} answered {answer.status_code}")


def _parts(raw: bytes) -> tuple[str, bytes]:
    """A header without what no web server lets through, and a body."""
    first, _, body = raw.partition(b"\n")
    return first.decode("latin-1").replace("\r", "").replace("\0", ""), body


@cache
def _client() -> FlaskClient:
    """An application over a database of its own, which asks no certificate of anybody."""
    webhooks.amazon = Amazon(lambda _url: SNS.certificate)
    folder = Path(sys.argv[3]) / "door"
    folder.mkdir(parents=True, exist_ok=True)
    settings = {
        "DATA_DIR": str(folder),
        "DATABASE_URL": f"sqlite:///{folder / 'newsletters.sqlite3'}",
        "ENGINE_URL": "memory://",
        "SECRET_KEY": "k" * 40,
        "ADDRESS_HASH_KEY": "h" * 40,
        "LOG_LEVEL": "ERROR",
        "WEBHOOK_SES_TOPICS": providers.TOPIC,
        "WEBHOOK_POSTMARK_LOGIN": providers.POSTMARK_LOGIN,
        "WEBHOOK_MAILGUN_KEY": providers.MAILGUN_KEY,
        "WEBHOOK_SENDGRID_KEY": SENDGRID.public,
    }
    config = Config.from_env(settings)
    runtime = build(config, clock=FixedClock(NOW))
    upgrade(runtime.db.engine)
    return create_app(config, runtime=runtime).test_client()


def seeds() -> list[bytes]:
    """Requests as the providers send them, and some that are nearly so."""
    bodies = [json.dumps(event).encode() for event in EVENTS]
    signed = [
        *(SNS.notification(json.dumps(event)) for event in EVENTS[:2]),
        SNS.confirmation(),
        providers.mailgun_body(providers.mailgun_failure("reader@readers.example")),
        SNS.certificate,
    ]
    login = providers.basic()["Authorization"].encode()
    sendgrid = [SENDGRID.headers(body)[SIGNATURE_HEADER].encode() + b"\n" + body for body in bodies]
    plain = [b"\n" + body for body in (*bodies, *signed)]
    return [*sendgrid, *plain, login + b"\n{}", base64.b64encode(b"\xff" * 70) + b"\n[{}]"]


def main(name: str, runs: int, folder: Path) -> None:
    """Fuzz one target so many times."""
    if name == "door":
        _client()  # it takes longer to make than any request may
        letters = [chr(ord("a") + way).encode() + seed for seed in seeds() for way in range(6)]
        fuzz(door, letters, runs=runs, folder=folder, seconds=PATIENCE_SECONDS)
        return
    fuzz(signatures, seeds(), runs=runs, folder=folder)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]))
