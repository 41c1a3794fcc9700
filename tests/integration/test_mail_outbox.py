"""The outbox against a real database and the real sink: sent once, retried the same, settled for good."""

import os
import signal
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from config import Config
from newsletters.kernel.clock import FixedClock
from newsletters.kernel.db import Database
from newsletters.kernel.tokens import Signer
from newsletters.mail import claims
from newsletters.mail.gatekeeper import Leave
from newsletters.mail.models import OutboxMail, OutboxState
from newsletters.mail.office import Office
from newsletters.mail.outbox import (
    COMPOSED,
    QueuedMail,
    composed,
    forget_settled,
    forget_subscriber,
    next_due_at,
    queue,
)
from newsletters.mail.replies import Reply
from newsletters.mail.sending import OutboxSender, Sent
from newsletters.mail.slots import slot
from newsletters.mail.verp import MailBounce
from tests.conftest import NOW
from tests.mailcheck import checked, html_of, text_of
from tests.scripted import ScriptedServer
from tests.sink import PROJECT, SinkProcess, wait_until

LETTER = b"Subject: A letter\r\n\r\nWords\r\n"
INVITATION = {"inviter": "Olena", "url": "https://news.example/desk/invitation/token", "days": 7}


@pytest.fixture
def config(config: Config, sink: SinkProcess) -> Config:
    return replace(config, smtp_url=sink.smtp_url, bounce_domain="bounces.newsroom.example")


@pytest.fixture
def office(config: Config) -> Office:
    return Office.from_config(config, Signer([b"k" * 40]))


class Post:
    """Queues and sends; remembers who was refused."""

    def __init__(self, db: Database, clock: FixedClock, office: Office) -> None:
        self.db, self.clock, self.office = db, clock, office
        self.refused: list[tuple[int, str]] = []

    def queue(self, recipient: str = "reader@readers.example", **fields: object) -> int:
        mail = QueuedMail(
            **{"kind": "invitation", "recipient": recipient, "language": "en", "params": INVITATION, **fields}  # type: ignore[arg-type]
        )
        with self.db.transaction() as session:
            row = queue(session, mail, now=self.clock.now())
            session.flush()
            return row.id

    def send(self) -> Sent:
        with self.office.connection() as connection:
            return OutboxSender(
                db=self.db,
                clock=self.clock,
                office=self.office,
                connection=connection,
                on_refused=self.remember,
                chance=lambda: 0.5,
            ).run()

    def remember(self, session: Session, mail: OutboxMail, reply: Reply) -> None:
        assert session.get_one(OutboxMail, mail.id).state is OutboxState.FAILED
        self.refused.append((mail.id, str(reply)))

    def row(self, mail_id: int) -> OutboxMail:
        with self.db.reading() as session:
            row = session.get_one(OutboxMail, mail_id)
            session.expunge(row)
            return row


@pytest.fixture
def post(db: Database, clock: FixedClock, office: Office) -> Post:
    return Post(db, clock, office)


def test_a_queued_mail_is_sent_and_settled(post: Post, sink: SinkProcess, office: Office) -> None:
    mail_id = post.queue()

    sent = post.send()

    row, kept = post.row(mail_id), sink.message(to="reader@readers.example")
    assert (sent.accepted, sent.postponed, sent.failed) == (1, 0, 0)
    assert (row.state, row.attempts, row.params, row.settled_at) == (OutboxState.ACCEPTED, 1, {}, NOW)
    assert row.reply.startswith("250 2.0.0")
    assert office.paths.read(kept.mail_from, now=NOW) == MailBounce(mail_id)
    parsed = checked(kept.raw)
    assert parsed["Auto-Submitted"] == "auto-generated"
    assert parsed["Message-ID"] == f"<{row.message_id}@newsroom.example>"
    assert "https://news.example/desk/invitation/token" in text_of(parsed)
    assert 'href="https://news.example/desk/invitation/token"' in html_of(parsed)


