"""Returned mail of no standard: words for people, machines that answer, and mail that is no bounce at all."""

from newsletters.bounces.event import EventKind
from tests.corpus.returned.building import READER, Specimen, in_base64, mail, our_mail, plain

HARD, SOFT, POLICY = EventKind.HARD, EventKind.SOFT, EventKind.POLICY
TEMPORARY, NOTICE = EventKind.TEMPORARY, EventKind.NOTICE


def qmail(words: str) -> bytes:
    return plain(
        f"""Hi. This is the qmail-send program at mx.readers.example.
I'm afraid I wasn't able to deliver your message to the following addresses.
This is a permanent error; I've given up. Sorry it didn't work out.

<{READER}>:
{words}

--- Below this line is a copy of the message.

{our_mail()}""",
        sender="MAILER-DAEMON@mx.readers.example",
        subject="failure notice",
    )


def old_exim(words: str, *, subject: str = "Mail delivery failed: returning message to sender") -> bytes:
    return plain(
        f"""This message was created automatically by mail delivery software.

A message that you sent could not be delivered to one or more of its
recipients. This is a permanent error. The following address(es) failed:

  {READER}
    {words}

------ This is a copy of the message, including all the headers. ------

{our_mail()}""",
        sender="Mail Delivery System <Mailer-Daemon@mx.readers.example>",
        subject=subject,
        more=f"X-Failed-Recipients: {READER}\nAuto-Submitted: auto-replied\n",
    )


def away(subject: str, more: str = "", body: str = "I am out until Monday. No such luck before.") -> bytes:
    return plain(body, sender=f"Olha Reader <{READER}>", subject=subject, more=more)


def _two_parts(sender: str, subject: str, words: str, more: str = "") -> bytes:
    return mail(
        f"""From: {sender}
To: b+token@newsroom.example
Subject: {subject}
{more}MIME-Version: 1.0
Content-Type: multipart/mixed; boundary="=_two_parts" """,
        f"""--=_two_parts
Content-Type: text/plain; charset=us-ascii

{words}

--=_two_parts
Content-Type: message/rfc822

{our_mail()}
--=_two_parts--
""",
    )


def _in_base64() -> bytes:
    words = f"На жаль, лист не доставлено.\n\n<{READER}>: 550 5.1.1 такої скриньки немає, user unknown\n"
    return plain(
        in_base64(words),
        sender="Mail Delivery System <mailer-daemon@пошта.example>",
        subject="=?utf-8?b?0JvQuNGB0YIg0L3QtSDQtNC+0YHRgtCw0LLQu9C10L3Qvg==?=",
        more="Content-Transfer-Encoding: base64\n",
    )


