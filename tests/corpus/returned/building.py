"""Builds returned mail in the shapes of real mail systems, in our own words and with addresses that
nobody has.

A shape is what a parser meets: which parts, in which order, with which fields, separators and habits. The
words between are ours.
"""

from dataclasses import dataclass
from email.message import Message

from newsletters.bounces.event import EventKind

READER = "olha.reader@readers.example"
SENDER = "b+aeaagaaaaaaaaa@newsroom.example"
MESSAGE_ID = "<issue.7.42@newsroom.example>"
DATE = "Mon, 2 Mar 2026 09:00:05 +0000"
LONG_DATE = "Mon, 2 Mar 2026 09:00:05 +0000 (UTC)"


@dataclass(frozen=True, slots=True)
class Specimen:
    """One returned mail, and what must be read from it: None is "an editor must look"."""

    name: str
    raw: bytes
    kind: EventKind | None
    reply: str = ""


def our_mail(*, to: str = READER, return_path: str = "", body: bool = True) -> str:
    """The mail of ours that comes back inside."""
    head = [
        f"Return-Path: <{return_path}>" if return_path else "",
        "Received: from mail.newsroom.example (mail.newsroom.example [192.0.2.10])",
        "\tby mx.readers.example with ESMTPS id 4XyZ; Mon, 2 Mar 2026 09:00:01 +0000",
        "From: Explaining Ukraine <news@newsroom.example>",
        f"To: {to}",
        "Subject: What happened this week",
        "Date: Mon, 2 Mar 2026 09:00:00 +0000",
        f"Message-ID: {MESSAGE_ID}",
        "List-Id: Explaining Ukraine <explaining.newsroom.example>",
        "MIME-Version: 1.0",
        "Content-Type: text/plain; charset=utf-8",
    ]
    text = "\n".join(filter(None, head)) + "\n"
    return text + ("\nDear reader, here is the news.\nWith 550 words and no error in them.\n" if body else "")


def mail(headers: str, body: str) -> bytes:
    """Headers and body as they stand on the wire; lines are written with LF here."""
    return (headers.strip("\n") + "\n\n" + body).replace("\n", "\r\n").encode()


def dsn(
    *,
    notice: str,
    status: str,
    original: str = "",
    sender: str = "MAILER-DAEMON@mx.readers.example (Mail Delivery System)",
    subject: str = "Undelivered Mail Returned to Sender",
    boundary: str = "4XyZ.1772442005/mx.readers.example",
    returned: str = "message/rfc822",
    more: str = "",
    status_type: str = "message/delivery-status",
    notice_type: str = "text/plain; charset=us-ascii",
) -> bytes:
    """A multipart/report with its three parts (RFC 6522)."""
    return mail(
        f"""Return-Path: <>
Date: {LONG_DATE}
From: {sender}
Subject: {subject}
To: {SENDER}
Auto-Submitted: auto-replied
{more}MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status;
\tboundary="{boundary}"
Message-Id: <20260302090005.4XyZ@mx.readers.example>""",
        f"""This is a MIME-encapsulated message.

--{boundary}
Content-Description: Notification
Content-Type: {notice_type}

{notice}

--{boundary}
Content-Description: Delivery report
Content-Type: {status_type}

{status.strip()}

--{boundary}
Content-Description: Undelivered Message
Content-Type: {returned}

{original or our_mail()}
--{boundary}--
""",
    )


def plain(
    body: str,
    *,
    sender: str,
    subject: str,
    more: str = "",
    content_type: str = "text/plain; charset=utf-8",
) -> bytes:
    """A bounce of one part, in words alone."""
    return mail(
        f"""Return-Path: <>
From: {sender}
To: {SENDER}
Subject: {subject}
Date: {DATE}
Message-ID: <2.plain@mx.readers.example>
{more}MIME-Version: 1.0
Content-Type: {content_type}""",
        body,
    )


def arf(
    *,
    report: str,
    original: str,
    sender: str = "feedback@provider.example",
    words: str = "This is a report about a message that a reader of ours called spam.",
    wrapped: str = "message/rfc822",
    subject: str = "FW: What happened this week",
) -> bytes:
    """A complaint in the Abuse Reporting Format."""
    return mail(
        f"""From: {sender}
To: fbl@newsroom.example
Subject: {subject}
Date: {DATE}
Message-ID: <3.arf@provider.example>
MIME-Version: 1.0
Content-Type: multipart/report; report-type=feedback-report;
    boundary="part_of_a_report" """,
        f"""--part_of_a_report
Content-Type: text/plain; charset="US-ASCII"
Content-Transfer-Encoding: 7bit

{words}

--part_of_a_report
Content-Type: message/feedback-report

{report.strip()}

--part_of_a_report
Content-Type: {wrapped}
Content-Disposition: inline

{original}
--part_of_a_report--
""",
    )


def in_base64(text: str) -> str:
    """A body as systems write it that trust no line."""
    part = Message()
    part.set_payload(text, "utf-8")
    return str(part.get_payload())
