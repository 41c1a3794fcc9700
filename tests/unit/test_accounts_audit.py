"""What may stand in a line of the audit log."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletters.accounts.audit import clean
from newsletters.kernel.tokens import Purpose, Signer

CORPUS = [
    "name\r\n2026-03-02 owner signed in",
    "name\nowner signed in",
    "name\u2028owner signed in",
    "name\u0085owner",
    "name\x1b[2Jcleared",
    "name\x00null",
    "name\u202eright to left",
    "\x08\x08\x08overwritten",
]


@pytest.mark.parametrize("text", CORPUS)
def test_nobody_forges_a_second_line_or_hides_one(text: str) -> None:
    cleaned = clean(text)

    assert cleaned.isprintable()
    assert len(cleaned.splitlines()) == 1


def test_what_was_escaped_can_still_be_read() -> None:
    assert clean("a\r\nb") == r"a\r\nb"


def test_addresses_are_taken_out() -> None:
    assert clean("wrote to reader@example.org twice") == "wrote to [address] twice"
    assert "@" not in clean('петро@пошта.example, "odd one"@example.org')


def test_tokens_are_taken_out() -> None:
    token = Signer([b"k" * 32]).sign(Purpose.PREFERENCES, 123456)

    assert token not in clean(f"followed https://news.example/preferences/{token}")


def test_ordinary_words_stay_as_they_are() -> None:
    words = "name, sender_email, «Ранкова пошта» · version 3"

    assert clean(words) == words


@given(st.text(max_size=300))
def test_a_line_is_always_one_printable_line_without_addresses(text: str) -> None:
    cleaned = clean(text)

    assert len(cleaned.splitlines()) <= 1
    assert not any(0 < place < len(cleaned) - 1 for place in _inner_ats(cleaned))


def _inner_ats(text: str) -> list[int]:
    """Places of an @ between two characters that could be of an address."""
    stops = " <>\"',;:@\u3000\u00a0"
    return [
        place
        for place, character in enumerate(text)
        if character == "@"
        and 0 < place < len(text) - 1
        and not (text[place - 1] in stops or text[place - 1].isspace())
        and not (text[place + 1] in stops or text[place + 1].isspace())
    ]
