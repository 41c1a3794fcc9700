"""Readers at the desk: found, understood, helped, exported and erased."""

import csv
import io
import json

import pytest
from flask.testing import FlaskClient

from newsletters.accounts.models import AuditEntry, Role
from newsletters.delivery.models import DeliveryState
from newsletters.kernel.db import Database
from newsletters.mail.models import OutboxMail
from newsletters.publishing.models import Newsletter
from newsletters.runtime import Runtime
from newsletters.subscribers import suppression
from newsletters.subscribers.exporting import PIECE
from newsletters.subscribers.models import (
    ConsentEvent,
    Subscriber,
    Subscription,
    SubscriptionState,
)
from newsletters.subscribers.suppression_models import Suppression, SuppressionReason
from tests.conftest import NOW
from tests.desk import post, signed_in
from tests.factories import make_newsletter, make_subscriber, make_subscription
from tests.whole_story import furnish

XSS = "<script>alert(1)</script><img src=x onerror=alert(1)>\"'><svg onload=alert(1)>"


def test_a_persons_page_tells_their_whole_history(
    client: FlaskClient, db: Database, runtime: Runtime
) -> None:
    signed_in(client, db, Role.EDITOR)
    with db.transaction() as session:
        _, reader = furnish(session, runtime)

    page = client.get(f"/desk/readers/{reader.id}").get_data(as_text=True)

    for words in (
        "Signed up for Explaining Ukraine",
        "With the form “plain” on https://paper.example/plain",
        "Agreed to version 1 of the words:",
        "Send me Explaining Ukraine by e-mail.",
        "Confirmed Explaining Ukraine",
        "By the six digits from the mail",
        "Unsubscribed from Explaining Ukraine",
        "Paused Explaining Ukraine",
        "We wrote the confirmation mail",
        "Their mail server did not take the confirmation mail",
        "The server said: 550 5.7.1 plain",
        "After 3 attempts",
        "A machine, not a person, followed the links",
        "Their mail server took “accepted plain”",
        "“bounced plain” was refused for good",
        "“unknown plain” may have arrived: the server’s answer was lost",
        "“failed plain” could not be delivered",
        "“cancelled plain” was not sent",
        "“waiting plain” is on its way",
        "The server said: 450 4.2.1 plain",
        "A mail came back: the mailbox does not exist",
        "The reader reported our mail as unwanted",
        "All mail is stopped: the reader reported our mail as unwanted",
    ):
        assert words in page, words


def test_nothing_that_came_in_by_mail_runs_on_a_page_of_the_desk(
    client: FlaskClient, db: Database, runtime: Runtime
) -> None:
    signed_in(client, db)
    with db.transaction() as session:
        newsletter, reader = furnish(session, runtime, text=XSS)
    paths = (
        f"/desk/readers/{reader.id}",
        "/desk/readers",
        f"/desk/newsletters/{newsletter.id}",
        "/desk/suppressions",
        f"/desk/suppressions?search={reader.email}",
        f"/desk/readers?search={XSS}",
        "/desk/audit",
    )

    pages = {path: client.get(path).get_data(as_text=True) for path in paths}

    for path, page in pages.items():
        assert "<script>alert" not in page, path
        assert "<img src=x" not in page, path
        assert "<svg onload" not in page, path
    assert "&lt;script&gt;alert(1)" in pages[f"/desk/readers/{reader.id}"]


def test_the_list_is_searched_filtered_and_paged(client: FlaskClient, db: Database) -> None:
    signed_in(client, db)
    with db.transaction() as session:
        news, other = make_newsletter(session, name="News"), make_newsletter(session, name="Other")
        for number in range(60):
            make_subscription(session, news, make_subscriber(session, f"r{number:02}@readers.example"))
        make_subscription(
            session,
            other,
            make_subscriber(session, "odd@readers.example"),
            state=SubscriptionState.UNSUBSCRIBED,
        )

    everybody = client.get("/desk/readers").get_data(as_text=True)
    found = client.get("/desk/readers?search=r4").get_data(as_text=True)
    left = client.get(f"/desk/readers?newsletter={other.id}&state=unsubscribed").get_data(as_text=True)
    nobody = client.get(f"/desk/readers?newsletter={news.id}&state=bounced").get_data(as_text=True)

    assert everybody.count("@readers.example</a>") == 50
    assert 'rel="next"' in everybody
    assert found.count("@readers.example</a>") == 10
    assert left.count("@readers.example</a>") == 1
    assert "Nobody like that" in nobody


