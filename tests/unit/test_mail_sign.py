"""DKIM: each signature good by itself before a second verifier, and void after any change that matters."""

import base64
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dkim
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from hypothesis import given
from hypothesis import strategies as st

from newsletters.mail.compile import CompiledMessage, MessageSpec, compile_message
from newsletters.mail.headers import feedback_id, list_id, list_unsubscribe
from newsletters.mail.seal import Seal
from newsletters.mail.sign import DkimKey, DkimSigner, PrivateKey, UnusableKey, load_key
from newsletters.mail.slots import slot
from tests.mailcheck import checked
from tests.sealing import sealed

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
RSA = DkimKey("news.example", "rsa2026", rsa.generate_private_key(public_exponent=65537, key_size=2048))
ED25519 = DkimKey("news.example", "ed2026", ed25519.Ed25519PrivateKey.generate())
BOTH = DkimSigner([RSA, ED25519])
RECORDS = {f"{key.selector}._domainkey.{key.domain}.": key.dns_record() for key in BOTH.keys}
ANY = st.text(st.characters(codec="utf-8", exclude_characters="\ue000\ue001"))


def message(text: str = "Hello.\n", subject: str = "Hello, reader") -> bytes:
    spec = MessageSpec(
        subject=subject,
        from_name="Пояснюємо",
        from_email="news@news.example",
        reply_to="editor@news.example",
        text="Begin " + text,
        html=f"<p>{text}</p>",
        headers=[
            ("List-Id", list_id("Explaining", "explaining.news.example")),
            *list_unsubscribe("https://news.example/unsubscribe/" + "t" * 80, "unsubscribe+t@news.example"),
            ("Feedback-ID", feedback_id("issue-1", "newsletter-1", "issue", "newsexample")),
        ],
    )
    return compile_message(spec).render(
        {}, recipient="reader@readers.example", message_id="<issue.1.2@news.example>", date=NOW
    )


def compiled(text: str, subject: str) -> CompiledMessage:
    return compile_message(
        MessageSpec(
            subject=subject,
            from_name="Пояснюємо",
            from_email="news@news.example",
            text=f"{text}Hello, {slot('name', 'reader')}!\n{slot('unsubscribe_url')}\n",
            html=f"<p>{slot('name', 'reader')}</p><p>{text}</p><a href='{slot('unsubscribe_url')}'>leave</a>",
            headers=[
                *list_unsubscribe(slot("unsubscribe_url"), slot("unsubscribe_mailto")),
                ("Feedback-ID", feedback_id("issue-1", "newsletter-1", "issue", "newsexample")),
            ],
        )
    )


def is_valid(raw: bytes, index: int) -> bool:
    def published(name: bytes, timeout: int = 5) -> bytes | None:
        record = RECORDS.get(name.decode())
        return record.encode() if record else None

    try:
        return bool(dkim.DKIM(raw).verify(idx=index, dnsfunc=published))
    except dkim.ValidationError:
        return False


@pytest.mark.parametrize("index", [0, 1])
def test_each_signature_is_good_by_itself(index: int) -> None:
    signed = BOTH.sign(message(), now=NOW)

    assert is_valid(signed, index)


@pytest.mark.parametrize("key", [RSA, ED25519], ids=["rsa", "ed25519"])
def test_one_key_alone_signs_too(key: DkimKey) -> None:
    signed = DkimSigner([key]).sign(message(), now=NOW)

    assert signed.count(b"DKIM-Signature:") == 1
    assert is_valid(signed, 0)


