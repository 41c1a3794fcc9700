"""Is this mail really from us? What is signed when an issue is sent, and what a reader is told about it."""

import base64
import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from flask.testing import FlaskClient
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from config import Config
from newsletters.kernel.clock import FixedClock
from newsletters.kernel.limits import RateWindow
from newsletters.kernel.signing import SigningKey
from newsletters.publishing import genuine, lifecycle
from newsletters.publishing.genuine import Finding, Reason, Verdict
from newsletters.publishing.models import Issue, IssueState
from newsletters.publishing.signature_models import IssueSignature
from newsletters.publishing.signatures import sign_missing, vouched
from newsletters.runtime import Runtime, build
from newsletters.tasks.deliver import Deliveries
from newsletters.tasks.long_work import LongWork
from newsletters.tasks.pulse import Pulse
from newsletters.web.public.genuine import CHECKS
from tests.conftest import NOW
from tests.factories import make_issue, make_newsletter

TODAY = NOW.date()


@dataclass(frozen=True)
class Newsroom:
    """One newsletter with an issue that was sent, and one that readers may not see."""

    runtime: Runtime
    sent: str
    secret: str

    def by_link(self, pasted: str) -> Finding:
        with self.runtime.db.reading() as session:
            return genuine.by_link(session, pasted, notary=self.runtime)

    def by_subject(self, subject: str, on: date = TODAY) -> Finding:
        with self.runtime.db.reading() as session:
            return genuine.by_subject(session, subject, on, notary=self.runtime)


@pytest.fixture
def newsroom(runtime: Runtime) -> Iterator[Newsroom]:
    with runtime.db.transaction() as session:
        weekly = make_newsletter(session, slug="weekly", timezone="Europe/Kyiv")
        _sent(session, weekly, slug="one", subject="{{ name }}, the week’s news")
        _sent(session, weekly, slug="old", subject="An older issue", at=NOW - timedelta(days=10))
        make_issue(session, weekly, slug="draft", subject="What nobody may know yet")
        sign_missing(session, notary=runtime, now=NOW)
    base = f"{runtime.urls.base}/newsletters/weekly/issues"
    yield Newsroom(runtime, f"{base}/one", f"{base}/draft")


def test_the_start_of_a_send_signs_the_issue(runtime: Runtime) -> None:
    with runtime.db.transaction() as session:
        newsletter = make_newsletter(session, name="The  Weekly", sender_email="news@newsroom.example")
        issue = make_issue(session, newsletter, subject="Hello {{ name }}", body="Dear {{ name }}, news.")
        lifecycle.send_now(session, issue, undo_seconds=0, editor_id=None, now=NOW)
        number = issue.id

    deliveries = Deliveries(runtime)
    Pulse(runtime, deliveries, LongWork(runtime, should_stop=lambda: False)).start_due_issues()

    with runtime.db.reading() as session:
        proof = vouched(session, session.get_one(Issue, number), keys=runtime.issue_keys)
    assert proof is not None
    assert proof.text == "Dear reader, news."
    assert proof.fields["newsletter"] == "The Weekly"
    assert proof.fields["subject"] == "Hello reader"
    assert proof.fields["from"] == "news@newsroom.example"
    assert proof.sent_at == NOW


def test_a_third_party_can_check_a_signature_with_what_is_published(
    newsroom: Newsroom, client: FlaskClient
) -> None:
    proof = client.get("/newsletters/weekly/issues/one/signature.json").get_json()
    (key,) = client.get("/.well-known/newsletter-keys.json").get_json()["keys"]

    raw = base64.urlsafe_b64decode(key["x"] + "=")
    public = Ed25519PublicKey.from_public_bytes(raw)
    public.verify(base64.b64decode(proof["signature"]), proof["statement"].encode())
    assert public == load_pem_public_key(key["pem"].encode())
    assert key["kid"] == proof["kid"]
    assert f"text-sha256: {hashlib.sha256(proof['text'].encode()).hexdigest()}\n" in proof["statement"]
    assert "subject: reader, the week’s news\n" in proof["statement"]


