"""``python -m tests.drills.fuzzer TARGET RUNS FOLDER``: chance, guided by coverage, writes a parser's input.

A target must take any bytes: it may refuse them in the one way it is known to, within a second. Whatever
else it does is a finding: atheris prints it and ends with a status that is not nought.
"""

import json
import sys
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import atheris

with atheris.instrument_imports(include=["newsletters", "flufl", "email", "email_validator", "json"]):
    from newsletters.bounces.providers.mailgun import read_mailgun
    from newsletters.bounces.providers.postmark import read_postmark
    from newsletters.bounces.providers.report import NotGenuine, Unreadable
    from newsletters.bounces.providers.sendgrid import read_sendgrid
    from newsletters.bounces.providers.ses import read_ses
    from newsletters.bounces.providers.sns import read_message
    from newsletters.bounces.reading import read_letter
    from newsletters.bounces.returns import open_letter
    from newsletters.kernel.addresses import InvalidAddress, parse_address
    from newsletters.kernel.tokens import Purpose, Signer, TokenRefused
    from newsletters.mail.hearing import Hearing
    from newsletters.mail.verp import ReturnPaths

from tests import providers
from tests.corpus.returned import CORPUS

TOPIC: Final = providers.TOPIC
SECOND: Final = 1
SIGNER = Signer([b"k" * 40])
PATHS = ReturnPaths(SIGNER, "bounces.example")
NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def returned(raw: bytes) -> None:
    """A returned mail, an ARF complaint, or anything else that comes to a return path: never refused."""
    letter = open_letter(raw)
    if letter is not None:
        read_letter(letter, ("reader@readers.example",))


def webhooks(raw: bytes) -> None:
    """What claims to come from a mail provider, behind its signature."""
    readers: tuple[Callable[[bytes], object], ...] = (
        read_mailgun,
        read_postmark,
        read_sendgrid,
        lambda body: read_ses(body.decode("utf-8", "replace")),
        lambda body: read_message(body, topics={TOPIC}),
    )
    for read in readers:
        with suppress(Unreadable, NotGenuine):
            read(raw)


def replies(raw: bytes) -> None:
    """What a mail server says, in two pieces."""
    hearing = Hearing()
    middle = len(raw) // 2
    for piece in (raw[:middle], raw[middle:]):
        hearing.hear(piece)


def tokens(raw: bytes) -> None:
    """A token of a link, and a return path: only what we wrote ourselves may be read."""
    text = raw.decode("utf-8", "replace")
    for purpose in Purpose:
        with suppress(TokenRefused):
            SIGNER.read(text, purpose, now=NOW)
    with suppress(TokenRefused):
        PATHS.read(text, now=NOW)


def addresses(raw: bytes) -> None:
    """What somebody typed as their address: what is taken is taken again, and says the same."""
    with suppress(InvalidAddress):
        taken = parse_address(raw.decode("utf-8", "replace"))
        if parse_address(taken.email) != taken:
            raise AssertionError("an address that reads otherwise the second time")


EVENTS: Final = (
    providers.ses_bounce("reader@readers.example"),
    providers.ses_complaint("reader@readers.example"),
    providers.mailgun_failure("reader@readers.example"),
    providers.postmark_bounce("reader@readers.example"),
    [providers.sendgrid_bounce("reader@readers.example")],
    {"Type": "Notification", "MessageId": "1", "TopicArn": TOPIC, "Message": "{}"},
)
TARGETS: Final[dict[str, Callable[[bytes], None]]] = {
    target.__name__: target for target in (returned, webhooks, replies, tokens, addresses)
}


def seeds(target: str) -> list[bytes]:
    """Good examples to begin from."""
    if target == "returned":
        return [specimen.raw for specimen in CORPUS]
    if target == "webhooks":
        return [json.dumps(event).encode() for event in EVENTS]
    if target == "tokens":
        return [
            SIGNER.sign(Purpose.UNSUBSCRIBE, 1, 2).encode(),
            PATHS.for_issue(1, 2).encode(),
            PATHS.unsubscribe(1, 2).encode(),
        ]
    if target == "replies":
        return [b"250 2.0.0 ok\r\n", b"250-one\r\n250 two\r\n", b"421\r\n"]
    return [b"Reader@Example.org", "ірина@пошта.example".encode(), b'"a b"@example.org', b"a+b@[127.0.0.1]"]


def fuzz(
    target: Callable[[bytes], None], examples: list[bytes], *, runs: int, folder: Path, seconds: int = SECOND
) -> None:
    """Fuzz one target so many times, beginning from good examples; each case may take ``seconds``."""
    corpus = folder / target.__name__ / "corpus"
    corpus.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(examples):
        (corpus / f"seed-{number}").write_bytes(seed)
    options: list[Any] = [
        sys.argv[0],
        str(corpus),
        f"-runs={runs}",
        f"-timeout={seconds}",
        "-max_len=20000",
        f"-artifact_prefix={folder}/{target.__name__}-",
        "-print_final_stats=1",
    ]
    atheris.Setup(options, target)
    atheris.Fuzz()


if __name__ == "__main__":
    name = sys.argv[1]
    fuzz(TARGETS[name], seeds(name), runs=int(sys.argv[2]), folder=Path(sys.argv[3]))
