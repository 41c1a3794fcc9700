"""What every message of ours must be on the wire, checked on its bytes."""

import re
from email import message_from_string, policy
from email.errors import NonASCIILocalPartDefect
from email.message import EmailMessage

from dkim.canonicalization import Relaxed

ONCE = ("From", "To", "Date", "Message-ID", "Subject", "MIME-Version", "Content-Type")
AT_MOST_ONCE = (
    "Reply-To", "List-Id", "List-Unsubscribe", "List-Unsubscribe-Post", "Feedback-ID", "Auto-Submitted",
    "Precedence", "Content-Transfer-Encoding",
)  # fmt: skip
ENCODED_WORD = re.compile(rb"=\?[^?\s]+\?[^?\s]\?[^?\s]*\?=")


def checked(raw: bytes) -> EmailMessage:
    """``raw`` parsed, once it has been found to be well-formed."""
    assert raw.count(b"\r\n") == raw.count(b"\r") == raw.count(b"\n"), "a bare CR or LF"
    head, _, body = raw.partition(b"\r\n\r\n")
    assert all(len(line) <= 998 for line in head.split(b"\r\n"))
    assert all(len(word) <= 75 for word in ENCODED_WORD.findall(head))
    assert all(len(line) <= 76 for line in head.split(b"\r\n") if ENCODED_WORD.search(line))
    lines = body.split(b"\r\n")
    assert all(len(line) <= 76 for line in lines)
    assert not any(line.startswith((b".", b"From ")) for line in lines)
    assert body.isascii()
    assert Relaxed.canonicalize_body(body) == body, "DKIM would hash something else"
    parsed = message_from_string(raw.decode(), policy=policy.default)  # UTF-8 in a head is RFC 6532
    assert isinstance(parsed, EmailMessage)
    _check_fields(parsed, head)
    _check_parts(parsed)
    return parsed


def _check_fields(parsed: EmailMessage, head: bytes) -> None:
    for name in ONCE:
        assert len(parsed.get_all(name, [])) == 1, f"{name} must stand there once"
    for name in AT_MOST_ONCE:
        assert len(parsed.get_all(name, [])) <= 1, f"{name} stands there twice"
    defects = [defect for value in parsed.values() for defect in value.defects]
    assert all(isinstance(defect, NonASCIILocalPartDefect) for defect in defects)  # RFC 6532 allows it
    unsubscribe = re.search(rb"^List-Unsubscribe: .*(?:\r\n[ \t].*)*", head, re.MULTILINE)
    assert unsubscribe is None or b"=?" not in unsubscribe[0]


def _check_parts(parsed: EmailMessage) -> None:
    for part in parsed.walk():
        assert not part.defects
    if parsed.is_multipart():
        assert parsed.get_content_type() == "multipart/alternative"
        assert [part.get_content_type() for part in parsed.iter_parts()] == ["text/plain", "text/html"]
    assert text_of(parsed).strip()


def text_of(parsed: EmailMessage) -> str:
    return _content(parsed, "plain")


def html_of(parsed: EmailMessage) -> str:
    return _content(parsed, "html")


def _content(parsed: EmailMessage, kind: str) -> str:
    part = parsed.get_body((kind,))
    assert part is not None
    return str(part.get_content()).replace("\r\n", "\n").rstrip("\n")
