"""Returned mail at the real door, in SMTP and LMTP: acted upon where a MAC proves it, put aside where
none does.
"""

import smtplib
import socket
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import select

from newsletters.bounces.models import Bounce, BounceKind, Complaint
from newsletters.bounces.quarantined import QuarantinedMail, QuarantineReason
from newsletters.inbound.door import LARGEST_MESSAGE_BYTES, MailDoor
from newsletters.inbound.listening import CannotListen, listening
from newsletters.kernel.db import Database
from newsletters.kernel.tokens import Purpose
from newsletters.mail.models import OutboxMail, OutboxState
from newsletters.mail.outbox import QueuedMail, queue
from newsletters.runtime import Runtime
from newsletters.subscribers.models import Subscriber, Subscription, SubscriptionState
from newsletters.subscribers.suppression_models import SuppressionReason
from tests.conftest import NOW
from tests.corpus.returned.building import MESSAGE_ID, arf, our_mail
from tests.corpus.returned.complaints import comcast, outlook, yahoo
from tests.corpus.returned.odd import away, qmail
from tests.corpus.returned.standard import postfix
from tests.postgres import free_port
from tests.returning import DOMAIN, Door, how_suppressed, issue_to, mail_door

DEAD = postfix("5.1.1", "550 5.1.1 No such user here")
HARD = SuppressionReason.HARD_BOUNCE
COMPLAINTS = f"fbl@{DOMAIN}"


@pytest.fixture
def door(runtime: Runtime) -> Iterator[Door]:
    with mail_door(runtime) as opened:
        yield opened


@pytest.fixture
def issue_and_reader(runtime: Runtime) -> tuple[int, int]:
    issue_id, readers = issue_to(runtime, 3)
    return issue_id, readers[0]


def quarantined(db: Database) -> list[QuarantinedMail]:
    with db.reading() as session:
        return list(session.scalars(select(QuarantinedMail).order_by(QuarantinedMail.id)))


def bounces(db: Database) -> list[Bounce]:
    with db.reading() as session:
        return list(session.scalars(select(Bounce)))


def mails(db: Database) -> list[OutboxMail]:
    with db.reading() as session:
        return list(session.scalars(select(OutboxMail)))


def test_a_bounce_to_its_return_path_stops_mail_to_a_dead_address(
    door: Door, db: Database, issue_and_reader: tuple[int, int]
) -> None:
    code, said = door.deliver(door.paths.for_issue(*issue_and_reader), DEAD)

    assert (code, said) == (250, "2.0.0 Done")
    assert how_suppressed(db, issue_and_reader[1]) is HARD
    assert [(row.kind, row.source) for row in bounces(db)] == [(BounceKind.HARD, "dsn")]
    assert quarantined(db) == []


def test_the_same_bounce_brought_twice_is_one(
    door: Door, db: Database, issue_and_reader: tuple[int, int]
) -> None:
    for _ in range(2):
        door.deliver(door.paths.for_issue(*issue_and_reader), DEAD)

    assert len(bounces(db)) == 1


@pytest.mark.parametrize("where", range(2, 30, 4))
def test_a_bounce_with_a_forged_token_is_refused_before_it_is_read(
    door: Door, db: Database, issue_and_reader: tuple[int, int], where: int
) -> None:
    letters = list(door.paths.for_issue(*issue_and_reader))
    letters[where] = "a" if letters[where] != "a" else "b"

    code, _ = door.deliver("".join(letters), DEAD)

    assert code == 550
    assert (bounces(db), quarantined(db)) == ([], [])


def test_a_forged_bounce_for_a_victim_changes_nothing(
    door: Door, db: Database, issue_and_reader: tuple[int, int]
) -> None:
    """It names the victim everywhere but in a token of ours."""
    forged = DEAD.replace(b"olha.reader", b"reader0")

    code, _ = door.deliver(COMPLAINTS, forged)

    assert code == 250
    assert how_suppressed(db, issue_and_reader[1]) is None
    assert [mail.why for mail in quarantined(db)] == [QuarantineReason.UNKNOWN]


