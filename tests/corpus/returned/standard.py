"""Delivery status notifications (RFC 3464), in the shapes of the mail systems that write them."""

from newsletters.bounces.event import EventKind
from tests.corpus.returned.building import READER, Specimen, dsn, in_base64, our_mail

HARD, SOFT, POLICY = EventKind.HARD, EventKind.SOFT, EventKind.POLICY
TEMPORARY, NOTICE = EventKind.TEMPORARY, EventKind.NOTICE


def postfix(status: str, diagnostic: str, *, action: str = "failed", subject: str = "") -> bytes:
    return dsn(
        subject=subject or "Undelivered Mail Returned to Sender",
        notice=f"""This is the mail system at host mx.readers.example.

I could not hand your message over to one or more of its recipients. It is attached below.

                   The mail system

<{READER}>: host mx.readers.example[198.51.100.7] said: {diagnostic} (in reply to RCPT TO command)""",
        status=f"""Reporting-MTA: dns; mail.newsroom.example
X-Postfix-Queue-ID: 4XyZ
X-Postfix-Sender: rfc822; b+token@newsroom.example
Arrival-Date: Mon,  2 Mar 2026 09:00:00 +0000 (UTC)

Final-Recipient: rfc822; {READER}
Original-Recipient: rfc822;{READER}
Action: {action}
Status: {status}
Remote-MTA: dns; mx.readers.example
Diagnostic-Code: smtp; {diagnostic}""",
    )


def gmail(status: str, diagnostic: str, *, action: str = "failed", subject: str = "Failure") -> bytes:
    return dsn(
        sender="Mail Delivery Subsystem <mailer-daemon@googlemail.example>",
        subject=f"Delivery Status Notification ({subject})",
        boundary="000000000000aa11bb22cc33",
        notice_type='text/plain; charset="UTF-8"',
        more="X-Failed-Recipients: olha.reader@readers.example\n" if action == "failed" else "",
        notice=f"""
** Your message has not arrived **

{READER} was not found, or takes no mail.

The other server said:

{diagnostic}""",
        status=f"""Reporting-MTA: dns; googlemail.example
Received-From-MTA: dns; news@newsroom.example
Arrival-Date: Mon, 02 Mar 2026 01:00:00 -0800 (PST)
X-Original-Message-ID: <issue.7.42@newsroom.example>

Final-Recipient: rfc822; {READER}
Action: {action}
Status: {status}
Remote-MTA: dns; gmail-smtp-in.l.google.example. (198.51.100.27, the server for the domain readers.example.)
Diagnostic-Code: smtp; {diagnostic}
Last-Attempt-Date: Mon, 02 Mar 2026 01:00:05 -0800 (PST)""",
    )


def exchange_online(status: str, diagnostic: str) -> bytes:
    return dsn(
        sender="Microsoft Outlook <MicrosoftExchange329e71ec88ae4615bbc36ab6ce41109e@readers.example>",
        subject="Undeliverable: What happened this week",
        boundary="_000_0a1b2c3d_",
        notice_type='text/html; charset="us-ascii"',
        notice=f"""<html><head><meta name="viewport" content="width=device-width"></head><body>
<p><b><font color="000066">Your message to {READER} did not get through.</font></b></p>
<p>Remote Server returned '{diagnostic}'</p></body></html>""",
        status=f"""Reporting-MTA: dns;AM0PR01MB0001.eurprd01.prod.exchangelabs.example
Received-From-MTA: dns;mail.newsroom.example
Arrival-Date: Mon, 2 Mar 2026 09:00:02 +0000

Final-Recipient: rfc822;{READER}
Action: failed
Status: {status}
Diagnostic-Code: smtp;{diagnostic}
X-Display-Name: Olha Reader""",
    )


def exim(diagnostic: str, status: str = "5.0.0") -> bytes:
    return dsn(
        sender="Mail Delivery System <Mailer-Daemon@mx.readers.example>",
        subject="Mail delivery failed: returning message to sender",
        boundary="1772442005-eximdsn-1804289383",
        more=f"X-Failed-Recipients: {READER}\n",
        notice=f"""This message was created automatically by mail delivery software.

A message that you sent could not be handed over to all of its recipients. This is a permanent error.

  {READER}
    host mx.readers.example [198.51.100.7]
    SMTP error from remote mail server after RCPT TO:<{READER}>:
    {diagnostic}""",
        status=f"""Reporting-MTA: dns; mail.newsroom.example

Action: failed
Final-Recipient: rfc822;{READER}
Status: {status}
Remote-MTA: dns; mx.readers.example
Diagnostic-Code: smtp; {diagnostic}""",
    )


