"""A reader's own data: receipts with the very words, everything as a page and as a file, plain erasure."""

import pytest
from flask.testing import FlaskClient

from newsletters.bounces.models import Bounce, BounceKind, Complaint
from newsletters.delivery.models import Delivery, DeliveryState
from newsletters.kernel.tokens import Purpose
from newsletters.publishing import newsletters as publishing
from newsletters.publishing.models import IssueState, Newsletter
from newsletters.publishing.newsletter_fields import WordingFields
from newsletters.runtime import Runtime
from newsletters.web.public.clocks import Clocks
from newsletters.web.public.signup import NEWSLETTER_PAGE
from tests.conftest import NOW
from tests.factories import make_issue, make_subscriber
from tests.mailbox import Reader, newsletter

PAGE = "https://newsroom.example/articles/<b>grain</b>"


@pytest.fixture
def news(runtime: Runtime) -> Newsletter:
    return newsletter(runtime, slug="weekly", name="Weekly")


@pytest.fixture
def reader(runtime: Runtime, news: Newsletter) -> Reader:
    """Somebody who signed up on an article and confirmed; the words have changed since."""
    reader = Reader(runtime, email="olena@readers.example")
    reader.signs_up(news, form="article-box", page=PAGE, name="Olena")
    reader.confirms()
    with runtime.db.transaction() as session:
        publishing.add_wording(
            session,
            session.get_one(Newsletter, news.id),
            WordingFields("Quite other words."),
            actor="owner",
            now=NOW,
        )
    return reader


@pytest.fixture
def page(runtime: Runtime, reader: Reader) -> str:
    return f"/preferences/{runtime.signer.sign(Purpose.PREFERENCES, reader.row.id, 1)}"


def test_a_receipt_says_the_very_words_the_moment_the_form_and_the_page(
    client: FlaskClient, page: str
) -> None:
    receipts = client.get(f"{page}/receipts").get_data(as_text=True)

    assert "Send me Weekly by e-mail." in receipts
    assert "Quite other words." not in receipts
    assert "version 1 of these words" in receipts
    assert "2 March 2026, 09:00 UTC" in receipts
    assert "form <code>article-box</code>" in receipts
    assert "https://newsroom.example/articles/&lt;b&gt;grain&lt;/b&gt;" in receipts
    assert "You asked for it" in receipts
    assert "You confirmed it" in receipts


def test_receipts_can_be_kept_as_a_text(client: FlaskClient, page: str) -> None:
    answer = client.get(f"{page}/receipts.txt")

    text = answer.get_data(as_text=True)
    assert answer.mimetype == "text/plain"
    assert 'filename="my-consent.txt"' in answer.headers["Content-Disposition"]
    assert answer.headers["Cache-Control"] == "no-store"
    assert "    Send me Weekly by e-mail." in text
    assert "2 March 2026, 09:00:00 UTC" in text
    assert PAGE in text
    assert "olena@readers.example" in text


def test_moments_are_told_by_the_newsletters_clocks_and_never_without_the_offset(
    client: FlaskClient, runtime: Runtime, news: Newsletter, page: str
) -> None:
    with runtime.db.transaction() as session:
        session.get_one(Newsletter, news.id).timezone = "Europe/Kyiv"

    receipts = client.get(f"{page}/receipts").get_data(as_text=True)
    text = client.get(f"{page}/receipts.txt").get_data(as_text=True)
    data = client.get(f"{page}/data").get_data(as_text=True)

    assert "2 March 2026, 11:00 UTC+2" in receipts
    assert "2 March 2026, 11:00:00 UTC+2" in text
    assert "2 Mar 2026, 11:00 UTC+2</time>" in data
    assert "09:00" not in text
    assert "by the clocks of Europe/Kyiv" in data


@pytest.mark.parametrize(
    ("place", "offset"),
    [
        ("UTC", "UTC"),
        ("America/St_Johns", "UTC−3:30"),
        ("Asia/Kolkata", "UTC+5:30"),
        ("Europe/Kyiv", "UTC+2"),
    ],
)
def test_an_offset_is_told_as_people_write_it(place: str, offset: str) -> None:
    assert Clocks(place).offset(NOW) == offset


