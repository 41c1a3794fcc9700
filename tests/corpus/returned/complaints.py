"""Complaints in the shapes of the providers that send them, for a return path and for the address of
complaints.
"""

from newsletters.bounces.event import EventKind
from tests.corpus.returned.building import MESSAGE_ID, READER, Specimen, arf, mail, our_mail

COMPLAINT, NOTICE = EventKind.COMPLAINT, EventKind.NOTICE


def yahoo(original: str = "") -> bytes:
    """Yahoo and AOL: the whole mail, the reader's address gone."""
    return arf(
        sender="Yahoo! Mail AntiSpam Feedback <feedback@arf.mail.yahoo.example>",
        words="This is an email abuse report for an email message from newsroom.example.",
        report=f"""Feedback-Type: abuse
User-Agent: Yahoo!-Mail-Feedback/2.0
Version: 0.1
Original-Mail-From: <b+redacted@newsroom.example>
Original-Rcpt-To: redacted@yahoo.example
Received-Date: Mon, 2 Mar 2026 10:00:00 GMT
Reported-Domain: newsroom.example
Authentication-Results: mx.yahoo.example; dkim=pass
Message-ID: {MESSAGE_ID}""",
        original=original or our_mail(to="redacted@yahoo.example"),
    )


def comcast(original: str = "") -> bytes:
    """Comcast and the other customers of one feedback service: ids redacted too."""
    return arf(
        sender="Comcast Feedback Loop <feedback-loop@fbl.comcast.example>",
        report="""Feedback-Type: abuse
User-Agent: ReturnPathFBL/1.0
Version: 1
Arrival-Date: Mon, 02 Mar 2026 09:10:00 GMT
Source-IP: 192.0.2.10
Abuse-Type: complaint
Subscription-Link: https://fbl.service.example/manage/subscriptions/1""",
        original=original or our_mail(to="[redacted]"),
    )


def outlook(original: str = "") -> bytes:
    """Outlook.com's programme: no report part, the mail itself, its subject a sentence."""
    return mail(
        """From: <staff@hotmail.example>
To: fbl@newsroom.example
Subject: complaint about message from 192.0.2.10
Date: Mon, 2 Mar 2026 10:00:00 +0000
Message-ID: <4.jmrp@hotmail.example>
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary="jmrp" """,
        f"""--jmrp
Content-Type: message/rfc822
Content-Disposition: inline

X-HmXmrOriginalRecipient: {READER}
{original or our_mail()}
--jmrp--
""",
    )


def of_type(type_: str) -> bytes:
    return arf(report=f"Feedback-Type: {type_}\nUser-Agent: Test/1\nVersion: 1", original=our_mail())


COMPLAINTS = (
    Specimen("yahoo", yahoo(), COMPLAINT, "abuse"),
    Specimen("comcast", comcast(), COMPLAINT, "abuse"),
    Specimen("outlook.com", outlook(), COMPLAINT),
    Specimen("fraud", of_type("fraud"), COMPLAINT, "fraud"),
    Specimen("other", of_type("other"), COMPLAINT, "other"),
    Specimen("not spam after all", of_type("not-spam"), NOTICE, "not-spam"),
    Specimen("a DMARC failure", of_type("auth-failure"), NOTICE, "auth-failure"),
    Specimen(
        "headers only",
        arf(
            report="Feedback-Type: abuse\nUser-Agent: Test/1\nVersion: 1",
            original=our_mail(body=False),
            wrapped="text/rfc822-headers",
        ),
        COMPLAINT,
    ),
)