@pytest.mark.parametrize(
    ("raw", "kind"),
    [
        (postfix("4.4.1", "still trying", action="delayed"), BounceKind.TEMPORARY),
        (postfix("2.0.0", "Ok", action="relayed"), BounceKind.NOTICE),
        (away("Automatic reply: away", "Auto-Submitted: auto-replied\n"), BounceKind.NOTICE),
        (qmail("554 5.7.1 blocked by our policy"), BounceKind.POLICY),
    ],
)
def test_what_is_no_failure_of_the_address_is_kept_and_does_nothing(
    door: Door, db: Database, issue_and_reader: tuple[int, int], raw: bytes, kind: BounceKind
) -> None:
    code, _ = door.deliver(door.paths.for_issue(*issue_and_reader), raw)

    assert code == 250
    assert [row.kind for row in bounces(db)] == [kind]
    assert how_suppressed(db, issue_and_reader[1]) is None
    assert mails(db) == []


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (away("Re: news", body="Thank you for this"), QuarantineReason.UNKNOWN),
        (b"no header at all\r\n", QuarantineReason.UNREADABLE),
        (b"\0\xff\xfe" * 50_000, QuarantineReason.UNREADABLE),
        (b'Content-Type: multipart/mixed; boundary="x"\r\n' * 40 + b"\r\n", QuarantineReason.UNREADABLE),
        (b"Subject: x\r\n\r\n" + b"A" * 900_000 + b"\r\n", QuarantineReason.UNKNOWN),
    ],
)
def test_what_says_nothing_is_kept_for_an_editor(
    door: Door, db: Database, issue_and_reader: tuple[int, int], raw: bytes, why: QuarantineReason
) -> None:
    code, _ = door.deliver(door.paths.for_issue(*issue_and_reader), raw)

    assert code == 250
    kept = quarantined(db)
    assert [(mail.why, mail.subscriber_id) for mail in kept] == [(why, issue_and_reader[1])]
    assert kept[0].size >= len(raw)


def test_a_bounce_about_a_reader_who_is_gone_is_kept(door: Door, db: Database) -> None:
    code, _ = door.deliver(door.paths.for_issue(1, 999_999), DEAD)

    assert code == 250
    assert [mail.why for mail in quarantined(db)] == [QuarantineReason.FOREIGN]


def _url(door: Door, subscription_id: int, issue_id: int) -> str:
    runtime = door.runtime
    return runtime.urls.unsubscribe(runtime.signer.sign(Purpose.UNSUBSCRIBE, subscription_id, issue_id))


@pytest.mark.parametrize("shape", [yahoo, comcast, outlook])
@pytest.mark.parametrize("trace", ["return path", "mailto", "url"])
def test_a_complaint_is_resolved_by_anything_we_signed(
    door: Door, db: Database, issue_and_reader: tuple[int, int], shape: object, trace: str
) -> None:
    issue_id, reader = issue_and_reader
    with db.reading() as session:
        found = select(Subscription.id).where(Subscription.subscriber_id == reader)
        subscription_id = session.scalars(found).one()
    original = our_mail(
        to="redacted", return_path=door.paths.for_issue(issue_id, reader) if trace == "return path" else ""
    )
    value = (
        f"<{_url(door, subscription_id, issue_id)}>"
        if trace == "url"
        else f"<mailto:{door.paths.unsubscribe(subscription_id, issue_id)}?subject=unsubscribe>"
    )
    if trace != "return path":
        original = f"List-Unsubscribe: {value}\n{original}"

    code, _ = door.deliver(COMPLAINTS, shape(original), sender="feedback@provider.example")  # type: ignore[operator]

    assert code == 250
    assert how_suppressed(db, reader) is SuppressionReason.COMPLAINT
    with db.reading() as session:
        assert session.scalars(select(Complaint.issue_id)).one() == issue_id


def test_a_complaint_about_a_digest_is_resolved_by_its_way_out(
    door: Door, db: Database, issue_and_reader: tuple[int, int]
) -> None:
    _, reader_id = issue_and_reader
    with db.transaction() as session:
        reader = session.get_one(Subscriber, reader_id)
        digest = queue(session, QueuedMail("digest", reader.email, "en", {}, reader_id), now=NOW)
        digest.state = OutboxState.ACCEPTED
        found = select(Subscription.id).where(Subscription.subscriber_id == reader_id)
        subscription_id = session.scalars(found).one()
    leave = door.runtime.urls.unsubscribe(door.runtime.signer.sign(Purpose.UNSUBSCRIBE, subscription_id))
    original = f"List-Unsubscribe: <{leave}>\n{our_mail(to='redacted', return_path='')}"

    door.deliver(COMPLAINTS, yahoo(original), sender="feedback@provider.example")

    assert how_suppressed(db, reader_id) is SuppressionReason.COMPLAINT
    assert quarantined(db) == []


def test_the_report_itself_may_carry_the_return_path(
    door: Door, db: Database, issue_and_reader: tuple[int, int]
) -> None:
    path = door.paths.for_issue(*issue_and_reader)
    raw = arf(report=f"Feedback-Type: abuse\nOriginal-Mail-From: <{path}>", original=our_mail(body=False))

    door.deliver(COMPLAINTS, raw, sender="feedback@provider.example")

    assert how_suppressed(db, issue_and_reader[1]) is SuppressionReason.COMPLAINT