ODD = (
    Specimen("qmail, no mailbox", qmail("Sorry, no mailbox here by that name. (#5.1.1)"), HARD, "550 5.1.1"),
    Specimen(
        "qmail, remote refusal",
        qmail("198.51.100.7 does not like it.\nRemote host said: 550 5.1.1 unknown user\nGiving up on it."),
        HARD,
        "550 5.1.1",
    ),
    Specimen("qmail, mailbox full", qmail("The user's mailbox is full. (#5.2.2)"), SOFT),
    Specimen("qmail, refused for policy", qmail("Remote host said: 554 5.7.1 blocked by our policy"), POLICY),
    Specimen("qmail, no host", qmail("Sorry, I couldn't find any host by that name. (#5.1.2)"), HARD),
    Specimen("old exim, unknown user", old_exim("unknown user"), HARD),
    Specimen("old exim, quota", old_exim("mailbox is full: quota exceeded"), SOFT),
    Specimen("old exim, retry timeout", old_exim("retry timeout exceeded"), SOFT),
    Specimen("old exim, refused", old_exim("SMTP error: 550 5.7.1 Message rejected as spam"), POLICY),
    Specimen(
        "old exim, warning",
        plain(
            f"""This message was created automatically by mail delivery software.
A message that you sent has not yet been delivered to one or more of its
recipients after more than 24 hours on the queue on mx.readers.example.

The address to which the message has not yet been delivered is:

  {READER}
    Delay reason: connection timed out

No action is required on your part. Delivery attempts will continue for
some time, and this warning may be repeated.""",
            sender="Mail Delivery System <Mailer-Daemon@mx.readers.example>",
            subject="Warning: message 1abc delayed 24 hours",
        ),
        TEMPORARY,
    ),
    Specimen(
        "old yahoo",
        plain(
            f"""Message from yahoo.example.
Unable to deliver message to the following address(es).

<{READER}>:
This user doesn't have a yahoo.example account (olha.reader) [0]

--- Original message follows.

{our_mail()}""",
            sender="MAILER-DAEMON@yahoo.example",
            subject="failure notice",
        ),
        HARD,
    ),
    Specimen(
        "old gmail",
        plain(
            f"""Delivery to the following recipient failed permanently:

     {READER}

Technical details of permanent failure:
The server returned: 550 5.1.1 <{READER}> recipient unknown

----- Original message -----

{our_mail()}""",
            sender="Mail Delivery Subsystem <mailer-daemon@googlemail.example>",
            subject="Delivery Status Notification (Failure)",
        ),
        HARD,
        "550 5.1.1",
    ),
    Specimen(
        "old exchange",
        _two_parts(
            "System Administrator <postmaster@readers.example>",
            "Undeliverable: What happened this week",
            f"""Your message

  To:      {READER}
  Subject: What happened this week

did not reach the following recipient(s):

{READER} on Mon, 2 Mar 2026 09:00:05 +0000
    The recipient name is not recognized: no such user in the organization
    The MTS-ID of the original message is: c=ua;a= ;p=readers
    MSEXCH:IMS:Readers:MAIL 0 (000C05A6) Unknown Recipient""",
        ),
        HARD,
    ),
    Specimen(
        "old groupwise",
        _two_parts(
            "Mailer-Daemon@gw.readers.example",
            "Message status - undeliverable",
            f"The message that you sent was undeliverable to the following:\n\t<{READER}> (user not found)",
            more="X-Mailer: Novell GroupWise Internet Agent 5.5.3.1\n",
        ),
        HARD,
    ),
    Specimen(
        "old netscape",
        _two_parts(
            "Mail Administrator <Postmaster@mx.readers.example>",
            "Mail System Error - Returned Mail",
            f"""This Message was undeliverable due to the following reason:

The user's mailbox has exceeded its storage limits: 552 quota exceeded

Please reply to Postmaster@mx.readers.example, {READER}""",
        ),
        SOFT,
    ),
    Specimen(
        "smtp32, user not known",
        plain(
            f"User mailbox exceeds allowed size: {READER}\n\nOriginal message follows.\n\n{our_mail()}",
            sender="Postmaster <postmaster@mx.readers.example>",
            subject="Undeliverable Mail",
            more="X-Mailer: <SMTP32 v8.05>\n",
        ),
        SOFT,
    ),
    Specimen(
        "dovecot, an over-quota answer dressed as a receipt",
        mail(
            """From: Mail Delivery Subsystem <postmaster@readers.example>
To: b+token@newsroom.example
Subject: Automatically rejected mail
Auto-Submitted: auto-replied (rejected)
MIME-Version: 1.0
Content-Type: multipart/report; report-type=disposition-notification; boundary="dovecot" """,
            f"""--dovecot
Content-Type: text/plain; charset=utf-8

Your message to <{READER}> was automatically rejected:
Quota exceeded (mailbox for user is full)

--dovecot
Content-Type: message/disposition-notification

Reporting-UA: mx.readers.example; Dovecot Mail Delivery Agent
Final-Recipient: rfc822; {READER}
Disposition: automatic-action/MDN-sent-automatically; deleted

--dovecot--
""",
        ),
        SOFT,
    ),
    Specimen("a bounce in Ukrainian and base64", _in_base64(), HARD, "550 5.1.1"),
    Specimen(
        "mailenable",
        plain(
            f"""Message could not be delivered to some recipients.

Recipient: [SMTP:{READER}]
Reason: 550 5.1.1 unknown user

Message headers follow:

{our_mail(body=False)}""",
            sender="MailEnable Postmaster <Postmaster@readers.example>",
            subject="Message Delivery Failure",
        ),
        HARD,
    ),
    Specimen(
        "out of office, Exchange",
        away(
            "Automatic reply: What happened this week",
            "X-Auto-Response-Suppress: All\nAuto-Submitted: auto-generated\n",
        ),
        NOTICE,
    ),
    Specimen(
        "out of office, vacation",
        away("Re: What happened", "Auto-Submitted: auto-replied\nPrecedence: bulk\n"),
        NOTICE,
    ),
    Specimen("out of office, in German", away("Abwesenheitsnotiz: What happened this week"), NOTICE),
    Specimen("out of office, in Ukrainian", away("Автоматична відповідь: що сталося"), NOTICE),
    Specimen("out of office, nothing but a header", away("I will be back", "X-Autoreply: yes\n"), NOTICE),
    Specimen(
        "somebody left, says a machine",
        away(
            "Automatic reply: news", body="Olha no longer works here. This mailbox does not exist any more."
        ),
        NOTICE,
    ),
    Specimen(
        "a ticket was opened", away("[#1234] We got your message", "Auto-Submitted: auto-replied\n"), NOTICE
    ),
    Specimen(
        "a read receipt",
        mail(
            """From: olha.reader@readers.example
Subject: Read: What happened this week
Content-Type: multipart/report; report-type=disposition-notification; boundary=mdn
MIME-Version: 1.0""",
            """--mdn
Content-Type: text/plain

Your message was displayed.

--mdn
Content-Type: message/disposition-notification

Disposition: manual-action/MDN-sent-manually; displayed

--mdn--
""",
        ),
        NOTICE,
    ),
    Specimen(
        "challenge and response, says so",
        away("Please confirm your message", "Auto-Submitted: auto-replied (challenge)\n"),
        NOTICE,
    ),
    Specimen(
        "challenge and response, says nothing",
        away(
            "Are you a person? Follow this link", body="I take mail from people only: https://prove.example/x"
        ),
        None,
    ),
    Specimen(
        "a person answers the return path",
        away("Re: What happened this week", body="Thank you! I read 550 pages."),
        None,
    ),
    Specimen(
        "a person asks to be left alone",
        away("Re: news", body="Please stop. My mailbox is full of this."),
        None,
    ),
    Specimen(
        "spam to a return path", plain("Buy now", sender="Shop <shop@spam.example>", subject="Cheap"), None
    ),
    Specimen("nothing but a header", b"Subject: hello\r\n\r\n", None),
    Specimen("nothing at all", b"", None),
    Specimen("no header", b"hello\r\n\r\nworld\r\n", None),
)