def test_our_own_pages_have_names_that_readers_know(
    client: FlaskClient, runtime: Runtime, news: Newsletter
) -> None:
    reader = Reader(runtime, email="taras@readers.example")
    reader.signs_up(news, form=NEWSLETTER_PAGE)
    reader.confirms()
    page = f"/preferences/{runtime.signer.sign(Purpose.PREFERENCES, reader.row.id, 1)}"

    for name in ("receipts", "receipts.txt"):
        shown = client.get(f"{page}/{name}?lang=uk").get_data(as_text=True)
        assert "на сторінці самої розсилки" in shown
        assert NEWSLETTER_PAGE not in shown


def test_withdrawals_and_pauses_have_receipts_too(client: FlaskClient, reader: Reader, page: str) -> None:
    leaving = f"/unsubscribe/{reader.runtime.signer.sign(Purpose.UNSUBSCRIBE, 1)}"
    client.post(f"{leaving}/pause")
    client.post(leaving, data={"List-Unsubscribe": "One-Click"})

    receipts = client.get(f"{page}/receipts").get_data(as_text=True)

    assert "You paused it" in receipts
    assert "You unsubscribed</strong> with the button of your mail program" in receipts


def test_the_page_and_the_file_hold_what_every_part_of_us_knows(
    client: FlaskClient, runtime: Runtime, news: Newsletter, reader: Reader, page: str
) -> None:
    number = reader.row.id
    with runtime.db.transaction() as session:
        issue = make_issue(
            session,
            news,
            subject="What <i>happened</i>",
            state=IssueState.SENT,
            started_at=NOW,
            content_hash="x",
        )
        sent = {"state": DeliveryState.BOUNCED, "reply": "550 5.1.1 no such mailbox", "settled_at": NOW}
        session.add(Delivery(issue_id=issue.id, subscriber_id=number, **sent))
        back = {"kind": BounceKind.HARD, "reply": "550 gone", "event_key": "k", "domain": "d"}
        session.add(Bounce(subscriber_id=number, at=NOW, **back))
        session.add(Complaint(subscriber_id=number, source="arf", at=NOW))

    data = client.get(f"{page}/download").json
    shown = client.get(f"{page}/data").get_data(as_text=True)

    assert data is not None
    assert [row["issue"] for row in data["deliveries"]] == ["What <i>happened</i>"]
    assert [row["kind"] for row in data["mails"]] == ["confirm"]
    assert [row["reply"] for row in data["returned_mail"]] == ["550 gone"]
    assert [row["from"] for row in data["complaints"]] == ["arf"]
    assert [row["event"] for row in data["consent"]] == ["requested", "confirmed"]
    for words in ("What &lt;i&gt;happened&lt;/i&gt;", "550 5.1.1 no such mailbox", "550 gone", "Olena"):
        assert words in shown
    assert "very many forms came in at that time" in shown
    assert "refused by your mail server" in shown
    assert "Asking you to confirm" in shown
    assert "our mail was reported as unwanted" in shown


def test_a_reader_who_has_nothing_sees_that(client: FlaskClient, runtime: Runtime, reader: Reader) -> None:
    with runtime.db.transaction() as session:
        nobody = make_subscriber(session)
    page = f"/preferences/{runtime.signer.sign(Purpose.PREFERENCES, nobody.id, 1)}"

    answers = [client.get(f"{page}/{part}") for part in ("receipts", "receipts.txt", "data")]

    assert [answer.status_code for answer in answers] == [200, 200, 200]
    assert "There is nothing yet" in answers[0].get_data(as_text=True)


@pytest.mark.parametrize("part", ["receipts", "receipts.txt", "data", "download"])
def test_another_links_token_opens_none_of_it(
    client: FlaskClient, runtime: Runtime, reader: Reader, part: str
) -> None:
    foreign = runtime.signer.sign(Purpose.UNSUBSCRIBE, reader.row.id, 1)

    answer = client.get(f"/preferences/{foreign}/{part}")

    assert answer.status_code == 400
    assert "olena" not in answer.get_data(as_text=True)


def test_the_page_before_erasure_says_plainly_what_stays(client: FlaskClient, page: str) -> None:
    shown = client.get(f"{page}/erase").get_data(as_text=True)

    assert "a keyed hash of your address" in shown
    assert f'href="{page}/data"' in shown