def test_a_key_is_named_as_the_standard_names_it() -> None:
    key = SigningKey(b"s" * 40)
    key.__dict__["jwk"] = {  # RFC 8037 appendix A.3
        "crv": "Ed25519",
        "kty": "OKP",
        "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
    }

    assert key.key_id == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"


def test_an_issue_is_signed_once_and_again_only_when_its_key_is_gone(
    newsroom: Newsroom, config: Config, clock: FixedClock
) -> None:
    rotated = build(replace(config, secret_key="n" * 40, old_secret_keys=(config.secret_key,)), clock=clock)
    renewed = build(replace(config, secret_key="n" * 40), clock=clock)

    with newsroom.runtime.db.transaction() as session:
        again = sign_missing(session, notary=newsroom.runtime, now=NOW)
        after_rotation = sign_missing(session, notary=rotated, now=NOW)
        issue = session.scalars(select(Issue).where(Issue.slug == "one")).one()
        still_good = vouched(session, issue, keys=rotated.issue_keys)
        no_more = vouched(session, issue, keys=renewed.issue_keys)
        after_loss = sign_missing(session, notary=renewed, now=NOW)
        anew = vouched(session, issue, keys=renewed.issue_keys)
    rotated.close()
    renewed.close()

    assert (again, after_rotation, after_loss) == (0, 0, 2)
    assert still_good is not None
    assert no_more is None
    assert anew is not None


@pytest.mark.parametrize(
    "change",
    [
        {"statement": "newsletter-issue-1\nsubject: Something else\n"},
        {"signature": "AAAA"},
        {"signature": "not base64"},
        {"text": "Other words"},
        {"key_id": "x" * 43},
    ],
)
def test_what_was_tampered_with_proves_nothing(newsroom: Newsroom, change: dict[str, str]) -> None:
    with newsroom.runtime.db.transaction() as session:
        for row in session.scalars(select(IssueSignature)):
            for name, value in change.items():
                setattr(row, name, value)

    finding = newsroom.by_link(newsroom.sent)

    assert (finding.verdict, finding.reason) == (Verdict.CANNOT_TELL, Reason.UNSIGNED)


def test_an_issue_whose_words_were_changed_in_the_database_is_not_vouched_for(newsroom: Newsroom) -> None:
    with newsroom.runtime.db.transaction() as session:
        session.scalars(select(Issue).where(Issue.slug == "one")).one().body = "Send money here"

    assert newsroom.by_link(newsroom.sent).reason is Reason.UNSIGNED


def test_a_link_of_a_sent_issue_is_ours(newsroom: Newsroom) -> None:
    finding = newsroom.by_link(newsroom.sent)

    assert (finding.verdict, finding.reason) == (Verdict.OURS, Reason.LINK)
    assert finding.vouched is not None
    assert finding.vouched.fields["page"] == newsroom.sent


@pytest.mark.parametrize("path", ["draft", "never-was", "%00", "a%2fb"])
def test_an_issue_nobody_may_see_is_answered_for_like_one_that_never_was(
    newsroom: Newsroom, path: str
) -> None:
    finding = newsroom.by_link(newsroom.sent.replace("one", path))

    assert finding == Finding(Verdict.CANNOT_TELL, Reason.NO_SUCH_ISSUE)


@pytest.mark.parametrize("state", [IssueState.DRAFT, IssueState.SCHEDULED, IssueState.CANCELLED])
def test_the_subject_of_an_issue_nobody_may_see_is_not_found(newsroom: Newsroom, state: IssueState) -> None:
    with newsroom.runtime.db.transaction() as session:
        hidden = session.scalars(select(Issue).where(Issue.slug == "draft")).one()
        hidden.state, hidden.started_at = state, NOW
        session.flush()
        signed = sign_missing(session, notary=newsroom.runtime, now=NOW)

    assert signed == 0
    assert newsroom.by_subject("What nobody may know yet") == Finding(
        Verdict.NOT_OURS, Reason.NO_SUCH_SUBJECT
    )