def sendmail(status: str, diagnostic: str, *, action: str = "failed") -> bytes:
    return dsn(
        sender="Mail Delivery Subsystem <MAILER-DAEMON@mx.readers.example>",
        subject="Returned mail: see transcript for details"
        if action == "failed"
        else "Warning: still trying",
        boundary="x2290AbC012345.1772442005/mx.readers.example",
        notice=f"""The original message was received at Mon, 2 Mar 2026 09:00:00 GMT
from mail.newsroom.example [192.0.2.10]

   ----- The following addresses had permanent fatal errors -----
<{READER}>
    (reason: {diagnostic})

   ----- Transcript of session follows -----
... while talking to mx.readers.example.:
>>> DATA
<<< {diagnostic}""",
        status=f"""Reporting-MTA: dns; mx.readers.example
Received-From-MTA: DNS; mail.newsroom.example
Arrival-Date: Mon, 2 Mar 2026 09:00:00 GMT

Final-Recipient: RFC822; {READER}
Action: {action}
Status: {status}
Remote-MTA: DNS; mx.readers.example
Diagnostic-Code: SMTP; {diagnostic}
Last-Attempt-Date: Mon, 2 Mar 2026 09:00:05 GMT""",
    )


def minimal(sender: str, subject: str, fields: str, *, notice: str = "It did not arrive.") -> bytes:
    """A DSN with little around its fields."""
    return dsn(sender=sender, subject=subject, notice=notice, status=fields)


def _zimbra() -> bytes:
    return postfix("5.2.2", "552 5.2.2 Over quota").replace(
        b"host mx.readers.example[198.51.100.7] said",
        b"LMTP server zimbra.readers.example[198.51.100.8] said",
    )


def _forwarded() -> bytes:
    """The reader's mailbox passes mail on to another that is gone: the report names only the other."""
    return postfix("5.1.1", "550 5.1.1 no mailbox of that name").replace(
        READER.encode(), b"someone.else@elsewhere.example"
    )


def _alias(other: str) -> bytes:
    return minimal(
        "postmaster@readers.example",
        "Delivery report",
        f"""Reporting-MTA: dns; mx.readers.example

Final-Recipient: rfc822; desk.one@readers.example
Action: failed
Status: 5.1.1
Diagnostic-Code: smtp; 550 5.1.1 no such user

Final-Recipient: rfc822; desk.two@readers.example
Action: {other}
Status: 2.0.0""",
    )


def _own_among_others() -> bytes:
    return minimal(
        "postmaster@readers.example",
        "Delivery report",
        f"""Reporting-MTA: dns; mx.readers.example

Final-Recipient: rfc822; colleague@readers.example
Action: delivered
Status: 2.1.5

Original-Recipient: rfc822; {READER.upper()}
Final-Recipient: x400; C=UA; A=READERS; S=OLHA
Action: failed
Status: 5.1.1""",
    )


def _in_base64() -> bytes:
    about = f"Final-Recipient: rfc822; {READER}\nAction: failed\nStatus: 5.1.1\n"
    status = f"Reporting-MTA: dns; mx.readers.example\n\n{about}"
    return dsn(
        notice="It did not arrive.",
        status_type="message/delivery-status\nContent-Transfer-Encoding: base64",
        status=in_base64(status),
    )


def _as_plain_text_headers() -> bytes:
    return dsn(
        notice="It did not arrive.",
        status=f"Reporting-MTA: dns; mx\n\nFinal-Recipient: rfc822; {READER}\nAction: failed\nStatus: 5.1.1",
        returned="text/rfc822-headers",
        original=our_mail(body=False),
    )