@given(text=ANY, subject=st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Zl", "Zp"))))
def test_whatever_is_written_verifies(text: str, subject: str) -> None:
    signed = BOTH.sign(message(text, subject), now=NOW, is_canonical=True)

    checked(signed)
    assert signed == BOTH.sign(message(text, subject), now=NOW)
    assert is_valid(signed, 0)
    assert is_valid(signed, 1)


@given(
    text=st.one_of(ANY, st.just("A long beginning, the same for all. " * 100)),
    subject=st.sampled_from(["Hello", f"For {slot('name', 'reader')}", "Новини " * 30]),
    name=st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Zl", "Zp"))),
    extra=st.lists(st.sampled_from(["To", "List-Id", "X-Kind", "Subject"]), max_size=2),
)
@pytest.mark.parametrize("signer", [BOTH, DkimSigner([ED25519]), DkimSigner([])], ids=["both", "one", "none"])
def test_what_is_prepared_once_signs_the_very_same(
    signer: DkimSigner, text: str, subject: str, name: str, extra: list[str]
) -> None:
    message = compiled(text, subject)
    values = {
        "name": name,
        "unsubscribe_url": "https://news.example/unsubscribe/" + "t" * 80,
        "unsubscribe_mailto": "unsubscribe+t@news.example",
    }
    around: dict[str, Any] = {
        "recipient": "reader@readers.example",
        "recipient_name": name,
        "message_id": "<issue.1.2@news.example>",
        "date": NOW,
        "headers": [(field, "a  value  with blanks ") for field in extra],
    }
    seal = Seal(message, signer.keys)

    drafts = [
        seal.draft(message.fields(values, **around), message.content(values), now=NOW) for _ in range(2)
    ]
    signed = [sealed(draft, signer.keys) for draft in drafts]

    assert signed[0] == signed[1] == signer.sign(message.render(values, **around), now=NOW, is_canonical=True)


@pytest.mark.parametrize(
    "body",
    [b"", b"\r\n", b"\r\n\r\n", b"no end", b"a  b\t c \r\n\r\n\r\n", b" \r\n\t\r\n", b"x\r\n \r\n", b"\r\nx"],
)
def test_a_body_that_is_not_ours_is_made_canonical_first(body: bytes) -> None:
    raw = b"From: a@news.example\r\nSubject:  two   \r\n  lines\t\r\nTo: b@readers.example\r\n\r\n" + body

    signed = BOTH.sign(raw, now=NOW)

    assert is_valid(signed, 0)
    assert is_valid(signed, 1)


@pytest.mark.parametrize(
    "name", ["from", "to", "subject", "date", "message-id", "reply-to", "content-type", "list-unsubscribe",
             "list-unsubscribe-post", "list-id", "feedback-id", "mime-version"],
)  # fmt: skip
def test_what_matters_is_signed(name: str) -> None:
    signed = BOTH.sign(message(), now=NOW)

    listed = re.search(rb"\bh=([^;]+);", signed)
    assert listed is not None
    assert name in re.sub(rb"\s", b"", listed[1]).decode().split(":")


@pytest.mark.parametrize("index", [0, 1])
@pytest.mark.parametrize(
    "added",
    [
        b"From: evil@evil.example",
        b"Subject: Another",
        b"To: other@readers.example",
        b"Reply-To: evil@evil.example",
        b"Cc: other@readers.example",
        b"Date: Mon, 02 Mar 2026 10:00:00 +0000",
        b"Content-Type: text/html",
        b"List-Unsubscribe: <https://evil.example/>",
        b"List-Unsubscribe-Post: List-Unsubscribe=One-Click",
    ],
)
def test_a_header_added_by_a_stranger_voids_the_signature(added: bytes, index: int) -> None:
    signed = BOTH.sign(message(), now=NOW)
    head, separator, body = signed.partition(b"\r\n\r\n")

    assert not is_valid(added + b"\r\n" + signed, index)
    assert not is_valid(head + b"\r\n" + added + separator + body, index)


@pytest.mark.parametrize("index", [0, 1])
@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"Hello, reader", b"Hello, friend"),
        (b"List-Unsubscribe: <https://news", b"List-Unsubscribe: <https://evil"),
        (b"Feedback-ID: issue-1", b"Feedback-ID: issue-2"),
        (b"Begin Hello", b"Begin Cello"),
        (b"--\r\n", b"--\r\nmore\r\n"),
        (b"reader@readers.example", b"rebder@readers.example"),
    ],
)
def test_an_altered_message_is_found_out(old: bytes, new: bytes, index: int) -> None:
    signed = BOTH.sign(message(), now=NOW)

    altered = signed.replace(old, new, 1)

    assert altered != signed
    assert not is_valid(altered, index)


def test_there_is_neither_sha1_nor_a_length_limit() -> None:
    head = BOTH.sign(message(), now=NOW).partition(b"\r\n\r\n")[0]

    assert set(re.findall(rb"\ba=([a-z0-9-]+);", head)) == {b"rsa-sha256", b"ed25519-sha256"}
    assert not re.search(rb"[; ]l=", head)


def test_without_a_key_a_message_stays_as_it_is() -> None:
    raw = message()

    assert DkimSigner([]).sign(raw, now=NOW) == raw


def test_a_key_is_read_from_its_file(tmp_path: Path) -> None:
    path = _written(tmp_path, RSA.private_key)

    key = load_key(path, domain="news.example", selector="rsa2026")

    assert key.dns_record() == RSA.dns_record()


@pytest.mark.parametrize(
    "private_key",
    [rsa.generate_private_key(public_exponent=65537, key_size=1024), ec.generate_private_key(ec.SECP256R1())],  # noqa: S505
    ids=["short", "elliptic"],
)
def test_a_weak_or_foreign_key_is_refused(tmp_path: Path, private_key: PrivateKey) -> None:
    path = _written(tmp_path, private_key)

    with pytest.raises(UnusableKey):
        load_key(path, domain="news.example", selector="s")


def test_what_is_no_key_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "key.pem"
    path.write_bytes(base64.b64encode(b"nothing"))

    with pytest.raises(UnusableKey):
        load_key(path, domain="news.example", selector="s")


def _written(folder: Path, private_key: PrivateKey) -> Path:
    path = folder / "key.pem"
    path.write_bytes(
        private_key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return path