def test_a_complaint_that_only_names_a_message_waits_with_a_guess(
    door: Door, db: Database, issue_and_reader: tuple[int, int]
) -> None:
    """A Message-ID proves nothing: anybody may have seen one."""
    issue_id, reader = issue_and_reader
    named = MESSAGE_ID.replace("7.42", f"{issue_id}.{reader}")
    original = our_mail(to="redacted").replace(MESSAGE_ID, named)

    code, _ = door.deliver(COMPLAINTS, yahoo(original), sender="feedback@provider.example")

    assert code == 250
    assert how_suppressed(db, reader) is None
    kept = quarantined(db)[0]
    assert (kept.why, kept.kind) == (QuarantineReason.UNPROVEN, "complaint")
    assert (kept.issue_id, kept.subscriber_id) == (issue_id, reader)


@pytest.mark.parametrize("type_", ["not-spam", "auth-failure"])
def test_a_report_that_is_no_complaint_is_ignored(
    door: Door, db: Database, issue_and_reader: tuple[int, int], type_: str
) -> None:
    path = door.paths.for_issue(*issue_and_reader)
    raw = arf(report=f"Feedback-Type: {type_}\nOriginal-Mail-From: <{path}>", original=our_mail())

    code, _ = door.deliver(COMPLAINTS, raw, sender="feedback@provider.example")

    assert code == 250
    assert how_suppressed(db, issue_and_reader[1]) is None
    assert quarantined(db) == []


def test_nothing_is_ever_answered(door: Door, db: Database, issue_and_reader: tuple[int, int]) -> None:
    path = door.paths.for_issue(*issue_and_reader)

    for raw in (DEAD, yahoo(), away("Automatic reply: x", "Auto-Submitted: auto-replied\n"), b"garbage"):
        door.deliver(path, raw, sender="somebody@elsewhere.example")
        door.deliver(COMPLAINTS, raw, sender="")

    assert mails(db) == []


def test_lmtp_has_a_reply_for_each_recipient(
    door: Door, db: Database, issue_and_reader: tuple[int, int]
) -> None:
    issue_id, reader = issue_and_reader
    with door.lmtp() as connection:
        connection.ehlo()
        connection.mail("")
        taken = [
            connection.rcpt(address)[0]
            for address in (
                door.paths.for_issue(issue_id, reader),
                "b+forged@newsroom.example",
                door.paths.for_issue(issue_id, 999_999),
            )
        ]
        replies = _data(connection, DEAD, count=2)

    assert taken == [250, 550, 250]
    assert [reply[:3] for reply in replies] == ["250", "250"]
    assert replies[0] != replies[1]
    assert how_suppressed(db, reader) is HARD
    assert [mail.why for mail in quarantined(db)] == [QuarantineReason.FOREIGN]


def test_lmtp_repeats_a_refusal_of_the_whole_message_for_each_recipient(
    door: Door, issue_and_reader: tuple[int, int]
) -> None:
    with door.lmtp() as connection:
        connection.ehlo()
        connection.mail("")
        for _ in range(2):
            connection.rcpt(door.paths.for_issue(*issue_and_reader))
        replies = _data(connection, b"Subject: x\r\n\r\n" + b"x" * 900 + b"\r\n" + b"y" * 2_000_000, count=2)
        after = connection.noop()

    assert [reply[:3] for reply in replies] == ["500", "500"]
    assert after[0] == 250


def _data(connection: smtplib.SMTP, raw: bytes, *, count: int) -> list[str]:
    """Send a message and read one reply for each of ``count`` recipients."""
    connection.docmd("DATA")
    connection.send(smtplib._quote_periods(raw).rstrip(b"\r\n") + b"\r\n.\r\n")  # type: ignore[attr-defined]
    return [
        " ".join((str(code), said.decode())) for code, said in (connection.getreply() for _ in range(count))
    ]


def test_lmtp_listens_on_a_socket_file(runtime: Runtime, tmp_path: Path) -> None:
    with mail_door(runtime) as door:
        path = tmp_path / "lmtp.sock"
        path.write_text("left behind by a killed process")
        handler = MailDoor(runtime, door.paths)
        with listening(handler, port=free_port(), lmtp=str(path)), smtplib.LMTP(str(path)) as connection:
            connection.ehlo()
            connection.mail("")
            code, _ = connection.rcpt("nobody@newsroom.example")

    assert code == 550
    assert not path.exists()