STANDARD = (
    Specimen("postfix, no such user", postfix("5.1.1", "550 5.1.1 No such user here"), HARD, "550 5.1.1"),
    Specimen("postfix, user unknown without a code", postfix("5.0.0", "550 User unknown"), HARD, "550 User"),
    Specimen(
        "postfix, mailbox full", postfix("5.2.2", "552 5.2.2 The mailbox is over its quota"), SOFT, "552"
    ),
    Specimen("postfix, blocked", postfix("5.7.1", "554 5.7.1 Service refused; blocked by a list"), POLICY),
    Specimen("postfix, host not found", postfix("5.4.4", "X-Postfix; Host or domain name not found"), SOFT),
    Specimen(
        "postfix, still trying",
        postfix(
            "4.4.1", "connect to mx.readers.example: timed out", action="delayed", subject="Delayed Mail"
        ),
        TEMPORARY,
    ),
    Specimen("postfix, expired", postfix("4.4.7", "451 4.4.7 delivery time expired"), SOFT),
    Specimen("postfix, delivered on request", postfix("2.1.5", "250 2.1.5 Ok", action="delivered"), NOTICE),
    Specimen(
        "postfix, relayed without a promise", postfix("2.0.0", "250 2.0.0 Ok", action="relayed"), NOTICE
    ),
    Specimen("postfix, expanded", postfix("2.0.0", "250 alias expanded", action="expanded"), NOTICE),
    Specimen("zimbra, over quota", _zimbra(), SOFT),
    Specimen(
        "gmail, no such account",
        gmail(
            "5.1.1",
            "550-5.1.1 The account you write to is not there. Look for typing errors.\n 550 5.1.1 gsmtp",
        ),
        HARD,
        "550",
    ),
    Specimen("gmail, inactive account", gmail("5.2.1", "550-5.2.1 The account is inactive. gsmtp"), SOFT),
    Specimen(
        "gmail, out of storage", gmail("5.2.2", "552-5.2.2 The inbox is out of storage space. gsmtp"), SOFT
    ),
    Specimen(
        "gmail, unauthenticated",
        gmail("5.7.26", "550-5.7.26 Your mail is blocked: the sender is unauthenticated. gsmtp"),
        POLICY,
        "550",
    ),
    Specimen(
        "gmail, likely spam", gmail("5.7.1", "550-5.7.1 This message is likely unsolicited mail."), POLICY
    ),
    Specimen(
        "gmail, delayed",
        gmail("4.4.1", "The recipient server did not accept our requests", action="delayed", subject="Delay"),
        TEMPORARY,
    ),
    Specimen(
        "exchange online, recipient not found",
        exchange_online(
            "5.1.10", "550 5.1.10 RESOLVER.ADR.RecipientNotFound; not found by SMTP address lookup"
        ),
        HARD,
    ),
    Specimen(
        "exchange online, access denied",
        exchange_online("5.4.1", "550 5.4.1 Recipient address rejected: Access denied. AS(201806281)"),
        SOFT,
    ),
    Specimen(
        "outlook.com, authentication level",
        exchange_online("5.7.515", "550 5.7.515 Access denied, the sending domain is not authenticated"),
        POLICY,
    ),
    Specimen(
        "outlook.com, mailbox unavailable",
        postfix("5.5.0", "550 5.5.0 Requested action not taken: mailbox unavailable (S2017062302)"),
        HARD,
    ),
    Specimen(
        "outlook.com, blocked network",
        postfix(
            "5.7.1", "550 5.7.1 Messages from [192.0.2.10] were not sent; part of their network is listed"
        ),
        POLICY,
    ),
    Specimen(
        "exchange on premises, user unknown",
        minimal(
            "postmaster@readers.example",
            "Undeliverable: What happened this week",
            f"""Reporting-MTA: dns;EX01.readers.example

Final-Recipient: rfc822;{READER}
Action: failed
Status: 5.1.1
Diagnostic-Code: smtp;550 5.1.1 RESOLVER.ADR.ExRecipNotFound; not found""",
        ),
        HARD,
    ),
    Specimen(
        "exchange on premises, transport rule",
        minimal(
            "postmaster@readers.example",
            "Undeliverable: What happened this week",
            f"""Reporting-MTA: dns;EX01.readers.example

Final-Recipient: rfc822;{READER}
Action: failed
Status: 5.7.1
Diagnostic-Code: smtp;550 5.7.1 TRANSPORT.RULES.RejectMessage; the message was rejected by policy""",
        ),
        POLICY,
    ),
    Specimen(
        "yahoo, no such account",
        postfix("5.0.0", "554 delivery error: dd This user doesn't have a yahoo.example account (olha) [-5]"),
        HARD,
    ),
    Specimen(
        "yahoo, put off for complaints",
        postfix("4.7.0", "421 4.7.0 [TSS04] Messages from 192.0.2.10 temporarily put off", action="delayed"),
        TEMPORARY,
    ),
    Specimen(
        "yahoo, over quota", postfix("5.2.2", "552 1 Requested mail action aborted, mailbox not found"), SOFT
    ),
    Specimen(
        "icloud, no such user",
        postfix("5.1.1", "550 5.1.1 <olha>: user lookup success but no user record"),
        HARD,
    ),
    Specimen("icloud, over quota", postfix("5.2.2", "552 5.2.2 <olha>: user is over quota"), SOFT),
    Specimen("gmx, mailbox unavailable", exim("550 Requested action not taken: mailbox unavailable"), HARD),
    Specimen("gmx, policy", exim("554 Transaction failed Reject due to policy restrictions."), POLICY),
    Specimen(
        "mail.ru, no such user",
        postfix("5.0.0", "550 Message was not accepted -- invalid mailbox. Local"),
        HARD,
    ),
    Specimen(
        "mail.ru, spam", postfix("5.0.0", "550 spam message rejected. Please visit the help pages"), POLICY
    ),
    Specimen("ukr.net, no such user", postfix("5.1.1", "550 5.1.1 no such user <olha.reader>"), HARD),
    Specimen("ukr.net, mailbox full", postfix("5.2.2", "552 5.2.2 mailbox is full"), SOFT),
    Specimen("exim, unknown user", exim("550 5.1.1 user unknown"), HARD, "550 5.1.1"),
    Specimen("exim, unrouteable address", exim("550 Unrouteable address"), HARD),
    Specimen("exim, quota", exim("552 mailbox quota exceeded for this recipient"), SOFT),
    Specimen("sendmail, user unknown", sendmail("5.1.1", "550 5.1.1 <olha.reader>... User unknown"), HARD),
    Specimen("sendmail, denied", sendmail("5.7.1", "550 5.7.1 Access denied"), POLICY),
    Specimen("sendmail, warning", sendmail("4.2.0", "451 4.2.0 try later", action="delayed"), TEMPORARY),
    Specimen("proofpoint, blocked", postfix("5.7.0", "554 5.7.0 Blocked - see the ipcheck page"), POLICY),
    Specimen("proofpoint, no such recipient", postfix("5.1.1", "550 5.1.1 User Unknown"), HARD),
    Specimen(
        "mimecast, rejected by policy",
        postfix("5.0.0", "550 Rejected by header based anti-spoofing policy"),
        POLICY,
    ),
    Specimen(
        "mimecast, greylisted too long",
        postfix("4.0.0", "451 Internal resources are temporarily unavailable"),
        SOFT,
    ),
    Specimen(
        "barracuda, blocked",
        postfix("5.0.0", "554 Service unavailable; client host blocked using a list"),
        POLICY,
    ),
    Specimen(
        "barracuda, unknown recipient",
        postfix("5.1.1", "550 permanent failure for one or more recipients"),
        HARD,
    ),
    Specimen(
        "amazon ses, no such recipient",
        minimal(
            "MAILER-DAEMON@amazonses.example",
            "Delivery Status Notification (Failure)",
            f"""Reporting-MTA: dns; a8-30.smtp-out.amazonses.example

Action: failed
Final-Recipient: rfc822; {READER}
Diagnostic-Code: smtp; 550 5.1.1 user unknown
Status: 5.1.1""",
        ),
        HARD,
    ),
    Specimen(
        "lotus notes, not listed",
        minimal(
            "Postmaster <postmaster@readers.example>",
            "DELIVERY FAILURE: User Olha Reader not listed in Domino Directory",
            f"""Reporting-MTA: dns;domino.readers.example

Final-Recipient: rfc822;{READER}
Action: failed
Status: 5.1.1
Diagnostic-Code: X-Notes; User Olha Reader (olha) not listed in Domino Directory""",
        ),
        HARD,
    ),
    Specimen(
        "groupwise, mailbox over its limit",
        minimal(
            "postmaster@readers.example",
            "Message status - undeliverable",
            f"""Reporting-MTA: dns; gwia.readers.example

Final-Recipient: rfc822;{READER}
Action: failed
Status: 5.2.2
Diagnostic-Code: X-GroupWise; 5.2.2 recipient is over the disk space limit""",
        ),
        SOFT,
    ),
    Specimen(
        "opensmtpd, its own word for failed",
        minimal(
            "Mailer Daemon <MAILER-DAEMON@mx.readers.example>",
            "Delivery status notification: error",
            f"Reporting-MTA: dns; mx\n\nFinal-Recipient: rfc822; {READER}\nAction: error\nStatus: 5.1.1",
        ),
        HARD,
    ),
    Specimen(
        "a greylisting notice",
        postfix("4.2.0", "450 4.2.0 Greylisted for 300 seconds", action="delayed"),
        TEMPORARY,
    ),
    Specimen("forwarded to an address that is gone", _forwarded(), HARD),
    Specimen("an alias with one dead member", _alias("delivered"), NOTICE),
    Specimen("an alias whose members are all dead", _alias("failed"), HARD),
    Specimen("the reader among others", _own_among_others(), HARD),
    Specimen("a status in base64", _in_base64(), HARD),
    Specimen("only the headers came back", _as_plain_text_headers(), HARD),
    Specimen(
        "codes that disagree",
        postfix("5.7.1", "550 5.1.1 mail from this sender is not taken"),
        POLICY,
    ),
    Specimen("sender rejected", postfix("5.1.8", "553 5.1.8 Sender address has no MX"), POLICY),
    Specimen("null MX", postfix("5.1.10", "556 5.1.10 Recipient domain takes no mail (nullMX)"), HARD),
    Specimen(
        "an internationalised report",
        dsn(
            notice="Не вийшло.",
            notice_type="text/plain; charset=utf-8",
            status_type="message/global-delivery-status",
            status="Reporting-MTA: dns; mx.readers.example\n\nFinal-Recipient: utf-8; ольга@readers.example\n"
            "Action: failed\nStatus: 5.1.1",
        ),
        HARD,
    ),
)