def test_a_sent_mail_is_not_sent_again(post: Post, sink: SinkProcess) -> None:
    post.queue()
    post.send()

    again = post.send()

    assert again == Sent()
    assert sink.stats()["messages"] == 1


def test_a_mail_of_a_transaction_that_failed_is_never_sent(post: Post, sink: SinkProcess) -> None:
    with pytest.raises(ZeroDivisionError), post.db.transaction() as session:
        queue(session, QueuedMail("invitation", "reader@readers.example", "en", INVITATION), now=NOW)
        session.flush()
        raise ZeroDivisionError

    assert post.send() == Sent()
    assert sink.messages() == []


def test_a_deferred_mail_is_tried_again_after_a_minute(post: Post, sink: SinkProcess) -> None:
    sink.faults({"fault": "451-4.7.1", "times": 1})
    mail_id = post.queue()

    first = post.send()
    waiting = post.row(mail_id)
    post.clock.advance(timedelta(seconds=59))
    too_early = post.send()
    post.clock.advance(timedelta(seconds=1))
    second = post.send()

    assert (first.postponed, too_early, second.accepted) == (1, Sent(), 1)
    assert waiting.due_at == NOW + timedelta(seconds=60)
    assert (waiting.attempts, waiting.leased_until) == (1, None)
    assert waiting.reply.startswith("rcpt: 451 4.7.1")
    assert waiting.params == INVITATION
    assert post.row(mail_id).attempts == 2


def test_a_mail_in_doubt_goes_out_again_as_the_same_mail(post: Post, sink: SinkProcess) -> None:
    sink.faults({"fault": "drop-after-dot", "times": 1})
    mail_id = post.queue()

    post.send()
    post.clock.advance(timedelta(minutes=2))
    post.send()

    copies = sink.messages(to="reader@readers.example")
    assert [copies[0].raw] * 2 == [copy.raw for copy in copies]
    assert post.row(mail_id).state is OutboxState.ACCEPTED


def test_a_refused_mail_is_settled_and_told(post: Post, sink: SinkProcess) -> None:
    sink.faults({"fault": "550-5.1.1"})
    mail_id = post.queue()

    sent = post.send()

    row = post.row(mail_id)
    assert sent.failed == 1
    assert (row.state, row.params, row.attempts) == (OutboxState.FAILED, {}, 1)
    assert post.refused == [(mail_id, row.reply)]
    assert row.reply.startswith("550 5.1.1")


def test_what_is_refused_here_is_no_bounce(post: Post, sink: SinkProcess) -> None:
    sink.faults({"fault": "no-smtputf8"})
    mail_id = post.queue("ツ@readers.example")

    post.send()

    assert post.row(mail_id).state is OutboxState.FAILED
    assert post.row(mail_id).reply.startswith("550 5.6.7")
    assert post.refused == []


def test_a_server_that_is_away_takes_no_attempt_from_anybody(post: Post, sink: SinkProcess) -> None:
    first, second = post.queue("first@readers.example"), post.queue("second@readers.example")
    sink.stop()

    sent = post.send()

    assert sent.postponed == 1
    assert [post.row(first).attempts, post.row(second).attempts] == [0, 0]
    assert post.row(second).due_at == NOW
    sink.start()
    post.clock.advance(timedelta(seconds=60))
    assert post.send().accepted == 2


def test_a_mail_the_server_hangs_up_on_does_not_hold_up_the_next(post: Post, sink: SinkProcess) -> None:
    sink.faults({"match": "unlucky@*", "fault": "drop-at-rcpt"})
    unlucky, lucky = post.queue("unlucky@readers.example"), post.queue("lucky@readers.example")

    sent = post.send()

    assert (sent.postponed, sent.accepted) == (1, 1)
    assert (post.row(unlucky).attempts, post.row(unlucky).state) == (1, OutboxState.WAITING)
    assert post.row(lucky).state is OutboxState.ACCEPTED


