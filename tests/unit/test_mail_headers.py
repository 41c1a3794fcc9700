"""Header helpers beyond what the compiled message shows."""

import pytest

from newsletters.mail.errors import UnsafeHeader
from newsletters.mail.headers import feedback_id, list_id, message_id, wire_address


def test_a_message_id_is_the_same_at_every_attempt_and_tells_no_address() -> None:
    assert message_id("issue", (3, 70_000), "news.example") == "<issue.3.70000@news.example>"


@pytest.mark.parametrize(
    "name", ["Explaining Ukraine", "Пояснюємо Україну", 'The "Daily", (weekly)', "", "x" * 110]
)
def test_a_list_id_keeps_its_identifier_whatever_the_name(name: str) -> None:
    value = list_id(name, "newsletter-1.news.example")

    assert value.isascii()
    assert value.endswith("<newsletter-1.news.example>")


def test_a_feedback_id_has_four_parts_even_where_one_holds_a_colon() -> None:
    value = feedback_id("issue:1", "newsletter-1", "issue", "newsexample")

    assert value == "issue-1:newsletter-1:issue:newsexample"


@pytest.mark.parametrize("sender", ["four", "sixteen-letters-", "with space", ""])
def test_a_feedback_id_without_a_proper_sender_is_refused(sender: str) -> None:
    with pytest.raises(UnsafeHeader):
        feedback_id("a", "b", "c", sender)


@pytest.mark.parametrize(
    ("stored", "wire"),
    [
        ("reader@readers.example", "reader@readers.example"),
        ("O'Brien+news@readers.example", "O'Brien+news@readers.example"),
        ("olena@приклад.укр", "olena@xn--80aikifvh.xn--j1amh"),
        ("ツ@example.org", "ツ@example.org"),
    ],
)
def test_an_address_goes_out_as_it_is_stored_at_its_a_label_domain(stored: str, wire: str) -> None:
    assert wire_address(stored) == wire