@pytest.mark.parametrize(
    ("link", "verdict", "reason"),
    [
        ("http://localhost/preferences/some-token", Verdict.CANNOT_TELL, Reason.NO_ISSUE_LINK),
        ("http://localhost", Verdict.CANNOT_TELL, Reason.NO_ISSUE_LINK),
        ("http://localhost:81/newsletters/weekly/issues/one", Verdict.CANNOT_TELL, Reason.RELATED_HOST),
        ("https://evil.example/newsletters/weekly/issues/one", Verdict.NOT_OURS, Reason.FOREIGN_HOST),
        ("https://lосаlhоst.evil.example/one", Verdict.LOOKALIKE, Reason.LIKE_HOST),
        ("https://loca1host.com/", Verdict.LOOKALIKE, Reason.LIKE_HOST),
    ],
)
def test_other_links_are_told_apart(newsroom: Newsroom, link: str, verdict: Verdict, reason: Reason) -> None:
    finding = newsroom.by_link(link)

    assert (finding.verdict, finding.reason) == (verdict, reason)


@pytest.mark.parametrize(
    "subject",
    [
        "Olena, the week’s news",
        "  olena,  the week's NEWS ",
        "Fwd: RE: Olena, the week’s news",
        "reader, the week’s news",
        "Пані Олена (Київ), the week‘s news",
    ],
)
def test_a_subject_is_ours_as_any_reader_saw_it(newsroom: Newsroom, subject: str) -> None:
    finding = newsroom.by_subject(subject)

    assert (finding.verdict, finding.reason) == (Verdict.OURS, Reason.SUBJECT)


@pytest.mark.parametrize(
    "subject", ["the news", "Olena, the weeks news", "news", ".*", "Olena, the week’s news!", "x" * 600, ""]
)
def test_a_subject_that_no_reader_saw_is_not_ours(newsroom: Newsroom, subject: str) -> None:
    assert newsroom.by_subject(subject).verdict is Verdict.NOT_OURS


def test_a_subject_that_a_mail_program_cut_short_is_found(newsroom: Newsroom) -> None:
    with newsroom.runtime.db.transaction() as session:
        session.scalars(select(Issue).where(Issue.slug == "old")).one().subject = "A very long subject indeed"
        session.flush()

    found = newsroom.by_subject("A very long subj…", TODAY - timedelta(days=10))
    too_short = newsroom.by_subject("A very…", TODAY - timedelta(days=10))

    assert found.issue is not None
    assert too_short.issue is None


def test_a_subject_of_another_day_is_not_vouched_for(newsroom: Newsroom) -> None:
    day_after = newsroom.by_subject("An older issue", TODAY - timedelta(days=9))
    week_after = newsroom.by_subject("An older issue", TODAY - timedelta(days=3))
    long_after = newsroom.by_subject("An older issue", TODAY + timedelta(days=60))

    assert day_after.verdict is Verdict.OURS
    assert (week_after.verdict, week_after.reason) == (Verdict.CANNOT_TELL, Reason.OTHER_DAY)
    assert long_after.reason is Reason.NO_SUCH_SUBJECT


