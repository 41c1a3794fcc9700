"""Readers' answers go on to the editors; what a machine wrote goes nowhere, so nothing can go round in
circles.
"""

from collections.abc import Iterator
from dataclasses import replace
from email import message_from_bytes, policy

import pytest
from sqlalchemy import select

from newsletters.accounts.models import Role
from newsletters.bounces.quarantined import QuarantinedMail, QuarantineReason
from newsletters.inbound import forwarding
from newsletters.kernel.db import Database
from newsletters.mail.models import OutboxMail
from newsletters.mail.office import Office
from newsletters.mail.sending import OutboxSender
from newsletters.runtime import Runtime
from tests.corpus.returned.building import mail
from tests.corpus.returned.odd import away
from tests.corpus.returned.standard import postfix
from tests.factories import make_editor, make_newsletter
from tests.returning import Door, mail_door
from tests.sink import SinkProcess

READER = "olha.reader@readers.example"
DESK = "desk@newsroom.example"
LETTER = "letters@newsroom.example"


def answer(more: str = "", *, body: str = "Thank you for <b>this</b> issue.", sender: str = READER) -> bytes:
    return mail(
        f"From: Olha Reader <{sender}>\nTo: {LETTER}\nSubject: Re: What happened this week\n{more}", body
    )


@pytest.fixture
def door(runtime: Runtime) -> Iterator[Door]:
    configured = replace(runtime, config=replace(runtime.config, replies_to=(DESK,)))
    with runtime.db.transaction() as session:
        make_newsletter(
            session, name="Explaining Ukraine", reply_to=LETTER, sender_email="news@newsroom.example"
        )
    with mail_door(configured) as opened:
        yield opened


def forwarded(db: Database) -> list[OutboxMail]:
    with db.reading() as session:
        return list(session.scalars(select(OutboxMail).order_by(OutboxMail.id)))


def quarantined(db: Database) -> list[QuarantinedMail]:
    with db.reading() as session:
        return list(session.scalars(select(QuarantinedMail)))


@pytest.mark.parametrize(
    "recipient",
    [
        LETTER,
        LETTER.upper(),
        "news@newsroom.example",
        "newsletters@newsroom.example",
        "postmaster@newsroom.example",
    ],
)
def test_an_answer_goes_on_to_the_editors(door: Door, db: Database, recipient: str) -> None:
    code, said = door.deliver(recipient, answer(), sender=READER)

    assert (code, said) == (250, "2.0.0 Done")
    assert [(row.kind, row.recipient) for row in forwarded(db)] == [("reader_reply", DESK)]


def test_the_editors_get_the_whole_mail_and_can_answer_it(
    door: Door, db: Database, runtime: Runtime, sink: SinkProcess
) -> None:
    door.deliver(LETTER, answer(), sender=READER)

    office = Office.from_config(replace(runtime.config, smtp_url=sink.smtp_url), runtime.signer)
    with office.connection() as connection:
        OutboxSender(db=db, clock=runtime.clock, office=office, connection=connection).run()

    kept = sink.message()
    parsed = message_from_bytes(kept.raw, policy=policy.default)
    assert (parsed["To"], parsed["Reply-To"]) == (DESK, READER)
    assert parsed["Auto-Submitted"] == "auto-generated"
    assert parsed["Subject"] == "Answer to Explaining Ukraine: Re: What happened this week"
    assert kept.detail["breaches"] == []
    html = parsed.get_body(("html",))
    assert html is not None
    assert "Thank you for &lt;b&gt;this&lt;/b&gt; issue." in html.get_content()
    attached = [part for part in parsed.walk() if part.get_content_type() == "message/rfc822"]
    assert attached[0].get_content()["From"] == f"Olha Reader <{READER}>"


MACHINES = {
    "an automatic reply": away("Automatic reply: x", "Auto-Submitted: auto-replied\n"),
    "a vacation": away("Out of office"),
    "a receipt": answer("X-Autoreply: yes\n"),
}
NOT_A_PERSON = {
    "automatic": answer("Auto-Submitted: auto-generated\n"),
    "bulk": answer("Precedence: bulk\n"),
    "a list": answer("List-Id: <other.example>\n"),
    "another newsletter": answer("List-Unsubscribe: <https://x.example>\n"),
    "ours": answer(sender=LETTER),
    "gone round": answer("Received: from a by b; Mon, 2 Mar 2026 09:00:00 +0000\n" * 31),
}


@pytest.mark.parametrize("name", MACHINES)
def test_what_a_machine_answers_is_dropped(door: Door, db: Database, name: str) -> None:
    code, _ = door.deliver(LETTER, MACHINES[name], sender=READER)

    assert code == 250
    assert (forwarded(db), quarantined(db)) == ([], [])


@pytest.mark.parametrize("name", NOT_A_PERSON)
def test_what_no_person_wrote_is_put_aside(door: Door, db: Database, name: str) -> None:
    code, _ = door.deliver(LETTER, NOT_A_PERSON[name], sender=READER)

    assert code == 250
    assert forwarded(db) == []
    assert [row.why for row in quarantined(db)] == [QuarantineReason.MISDIRECTED]


def test_what_we_forward_is_never_forwarded_again(
    door: Door, db: Database, runtime: Runtime, sink: SinkProcess
) -> None:
    """The editors' mailbox sends everything back to where the answers come in: the loop ends at once."""
    door.deliver(LETTER, answer(), sender=READER)
    office = Office.from_config(replace(runtime.config, smtp_url=sink.smtp_url), runtime.signer)
    with office.connection() as connection:
        OutboxSender(db=db, clock=runtime.clock, office=office, connection=connection).run()

    code, _ = door.deliver(LETTER, sink.message().raw, sender=DESK)

    assert code == 250
    assert len(forwarded(db)) == 1
    assert len(quarantined(db)) == 1


def test_a_bounce_to_the_address_of_answers_waits_with_a_guess(door: Door, db: Database) -> None:
    code, _ = door.deliver(LETTER, postfix("5.1.1", "550 5.1.1 No such user here"), sender="")

    assert code == 250
    kept = quarantined(db)[0]
    assert (kept.why, kept.kind, kept.reply) == (
        QuarantineReason.MISDIRECTED,
        "hard",
        "550 5.1.1 No such user here",
    )


def test_without_a_setting_answers_go_to_the_owners(runtime: Runtime, db: Database) -> None:
    with db.transaction() as session:
        make_newsletter(session, reply_to=LETTER)
        owner = make_editor(session, role=Role.OWNER)
        make_editor(session, role=Role.EDITOR)
        make_editor(session, role=Role.OWNER, email=LETTER, email_key=LETTER)

    with mail_door(runtime) as door:
        door.deliver(LETTER, answer(), sender=READER)

    assert [row.recipient for row in forwarded(db)] == [owner.email]


def test_one_who_writes_too_often_has_to_wait(door: Door, db: Database) -> None:
    for _ in range(forwarding.FROM_ONE.most):
        door.deliver(LETTER, answer(), sender=READER)

    code, _ = door.deliver(LETTER, answer(), sender=READER)
    other, _ = door.deliver(LETTER, answer(), sender="another@readers.example")

    assert (code, other) == (451, 250)
    assert len(forwarded(db)) == forwarding.FROM_ONE.most + 1


def test_an_answer_too_large_to_pass_on_is_refused(door: Door, db: Database) -> None:
    body = ("x" * 70 + "\n") * (forwarding.LARGEST_BYTES // 70)

    code, _ = door.deliver(LETTER, answer(body=body), sender=READER)

    assert code == 552
    assert (forwarded(db), quarantined(db)) == ([], [])