def test_a_server_that_always_hangs_up_is_left_alone(post: Post, sink: SinkProcess) -> None:
    sink.faults({"fault": "drop-at-rcpt"})
    ids = [post.queue(f"reader{number}@readers.example") for number in range(4)]

    sent = post.send()

    assert sent.postponed == 2
    assert [post.row(mail_id).attempts for mail_id in ids] == [1, 1, 0, 0]


def test_a_mail_nobody_ever_takes_is_given_up_after_three_days(post: Post, sink: SinkProcess) -> None:
    sink.faults({"fault": "451-4.2.1"})
    mail_id = post.queue()

    tries = 0
    while post.row(mail_id).state is OutboxState.WAITING:
        post.send()
        tries += 1
        post.clock.advance(timedelta(hours=4))

    row = post.row(mail_id)
    assert row.state is OutboxState.FAILED
    assert row.settled_at is not None and row.settled_at - NOW <= timedelta(days=3)
    assert row.reply.startswith("given up: rcpt: 451 4.2.1")
    assert row.params == {}
    assert tries > 10
    assert post.refused == []


def test_a_mail_that_cannot_be_composed_holds_up_no_other(post: Post, sink: SinkProcess) -> None:
    broken = post.queue("broken@readers.example", params={})
    unknown = post.queue("unknown@readers.example", kind="no_such_kind")
    unsafe = post.queue("unsafe@readers.example", sender_name="a\r\nBcc: x@y.example")
    good = post.queue("good@readers.example")

    sent = post.send()

    assert (sent.postponed, sent.failed, sent.accepted) == (2, 1, 1)
    states = [post.row(mail_id).state for mail_id in (broken, unknown, unsafe, good)]
    assert states == [OutboxState.WAITING, OutboxState.WAITING, OutboxState.FAILED, OutboxState.ACCEPTED]
    assert [message.recipients for message in sink.messages()] == [["good@readers.example"]]


def test_the_next_mail_does_not_begin_before_the_last_is_committed(post: Post, sink: SinkProcess) -> None:
    sink.faults({"match": "unlucky@*", "fault": "550-5.1.1"})
    unlucky, lucky = post.queue("unlucky@readers.example"), post.queue("lucky@readers.example")

    def cannot_commit(_session: Session, _mail: OutboxMail, _reply: Reply) -> None:
        raise OSError("disk full")

    with post.office.connection() as connection, pytest.raises(OSError, match="disk full"):
        OutboxSender(
            db=post.db,
            clock=post.clock,
            office=post.office,
            connection=connection,
            on_refused=cannot_commit,
        ).run()

    assert post.row(unlucky).state is OutboxState.WAITING
    assert post.row(lucky).attempts == 0
    assert sink.messages() == []


def test_somebody_asking_to_stop_is_heard_between_two_mails(post: Post, sink: SinkProcess) -> None:
    for number in range(3):
        post.queue(f"reader{number}@readers.example")

    with post.office.connection() as connection:
        sender = OutboxSender(db=post.db, clock=post.clock, office=post.office, connection=connection)
        sent = sender.run(should_stop=lambda: sender.sent.accepted == 2)

    assert sent.accepted == 2
    assert sink.stats()["messages"] == 2


def test_many_workers_send_each_mail_once(post: Post, sink: SinkProcess) -> None:
    ids = [post.queue(f"reader{number}@readers.example") for number in range(60)]

    with ThreadPoolExecutor(6) as pool:
        runs = [pool.submit(post.send) for _ in range(6)]
        accepted = sum(run.result().accepted for run in runs)

    stats = sink.stats()
    assert accepted == len(ids)
    assert (stats["messages"], stats["distinct_recipients"], stats["duplicates"]) == (60, 60, 0)


def test_a_worker_that_froze_past_its_lease_writes_nothing(post: Post) -> None:
    mail_id = post.queue()
    frozen = _claimed(post)
    post.clock.advance(claims.LEASE)
    second = _claimed(post)

    with post.db.transaction() as session:
        stale = claims.settle(
            session, frozen, OutboxState.FAILED, reply="stale", now=post.clock.now()
        ) or claims.keep(session, frozen, now=post.clock.now())
        fresh = claims.keep(session, second, now=post.clock.now())

    assert (stale, fresh) == (False, True)
    assert (post.row(mail_id).state, post.row(mail_id).fence) == (OutboxState.WAITING, 2)