@pytest.mark.parametrize("on", [date.min, date.max])
def test_a_day_at_the_end_of_the_calendar_has_no_issues(newsroom: Newsroom, on: date) -> None:
    assert newsroom.by_subject("An older issue", on).verdict is Verdict.NOT_OURS


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"link": "http://localhost/newsletters/weekly/issues/one"}, "Yes, we sent this issue"),
        ({"link": "http://localhost/newsletters/weekly/issues/draft"}, "We cannot tell from this"),
        ({"link": "https://evil.example/"}, "No, this link is not ours"),
        ({"link": "https://lосаlhоst.evil.example/"}, "No. This address only looks like ours"),
        ({"subject": "Olena, the week's news", "date": "2026-03-02"}, "Yes, we sent this issue"),
        ({"subject": "Olena, the week's news", "date": "02.03.2026"}, "Yes, we sent this issue"),
        ({"subject": "An older issue", "date": "2026-02-27"}, "but on another day"),
        ({"subject": "Win a car", "date": "2026-03-02"}, "No, we sent no issue with this subject"),
    ],
)
def test_the_page_answers_without_a_cookie(
    newsroom: Newsroom, client: FlaskClient, fields: dict[str, str], words: str
) -> None:
    answer = client.post("/genuine", data=fields)

    page = answer.get_data(as_text=True)
    assert answer.status_code == 200
    assert words in page
    assert "Set-Cookie" not in answer.headers
    assert "evil.example/" not in re.findall('href="([^"]*)"', page)


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"link": ""},
        {"link": "hello"},
        {"link": "x" * 5000},
        {"subject": "A subject", "date": "yesterday"},
        {"subject": "", "date": "2026-03-02"},
        {"subject": "x" * 700, "date": "2026-03-02"},
    ],
)
def test_what_cannot_be_looked_up_is_said_at_its_field(
    newsroom: Newsroom, client: FlaskClient, fields: dict[str, str]
) -> None:
    answer = client.post("/genuine", data=fields)

    assert answer.status_code == 422
    assert 'aria-invalid="true"' in answer.get_data(as_text=True)


def test_what_is_pasted_never_becomes_part_of_the_page(newsroom: Newsroom, client: FlaskClient) -> None:
    answer = client.post("/genuine", data={"link": 'https://evil.example/"><script>alert(1)</script>'})

    assert "<script>alert" not in answer.get_data(as_text=True)


def test_a_client_may_ask_often_but_not_without_end(newsroom: Newsroom, client: FlaskClient) -> None:
    fields = {"link": "https://evil.example/"}
    for _ in range(CHECKS.most):
        assert client.post("/genuine", data=fields).status_code == 200

    refused = client.post("/genuine", data=fields)

    assert refused.status_code == 429
    assert int(refused.headers["Retry-After"]) > 0
    with newsroom.runtime.db.reading() as session:
        keys = session.scalars(select(RateWindow.key)).all()
    assert not any("127.0.0.1" in key for key in keys)


@pytest.mark.parametrize(
    "path",
    [
        "/newsletters/weekly/issues/draft/signature.json",
        "/newsletters/weekly/issues/nothing/signature.json",
        "/newsletters/nothing/issues/one/signature.json",
    ],
)
def test_a_signature_of_what_is_not_public_is_nowhere(
    newsroom: Newsroom, client: FlaskClient, path: str
) -> None:
    assert client.get(path).status_code == 404


def test_the_archive_and_the_mail_lead_to_the_page(newsroom: Newsroom, client: FlaskClient) -> None:
    assert 'href="/genuine"' in client.get("/newsletters/weekly/issues/one").get_data(as_text=True)
    assert 'href="/genuine"' in client.get("/newsletters/weekly/archive").get_data(as_text=True)


def test_asking_writes_nothing_but_the_count(newsroom: Newsroom, client: FlaskClient) -> None:
    client.post("/genuine", data={"link": newsroom.sent})

    with newsroom.runtime.db.reading() as session:
        assert session.scalar(select(func.count()).select_from(RateWindow)) == 1


def _sent(session: Session, newsletter: Any, *, at: Any = NOW, **fields: Any) -> Issue:
    return make_issue(
        session,
        newsletter,
        state=IssueState.SENT,
        content_hash="0" * 64,
        started_at=at,
        sent_at=at,
        **fields,
    )