@pytest.mark.parametrize(
    "query",
    [
        "newsletter=x",
        "newsletter=99999999999999999999",
        "state=x",
        "after=x",
        "after=W10",
        "search=%ff",
    ],
)
def test_a_made_up_question_is_no_error(client: FlaskClient, db: Database, query: str) -> None:
    signed_in(client, db)

    assert client.get(f"/desk/readers?{query}").status_code == 200
    assert client.get(f"/desk/suppressions?{query}").status_code == 200
    assert client.get(f"/desk/audit?{query}&editor=99999999999999999999").status_code == 200


def test_what_no_keyboard_types_is_refused(client: FlaskClient, db: Database) -> None:
    signed_in(client, db)

    assert client.get("/desk/readers?search=%00").status_code == 400
    assert post(client, "/desk/account/name", {"name": "Ada\0"}).status_code == 400


def test_a_reader_who_is_not_there_is_not_found(client: FlaskClient, db: Database) -> None:
    signed_in(client, db)

    assert client.get("/desk/readers/404").status_code == 404
    assert client.get("/desk/readers/99999999999999999999999").status_code == 404


def test_an_editor_stops_and_allows_mail_and_both_are_written_down(client: FlaskClient, db: Database) -> None:
    editor = signed_in(client, db, Role.EDITOR)
    with db.transaction() as session:
        reader = make_subscriber(session)
    path = f"/desk/readers/{reader.id}"

    post(client, f"{path}/suppress", {"reason": "asked by telephone"})
    with db.reading() as session:
        stopped = session.query(Suppression).one()
    post(client, f"{path}/lift", {"reason": "wrote to editor@newsroom.example\r\nroot signed in"})

    with db.reading() as session:
        lifted = session.query(Suppression).one()
        lines = [
            (line.actor_id, line.action, line.subject_id, line.detail)
            for line in session.query(AuditEntry).order_by(AuditEntry.id)
        ]
    assert (stopped.reason, stopped.detail, stopped.actor) == (
        SuppressionReason.EDITOR,
        "asked by telephone",
        editor.name,
    )
    assert stopped.lifted_at is None
    assert lifted.lifted_at == NOW
    assert lines == [
        (editor.id, "suppression.added", reader.id, "asked by telephone"),
        (editor.id, "suppression.lifted", reader.id, r"wrote to [address]\r\nroot signed in"),
    ]


@pytest.mark.parametrize("action", ["suppress", "lift"])
def test_neither_happens_without_a_reason(client: FlaskClient, db: Database, action: str) -> None:
    signed_in(client, db)
    with db.transaction() as session:
        reader = make_subscriber(session)
        suppression.suppress(
            session, address_hash=reader.address_hash, reason=SuppressionReason.HARD_BOUNCE, now=NOW
        )

    answer = post(client, f"/desk/readers/{reader.id}/{action}", {"reason": "  "})

    assert answer.status_code == 422
    with db.reading() as session:
        entry = session.query(Suppression).one()
        assert session.query(AuditEntry).count() == 0
    assert entry.lifted_at is None
    assert entry.reason is SuppressionReason.HARD_BOUNCE


def test_a_preferences_link_is_mailed_to_the_reader_alone(client: FlaskClient, db: Database) -> None:
    signed_in(client, db, Role.EDITOR)
    with db.transaction() as session:
        reader = make_subscriber(session)

    answer = post(client, f"/desk/readers/{reader.id}/link", follow_redirects=True)

    with db.reading() as session:
        mail = session.query(OutboxMail).one()
    assert (mail.kind, mail.recipient) == ("preferences", reader.email)
    assert mail.params["preferences_url"] not in answer.get_data(as_text=True)


def test_nobody_who_complained_gets_a_link(client: FlaskClient, db: Database) -> None:
    signed_in(client, db)
    with db.transaction() as session:
        reader = make_subscriber(session)
        suppression.suppress(
            session, address_hash=reader.address_hash, reason=SuppressionReason.COMPLAINT, now=NOW
        )

    answer = post(client, f"/desk/readers/{reader.id}/link", follow_redirects=True)

    assert "the link was not sent" in answer.get_data(as_text=True)
    with db.reading() as session:
        assert session.query(OutboxMail).count() == 0


def test_an_owner_hands_out_everything_about_a_reader(
    client: FlaskClient, db: Database, runtime: Runtime
) -> None:
    signed_in(client, db)
    with db.transaction() as session:
        _, reader = furnish(session, runtime)

    answer = post(client, f"/desk/readers/{reader.id}/data")

    data = json.loads(answer.get_data(as_text=True))
    assert answer.headers["Content-Disposition"] == f'attachment; filename="reader-{reader.id}.json"'
    assert data["address"] == reader.email
    assert len(data["deliveries"]) == len(DeliveryState)
    assert len(data["consent"]) == len(ConsentEvent)
    with db.reading() as session:
        assert session.query(AuditEntry).one().action == "reader.exported"