def test_a_leased_mail_is_nobody_elses(post: Post) -> None:
    post.queue()
    _claimed(post)

    assert post.send() == Sent()


def test_a_worker_killed_in_the_middle_loses_nothing(
    post: Post, sink: SinkProcess, config: Config, database_url: str
) -> None:
    sink.faults({"fault": "dot-slow-30"})
    mail_id = post.queue()
    environment = os.environ | {
        "DATABASE_URL": database_url,
        "SMTP_URL": sink.smtp_url,
        "ENGINE_URL": "memory://",
        "DATA_DIR": str(config.data_dir),
        "SECRET_KEY": "k" * 40,
        "ADDRESS_HASH_KEY": "h" * 40,
    }
    program = (
        "from config import Config; from newsletters.runtime import build;"
        "from newsletters.tasks.outbox import send_outbox; send_outbox(build(Config.from_env()))"
    )
    worker = subprocess.Popen([sys.executable, "-c", program], cwd=PROJECT, env=environment)
    wait_until(lambda: sum(sink.fault_hits()), timeout=60, what="the last dot")
    worker.send_signal(signal.SIGKILL)
    worker.wait()
    sink.faults()
    leased_until = post.row(mail_id).leased_until
    assert leased_until is not None
    post.clock.advance(leased_until - NOW)

    sent = post.send()

    assert sent.accepted == 1
    assert post.row(mail_id).state is OutboxState.ACCEPTED


def _claimed(post: Post) -> claims.Claim:
    with post.db.transaction() as session:
        claim = claims.claim_next(session, now=post.clock.now())
    assert claim is not None
    return claim


def test_a_composed_mail_goes_out_as_it_was_given(post: Post, sink: SinkProcess) -> None:
    params = composed(
        subject=f"[TEST] Dear {slot('name', 'reader')}",
        text=f"Dear {slot('name', 'reader')}, {{{{ not.a.template }}}}",
        html=f"<p>Dear {slot('name', 'reader')}</p>",
        sender_email="news@explaining.example",
        reply_to="editor@explaining.example",
        values={"name": "Olena <3"},
        headers=(("List-Id", "<test.explaining.example>"),),
    )
    post.queue(kind=COMPOSED, params=params, sender_name="Explaining Ukraine")

    post.send()

    parsed = checked(sink.message().raw)
    assert parsed["Subject"] == "[TEST] Dear Olena <3"
    assert str(parsed["From"]) == "Explaining Ukraine <news@explaining.example>"
    assert (parsed["Reply-To"], parsed["List-Id"]) == (
        "editor@explaining.example",
        "<test.explaining.example>",
    )
    assert text_of(parsed) == "Dear Olena <3, {{ not.a.template }}"
    assert html_of(parsed) == "<p>Dear Olena &lt;3</p>"