def test_a_place_that_is_not_to_be_had_is_named(runtime: Runtime, tmp_path: Path) -> None:
    with mail_door(runtime) as door, closing(socket.create_server(("127.0.0.1", 0))) as taken:
        handler, port = MailDoor(runtime, door.paths), taken.getsockname()[1]
        tries = {
            f"INBOUND_PORT {port} ": listening(handler, port=port, lmtp=""),
            f"INBOUND_LMTP {port} ": listening(handler, port=free_port(), lmtp=str(port)),
            f"INBOUND_LMTP {tmp_path} ": listening(handler, port=free_port(), lmtp=str(tmp_path)),
            "INBOUND_LMTP /none/x ": listening(handler, port=free_port(), lmtp="/none/x"),
        }
        for said, tried in tries.items():
            with pytest.raises(CannotListen, match=f"^{said}cannot be used"), tried:
                pass


def test_a_second_recipient_in_smtp_has_to_come_again(door: Door, issue_and_reader: tuple[int, int]) -> None:
    with door.smtp() as connection:
        connection.helo()
        connection.mail("")
        codes = [connection.rcpt(door.paths.for_issue(*issue_and_reader))[0] for _ in range(2)]

    assert codes == [250, 452]


def test_a_database_that_is_away_lets_mail_come_again(
    door: Door, db: Database, issue_and_reader: tuple[int, int]
) -> None:
    path = door.paths.for_issue(*issue_and_reader)
    with db.engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE bounces RENAME TO bounces_away")

    code, said = door.deliver(path, DEAD)
    with db.engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE bounces_away RENAME TO bounces")
    again, _ = door.deliver(path, DEAD)

    assert (code, said) == (451, "4.3.0 Not now, try again later")
    assert again == 250
    assert how_suppressed(db, issue_and_reader[1]) is HARD


def test_a_mail_larger_than_any_bounce_is_refused(door: Door, issue_and_reader: tuple[int, int]) -> None:
    line = b"x" * 98 + b"\r\n"

    code, _ = door.deliver(
        door.paths.for_issue(*issue_and_reader), line * (LARGEST_MESSAGE_BYTES // len(line) + 10)
    )

    assert code == 552


SMUGGLED = [b"\n.\n", b"\n.\r\n", b"\r.\r", b"\r.\r\n", b"\r\n.\r", b"\r\n.\n", b"\r\n\0.\r\n"]


@pytest.mark.parametrize("end", SMUGGLED)
def test_a_second_mail_cannot_be_smuggled_in_the_first(
    door: Door, db: Database, issue_and_reader: tuple[int, int], end: bytes
) -> None:
    """An end of data that is none does not end it: what follows is text of the same mail (RFC 5321
    section 4.1.1.4).
    """
    issue_id, reader = issue_and_reader
    victim = door.paths.for_issue(issue_id, reader + 1)
    hidden = b"MAIL FROM:<>\r\nRCPT TO:<%s>\r\nDATA\r\n%s" % (victim.encode(), DEAD)
    with (
        socket.create_connection(("127.0.0.1", door.smtp_port), timeout=60) as raw,
        raw.makefile("rb") as heard,
    ):
        heard.readline()
        for line in (
            b"HELO x",
            b"MAIL FROM:<>",
            b"RCPT TO:<%s>" % door.paths.for_issue(issue_id, reader).encode(),
        ):
            raw.sendall(line + b"\r\n")
            heard.readline()
        raw.sendall(b"DATA\r\n")
        heard.readline()
        raw.sendall(DEAD.rstrip(b"\r\n") + end + hidden + b"\r\n.\r\nQUIT\r\n")
        replies = [line[:3] for line in heard.read().splitlines()]

    assert replies == [b"250", b"221"]
    assert (how_suppressed(db, reader), how_suppressed(db, reader + 1)) == (HARD, None)


@pytest.mark.parametrize(
    "local", ["editor", "b", "b+", "b+aeaaa", "unsubscribe+", "root", "fbl+x", "a" * 300, "é"]
)
def test_an_unknown_recipient_is_refused_while_the_other_server_listens(door: Door, local: str) -> None:
    with door.smtp() as connection:
        connection.ehlo()
        connection.mail("", ["SMTPUTF8"])
        connection.command_encoding = "utf-8"
        code, _ = connection.rcpt(f"{local}@{DOMAIN}")

    assert code == 550


def test_a_single_mail_that_comes_back_reaches_its_reader(
    door: Door, db: Database, issue_and_reader: tuple[int, int]
) -> None:
    with db.transaction() as session:
        reader = session.get_one(Subscriber, issue_and_reader[1])
        mail = queue(session, QueuedMail("confirm", reader.email, "en", {}, reader.id), now=NOW)
        session.flush()
        path = door.paths.for_mail(mail.id)

    door.deliver(path, DEAD)

    assert how_suppressed(db, reader.id) is HARD
    with db.reading() as session:
        state = session.scalars(
            select(Subscription.state).where(Subscription.subscriber_id == reader.id)
        ).one()
    assert state is SubscriptionState.BOUNCED
