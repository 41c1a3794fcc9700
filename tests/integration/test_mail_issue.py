"""An issue as the sink received it: what bulk mail must carry, for each reader their own."""

import re
from dataclasses import replace

import pytest

from config import Config
from newsletters.delivery.mailing import Mailings, Post
from newsletters.delivery.outcomes import Recipient
from newsletters.kernel.db import Database
from newsletters.kernel.tokens import Purpose
from newsletters.mail.office import Office
from newsletters.mail.verp import IssueBounce, UnsubscribeRequest
from newsletters.publishing.fingerprint import frozen_hash
from newsletters.runtime import Runtime
from tests.conftest import NOW
from tests.factories import make_issue, make_newsletter
from tests.mailcheck import checked, html_of, text_of
from tests.sealing import sealed
from tests.sink import SinkProcess

FEEDBACK_ID = re.compile(r"[^:]+:[^:]+:[^:]+:[A-Za-z0-9_-]{5,15}")
READERS = [
    Recipient(11, 21, "olena@readers.example", 'Олена "Ї" <b>&</b>', 0, was_in_doubt=False),
    Recipient(12, 22, "o'brien+x@readers.example", "", 0, was_in_doubt=False),
    Recipient(13, 23, "a{{7*7}}@readers.example", "{{7*7}}", 0, was_in_doubt=False),
    Recipient(14, 24, "ツ@приклад.укр", "ツ", 0, was_in_doubt=False),
]


@pytest.fixture
def office(config: Config, runtime: Runtime, sink: SinkProcess) -> Office:
    return Office.from_config(replace(config, smtp_url=sink.smtp_url), runtime.signer)


@pytest.fixture
def sent(db: Database, runtime: Runtime, office: Office, sink: SinkProcess) -> SinkProcess:
    """The sink after one issue has gone to every reader; the newest message stands first."""
    with db.transaction() as session:
        newsletter = make_newsletter(session, reply_to="editor@newsroom.example")
        issue = make_issue(session, newsletter, subject='For {{ name|"you" }}: the week', started_at=NOW)
        issue.content_hash = frozen_hash(issue, newsletter)
        mailing = Mailings(Post(office, runtime.signer, runtime.urls)).of(session, issue.id)
    with office.connection() as connection:
        for reader in READERS:
            sender, recipient, unsealed = mailing.draft(reader, now=NOW)
            message = sealed(unsealed, office.dkim.keys)
            connection.send(sender=sender, recipient=recipient, message=message)
    return sink


def test_every_copy_is_well_formed(sent: SinkProcess) -> None:
    for kept in sent.messages():
        checked(kept.raw)
        assert kept.detail["breaches"] == []


def test_a_copy_carries_what_bulk_mail_must(sent: SinkProcess) -> None:
    parsed = [checked(kept.raw) for kept in sent.messages()]

    for message in parsed:
        assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
        assert FEEDBACK_ID.fullmatch(message["Feedback-ID"])
        assert message["Precedence"] == "bulk"
        assert message["Auto-Submitted"] is None
    assert len({message["List-Id"] for message in parsed}) == 1
    assert len({message["Feedback-ID"] for message in parsed}) == 1
    assert len({message["Message-ID"] for message in parsed}) == len(READERS)


def test_each_reader_gets_their_own_way_out(sent: SinkProcess, runtime: Runtime, office: Office) -> None:
    for kept, reader in zip(sent.messages(), reversed(READERS), strict=True):
        parsed = checked(kept.raw)
        found = re.fullmatch(r"<(http\S+)>, <mailto:(\S+)\?subject=unsubscribe>", parsed["List-Unsubscribe"])
        assert found is not None
        claims = runtime.signer.read(found[1].rpartition("/")[2], Purpose.UNSUBSCRIBE, now=NOW)
        asked = office.paths.read(found[2], now=NOW)
        returned = office.paths.read(kept.mail_from, now=NOW)
        assert isinstance(returned, IssueBounce)
        assert asked == UnsubscribeRequest(claims.ids)
        assert claims.ids == (reader.subscription_id, returned.issue_id)
        assert returned.subscriber_id == reader.subscriber_id
        assert found[1] in text_of(parsed)
        assert f'href="{found[1]}"' in html_of(parsed)


@pytest.mark.parametrize(
    ("subscriber_id", "subject", "text", "markup"),
    [
        (
            11,
            'For Олена "Ї" <b>&</b>: the week',
            'Dear Олена "Ї" <b>&</b>,',
            "Dear Олена &quot;Ї&quot; &lt;b&gt;&amp;&lt;/b&gt;,",
        ),
        (12, "For you: the week", "Dear reader,", "Dear reader,"),
        (13, "For {{7*7}}: the week", "Dear {{7*7}},", "Dear {{7*7}},"),
        (14, "For ツ: the week", "Dear ツ,", "Dear ツ,"),
    ],
)
def test_a_name_stands_everywhere_as_it_is(
    sent: SinkProcess, office: Office, subscriber_id: int, subject: str, text: str, markup: str
) -> None:
    copies = {_reader_of(kept.mail_from, office): checked(kept.raw) for kept in sent.messages()}

    parsed = copies[subscriber_id]
    assert parsed["Subject"] == subject
    assert text in text_of(parsed)
    assert markup in html_of(parsed)


def test_recipients_are_the_stored_addresses_at_their_a_label_domains(sent: SinkProcess) -> None:
    assert [kept.recipients for kept in reversed(sent.messages())] == [
        ["olena@readers.example"],
        ["o'brien+x@readers.example"],
        ["a{{7*7}}@readers.example"],
        ["ツ@xn--80aikifvh.xn--j1amh"],
    ]


def _reader_of(return_path: str, office: Office) -> int:
    bounce = office.paths.read(return_path, now=NOW)
    assert isinstance(bounce, IssueBounce)
    return bounce.subscriber_id
