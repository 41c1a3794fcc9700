"""Sending a kept message back to where its return path leads, as other mail systems do: to try bounces at
home.

What is made here is a real report (RFC 3464, RFC 5965) in a real conversation with the mail door of this
machine. It goes nowhere else.
"""

import hashlib
import re
import smtplib
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final
from urllib.parse import parse_qs

from newsletters.sink.exchange import Answer, Request
from newsletters.sink.inbox import Inbox
from newsletters.sink.queries import get_message

WAIT_SECONDS: Final = 20.0
NOT_HEARD: Final = "0"
WAYS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "dead": "550 5.1.1 There is no such mailbox here",
        "full": "552 5.2.2 The mailbox is full",
        "refused": "550 5.7.1 Refused by our policy",
        "complaint": "",
    }
)
HEAD: Final = """\
From: Mail Delivery Subsystem <mailer-daemon@sink.example>
To: {to}
Subject: {subject}
Auto-Submitted: auto-replied
MIME-Version: 1.0
Content-Type: multipart/report; report-type={kind}; boundary="{boundary}"
"""


def return_one(inbox: Inbox, request: Request, seq: int) -> Answer:
    """Send the message back in the way that was asked for, and show what the mail door said."""
    way = parse_qs(request.body.decode("ascii", "replace")).get("way", [""])[0]
    with inbox.reading() as connection:
        found = get_message(connection, seq)
    if found is None or way not in WAYS:
        return Answer.of_text(404, "There is no such message, or no such way to send it back.")
    kept, raw = found
    recipient = kept.recipients[0] if kept.recipients else ""
    report = returned(way, raw, recipient=recipient, return_path=kept.mail_from)
    said = _hand_over(report, to=kept.mail_from, port=inbox.settings.inbound_port)
    return Answer.see(f"/messages/{seq}?returned={said}")


def returned(way: str, raw: bytes, *, recipient: str, return_path: str) -> bytes:
    """The report that another mail system would send. Pure."""
    if way == "complaint":
        subject, kind, said = "A reader calls this message spam", "feedback-report", _feedback(return_path)
    else:
        subject, kind, said = "Undelivered message", "delivery-status", _status(WAYS[way], recipient)
    parts = (
        ("text/plain", f"The sink sends this message back because somebody asked it to.\n\n{WAYS[way]}"),
        (f"message/{kind}", said),
        ("text/rfc822-headers", raw.partition(b"\r\n\r\n")[0].decode("ascii", "replace")),
    )
    boundary = f"=_{hashlib.sha256(raw).hexdigest()[:24]}"
    head = HEAD.format(to=return_path, subject=subject, kind=kind, boundary=boundary)
    body = "".join(f"--{boundary}\nContent-Type: {name}\n\n{text}\n\n" for name, text in parts)
    report = f"{head}\n{body}--{boundary}--\n"
    return re.sub(r"\r\n|\r|\n", "\r\n", report).encode("ascii", "replace")


def _feedback(return_path: str) -> str:
    return f"Feedback-Type: abuse\nUser-Agent: sink/1\nVersion: 1\nOriginal-Mail-From: <{return_path}>"


def _status(reply: str, recipient: str) -> str:
    status = reply.split(" ")[1]
    return (
        "Reporting-MTA: dns; sink.example\n\n"
        f"Final-Recipient: rfc822; {recipient}\nAction: failed\nStatus: {status}\n"
        f"Diagnostic-Code: smtp; {reply}"
    )


def _hand_over(report: bytes, *, to: str, port: int) -> str:
    """The mail door's code: of its refusal of the address, or of the message."""
    try:
        with smtplib.SMTP("127.0.0.1", port, timeout=WAIT_SECONDS) as connection:
            connection.ehlo()
            connection.mail("")
            code, _said = connection.rcpt(to)
            if code == 250:
                code, _said = connection.data(report)
    except (OSError, smtplib.SMTPException):
        return NOT_HEARD
    return str(code)