def test_a_reader_is_erased_only_by_typing_their_address(
    client: FlaskClient, db: Database, runtime: Runtime
) -> None:
    signed_in(client, db)
    with db.transaction() as session:
        _, reader = furnish(session, runtime)
    path = f"/desk/readers/{reader.id}/erase"

    refused = post(client, path, {"address": "somebody.else@readers.example"})
    with db.reading() as session:
        kept = session.get(Subscriber, reader.id)
    done = post(client, path, {"address": " Grace@READERS.example "})

    assert refused.status_code == 422
    assert kept is not None
    assert done.status_code == 303
    with db.reading() as session:
        assert session.get(Subscriber, reader.id) is None
        line = session.query(AuditEntry).one()
    assert (line.action, line.subject_id, line.detail) == ("reader.erased", reader.id, "")
    found = client.get(f"/desk/suppressions?search={reader.email}").get_data(as_text=True)
    assert "known by hash only" in found


def test_a_suppression_of_somebody_erased_can_be_found_and_lifted(
    client: FlaskClient, db: Database, runtime: Runtime
) -> None:
    editor = signed_in(client, db, Role.EDITOR)
    with db.transaction() as session:
        suppression.suppress(
            session,
            address_hash=runtime.digester.address("gone@readers.example"),
            reason=SuppressionReason.ERASED,
            now=NOW,
        )
        entry_id = session.query(Suppression).one().id

    post(client, f"/desk/suppressions/{entry_id}/lift", {"reason": "asked to come back"})
    page = client.get("/desk/suppressions?search=Gone@readers.example").get_data(as_text=True)

    assert f"asked to come back ({editor.name})" in page
    with db.reading() as session:
        assert session.query(AuditEntry).one().action == "suppression.lifted"


FORMULAS = ["=cmd|/c@example.org", "+1@example.org", "-2@example.org"]


def exported(client: FlaskClient, newsletter: Newsletter, **form: str) -> list[dict[str, str]]:
    answer = post(client, f"/desk/newsletters/{newsletter.id}/export", form)
    return list(csv.DictReader(io.StringIO(answer.get_data(as_text=True).removeprefix("\ufeff"))))


def test_an_export_is_safe_to_open_in_a_spreadsheet(client: FlaskClient, db: Database) -> None:
    signed_in(client, db)
    with db.transaction() as session:
        newsletter = make_newsletter(session)
        for email in FORMULAS:
            make_subscription(session, newsletter, make_subscriber(session, email, name="@SUM(A1)"))

    safe = exported(client, newsletter)
    raw = exported(client, newsletter, raw="y")

    assert [row["email"] for row in safe] == [f"'{email}" for email in FORMULAS]
    assert {row["name"] for row in safe} == {"'@SUM(A1)"}
    assert [row["email"] for row in raw] == FORMULAS


def test_an_export_of_many_pieces_holds_exactly_the_newsletters_readers(
    client: FlaskClient, db: Database
) -> None:
    owner = signed_in(client, db)
    with db.transaction() as session:
        newsletter, other = make_newsletter(session), make_newsletter(session)
        make_subscription(session, other)
        make_subscription(session, newsletter, state=SubscriptionState.PENDING)
        readers = [
            Subscriber(email=f"r{n}@readers.example", email_key=f"r{n}", address_hash=f"{n}", created_at=NOW)
            for n in range(2 * PIECE)
        ]
        session.add_all(readers)
        session.flush()
        session.add_all(
            Subscription(
                subscriber_id=reader.id,
                newsletter_id=newsletter.id,
                state=SubscriptionState.ACTIVE,
                requested_at=NOW,
                confirmed_at=NOW,
            )
            for reader in readers
        )

    rows = exported(client, newsletter)

    assert [row["email"] for row in rows[1:]] == [reader.email for reader in readers]
    assert [row["state"] for row in rows[:2]] == ["pending", "active"]
    assert rows[1]["confirmed_at"] == NOW.isoformat()
    with db.reading() as session:
        line = session.query(AuditEntry).one()
    assert (line.actor_id, line.action, line.subject_id) == (owner.id, "readers.exported", newsletter.id)


def test_an_export_with_quotes_and_line_breaks_comes_back_whole(client: FlaskClient, db: Database) -> None:
    signed_in(client, db)
    with db.transaction() as session:
        newsletter = make_newsletter(session)
        make_subscription(session, newsletter, make_subscriber(session, name='Anne, "the\nreader"; ü'))

    rows = exported(client, newsletter)

    assert rows[0]["name"] == 'Anne, "the\nreader"; ü'
