"""Each of our signatures before a second verifier, and after everything that must void it."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from newsletters.mail.seal import Seal
from newsletters.mail.sign import DkimSigner
from tests.opendkim import OpenDkim
from tests.sealing import sealed
from tests.unit.test_mail_sign import ANY, BOTH, RECORDS, compiled, message

HEADERS = (
    b"From: evil@evil.example",
    b"Subject: Another",
    b"To: other@readers.example",
    b"Reply-To: evil@evil.example",
    b"Content-Type: text/html",
    b"List-Unsubscribe: <https://evil.example/>",
    b"List-Unsubscribe-Post: List-Unsubscribe=One-Click",
)


@pytest.fixture(scope="module")
def verifier(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenDkim]:
    try:
        opened = OpenDkim(RECORDS, tmp_path_factory.mktemp("opendkim"))
    except OSError:
        pytest.skip("needs Debian's libopendkim11")
    yield opened
    opened.close()


def signed(text: str = "Hello.\n", subject: str = "Hello, reader") -> bytes:
    return BOTH.sign(message(text, subject), now=datetime.now(UTC), is_canonical=True)


def verdicts(verifier: OpenDkim, raw: bytes) -> list[str]:
    return [verifier.verdict(raw, index=index) for index in range(2)]


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(text=ANY, subject=st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Zl", "Zp"))))
def test_each_signature_is_good_by_itself(verifier: OpenDkim, text: str, subject: str) -> None:
    raw = signed(text, subject)

    assert verdicts(verifier, raw) == ["good", "good"]


def test_what_is_prepared_once_is_good_too(verifier: OpenDkim) -> None:
    letter = compiled("Words for everybody. " * 300, "News")
    values = {
        "name": "Олена",
        "unsubscribe_url": "https://news.example/u/" + "t" * 60,
        "unsubscribe_mailto": "u@n.example",
    }
    fields = letter.fields(
        values,
        recipient="r@readers.example",
        recipient_name="Олена",
        message_id="<1@news.example>",
        date=datetime.now(UTC),
    )

    draft = Seal(letter, BOTH.keys).draft(fields, letter.content(values), now=datetime.now(UTC))
    raw = sealed(draft, BOTH.keys)

    assert verdicts(verifier, raw) == ["good", "good"]


@pytest.mark.parametrize("added", HEADERS)
def test_a_second_header_voids_both(verifier: OpenDkim, added: bytes) -> None:
    raw = signed()
    head, separator, body = raw.partition(b"\r\n\r\n")

    assert "good" not in verdicts(verifier, head + b"\r\n" + added + separator + body)
    assert "good" not in verdicts(verifier, _behind_signatures(raw, added))


def test_an_appended_body_voids_both(verifier: OpenDkim) -> None:
    assert verdicts(verifier, signed() + b"more\r\n") == ["bad", "bad"]


def test_an_unknown_selector_is_no_key(verifier: OpenDkim) -> None:
    raw = signed().replace(b"s=rsa2026;", b"s=other;").replace(b"s=ed2026;", b"s=other;")

    assert "good" not in verdicts(verifier, raw)


def test_both_algorithms_are_there_and_nothing_weaker() -> None:
    head = signed().partition(b"\r\n\r\n")[0]

    assert re.findall(rb"\ba=([a-z0-9-]+);", head) == [b"rsa-sha256", b"ed25519-sha256"]
    assert not re.search(rb"[;\s]l=", head)
    assert DkimSigner([]).sign(message(), now=datetime.now(UTC)) == message()


def _behind_signatures(raw: bytes, added: bytes) -> bytes:
    """``added`` as the first field below the signatures."""
    place = raw.index(b"\r\nDate: ") + 2
    return raw[:place] + added + b"\r\n" + raw[place:]
