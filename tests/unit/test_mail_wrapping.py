"""A whole mail of somebody else's inside one of ours, unchanged."""

from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage

from hypothesis import given
from hypothesis import strategies as st

from newsletters.mail.message import Mailbox, SingleMail, build
from newsletters.mail.render import Content
from newsletters.mail.wrapping import with_honest_line_ends, wrapped

OURS = build(
    SingleMail(
        content=Content("An answer", "Words\n", "<p>Words</p>"),
        sender=Mailbox("The Newsroom", "news@newsroom.example"),
        recipient="desk@newsroom.example",
        message_id="<1@newsroom.example>",
    ),
    {},
    date=datetime(2026, 3, 2, tzinfo=UTC),
)


def parsed(original: bytes) -> EmailMessage:
    found = message_from_bytes(wrapped(OURS, original), policy=policy.default)
    assert isinstance(found, EmailMessage)
    return found


def test_a_plain_mail_travels_as_a_mail() -> None:
    message = parsed(b"From: a@b.example\r\nSubject: Hello\r\n\r\nGood morning\r\n")

    kinds = [part.get_content_type() for part in message.iter_parts()]
    assert kinds == ["multipart/alternative", "message/rfc822"]
    inner = list(message.iter_parts())[1].get_content()
    assert (inner["Subject"], inner.get_content().strip()) == ("Hello", "Good morning")


def test_our_own_words_stay_as_they_were() -> None:
    message = parsed(b"Subject: x\r\n\r\ny\r\n")

    assert message["Subject"] == "An answer"
    assert message.get_body(("plain",)).get_content().strip() == "Words"  # type: ignore[union-attr]
    assert len(message.get_all("Content-Type", [])) == 1
    assert len(message.get_all("MIME-Version", [])) == 1


@given(st.binary(max_size=400))
def test_whatever_the_original_is_it_comes_out_as_it_went_in(original: bytes) -> None:
    message = parsed(original)

    last = list(message.iter_parts())[-1]
    if last.get_content_type() == "application/octet-stream":
        assert last.get_content() == with_honest_line_ends(original)
    else:
        assert last.get_content_type() == "message/rfc822"
    raw = wrapped(OURS, original)
    assert with_honest_line_ends(raw) == raw
    assert max(len(line) for line in raw.split(b"\r\n")) <= 998


def test_every_attempt_makes_the_same_mail() -> None:
    assert wrapped(OURS, b"Subject: x\r\n\r\n") == wrapped(OURS, b"Subject: x\r\n\r\n")