def test_a_mail_about_a_subscription_can_be_left_with_one_click(post: Post, sink: SinkProcess) -> None:
    url = "https://news.example/unsubscribe/token"
    post.queue(params=INVITATION | {"list_unsubscribe_url": url})

    post.send()

    parsed = checked(sink.message().raw)
    assert parsed["List-Unsubscribe"] == f"<{url}>"
    assert parsed["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"


@pytest.fixture
def dues(post: Post) -> Iterator[list[datetime | None]]:
    seen: list[datetime | None] = []

    def look() -> None:
        with post.db.reading() as session:
            seen.append(next_due_at(session))

    look()
    post.queue()
    look()
    _claimed(post)
    look()
    post.clock.advance(claims.LEASE)
    post.send()
    look()
    yield seen


def test_the_next_due_mail_is_known(dues: list[datetime | None]) -> None:
    assert dues == [None, NOW, NOW + claims.LEASE, None]


def test_an_erased_reader_leaves_no_mail_behind(post: Post) -> None:
    post.queue(subscriber_id=7)
    post.queue(subscriber_id=8)

    with post.db.transaction() as session:
        forget_subscriber(session, 7)

    with post.db.reading() as session:
        assert list(session.scalars(select(OutboxMail.subscriber_id))) == [8]


def test_settled_mails_are_forgotten_in_time_and_waiting_ones_never(post: Post) -> None:
    post.queue("sent@readers.example")
    post.send()
    waiting = post.queue("waiting@readers.example")

    with post.db.transaction() as session:
        forget_settled(session, before=NOW + timedelta(seconds=1))

    with post.db.reading() as session:
        assert list(session.scalars(select(OutboxMail.id))) == [waiting]


def test_while_the_first_server_is_away_mail_goes_over_the_next(
    db: Database, clock: FixedClock, config: Config, sink: SinkProcess
) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as nobody:
        away = f"smtp://127.0.0.1:{nobody.getsockname()[1]}"
    servers = replace(config, smtp_url=f"{away} {sink.smtp_url}")
    post = Post(db, clock, Office.from_config(servers, Signer([b"k" * 40])))
    mail_ids = [post.queue(f"reader{number}@readers.example") for number in range(3)]

    sent = post.send()

    assert (sent.accepted, sent.postponed) == (3, 0)
    assert [post.row(mail_id).attempts for mail_id in mail_ids] == [1, 1, 1]
    assert sink.stats()["connections"]["total"] == 1


def test_a_connection_that_has_carried_its_share_of_a_kind_makes_way(post: Post, sink: SinkProcess) -> None:
    with post.office.connection() as connection:
        for number in range(5):
            leave = Leave(NOW, group="google", most=2)
            connection.send(sender="", recipient=f"r{number}@gmail.com", message=LETTER, leave=leave)

    assert sorted(Counter(message.connection for message in sink.messages()).values()) == [1, 2, 2]


def test_a_mail_goes_over_the_server_it_has_leave_for(
    db: Database, clock: FixedClock, config: Config, sink: SinkProcess
) -> None:
    with ScriptedServer({}) as first:
        servers = replace(config, smtp_url=f"{first.url} {sink.smtp_url}")
        office = Office.from_config(servers, Signer([b"k" * 40]))
        with office.connection() as connection:
            leave = Leave(NOW, [office.servers[1].name])
            connection.send(sender="", recipient="reader@readers.example", message=LETTER, leave=leave)

    assert (first.connections, len(sink.messages())) == (0, 1)
    assert connection.used == office.servers[1].name


def test_a_mail_that_one_server_refused_is_not_offered_to_the_next(
    db: Database, clock: FixedClock, config: Config, sink: SinkProcess
) -> None:
    with ScriptedServer({"RCPT": b"550 5.1.1 nobody\r\n", "DATA": b"503 5.5.1 nobody\r\n"}) as first:
        servers = replace(config, smtp_url=f"{first.url} {sink.smtp_url}")
        post = Post(db, clock, Office.from_config(servers, Signer([b"k" * 40])))
        post.queue()
        sent = post.send()

    assert (sent.accepted, sent.failed) == (0, 1)
    assert sink.messages() == []


def test_with_no_server_left_the_mail_waits_and_no_attempt_is_spent(
    db: Database, clock: FixedClock, config: Config
) -> None:
    with (
        ScriptedServer({"GREETING": b"554 5.3.2 no\r\n"}) as first,
        ScriptedServer({"GREETING": b"554 5.3.2 no\r\n"}) as second,
    ):
        servers = replace(config, smtp_url=f"{first.url} {second.url}")
        post = Post(db, clock, Office.from_config(servers, Signer([b"k" * 40])))
        mail_id = post.queue()
        sent = post.send()

    assert (sent.accepted, sent.postponed) == (0, 1)
    assert post.row(mail_id).attempts == 0
    assert (first.connections, second.connections) == (1, 1)
