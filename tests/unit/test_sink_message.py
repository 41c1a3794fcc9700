from email.message import EmailMessage

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletters.sink.breaches import find_breaches
from newsletters.sink.header import read_fields, read_identity
from newsletters.sink.message import links_in_html, links_in_text, read_message, with_inline_images

SOUND = b"Date: Mon, 2 Mar 2026 09:00:00 +0000\r\nFrom: news@newsroom.example\r\n\r\nHello.\r\n"


def breaches(raw: bytes, *mail_options: str) -> list[str]:
    return find_breaches(raw, mail_options=mail_options, headers=read_fields(raw))


def test_text_and_html_are_found_in_a_message_with_everything() -> None:
    message = EmailMessage()
    message.set_content("Привіт: https://newsroom.example/text\n")
    html = '<p>Привіт</p><img src="cid:logo@x"><a href="https://newsroom.example/html">'
    message.add_alternative(html, "html")
    message.get_payload()[1].add_related(b"pixels", "image", "png", cid="<logo@x>")  # type: ignore[index, union-attr]
    message.add_attachment(b"%PDF", maintype="application", subtype="pdf", filename="звіт.pdf")

    reading = read_message(message.as_bytes())

    assert reading.text == "Привіт: https://newsroom.example/text\n"
    assert "<p>Привіт</p>" in reading.html
    assert reading.links == ["https://newsroom.example/html", "https://newsroom.example/text"]
    assert [(each.name, each.content_type, each.size) for each in reading.attachments] == [
        ("", "image/png", 6),
        ("звіт.pdf", "application/pdf", 4),
    ]
    assert 'src="data:image/png;base64,cGl4ZWxz"' in with_inline_images(reading)


def test_an_attached_text_is_not_the_text() -> None:
    message = EmailMessage()
    message.add_attachment("Notes", filename="notes.txt")

    assert read_message(message.as_bytes()).text == ""


def test_an_unknown_character_set_is_read_as_well_as_can_be() -> None:
    raw = b"Content-Type: text/plain; charset=klingon\r\n\r\nnuqneH\r\n"

    assert read_message(raw).text == "nuqneH\n"


def test_links_are_read_with_their_entities_and_once() -> None:
    link = '<a href="https://a.example/?x=1&amp;y=2">a</a>'

    assert links_in_html(f"{link}<a>b</a><a href>c</a>") == ["https://a.example/?x=1&y=2"]
    assert read_message(f"Content-Type: text/html\r\n\r\n{link}{link}".encode()).links == [
        "https://a.example/?x=1&y=2"
    ]


def test_a_link_in_text_ends_before_the_punctuation() -> None:
    text = "See https://a.example/x, (http://b.example/y) and <https://c.example/z>.\nmailto:u+4f@newsroom.example."

    assert links_in_text(text) == [
        "https://a.example/x",
        "http://b.example/y",
        "https://c.example/z",
        "mailto:u+4f@newsroom.example",
    ]


def test_header_fields_are_unfolded_and_decoded() -> None:
    raw = (
        "Subject: =?utf-8?b?0J/QvtGP0YHQvdGO0ZTQvNC+?=\r\n =?utf-8?b?INCj0LrRgNCw0ZfQvdGD?=\r\n"
        "From: Олена <олена@приклад.example>\r\n"
        "X-Empty:\r\n"
        "X-Bad: =?klingon?q?x?=\r\n"
        "X-Broken: =?utf-8?q?two=0D=0Alines?=\r\n"
        "\r\n"
        "X-Body: no\r\n"
    ).encode()

    assert read_fields(raw) == [
        ("Subject", "Пояснюємо Україну"),
        ("From", "Олена <олена@приклад.example>"),
        ("X-Empty", ""),
        ("X-Bad", "=?klingon?q?x?="),
        ("X-Broken", "two lines"),
    ]


def test_identity_is_read_from_the_header_only() -> None:
    raw = b"FROM: a@b.example\r\nmessage-id:\r\n <1@x>\r\n\r\nSubject: of the body\r\n"

    identity = read_identity(raw)

    assert (identity.sender, identity.subject, identity.message_id) == ("a@b.example", "", "<1@x>")


@given(st.binary(max_size=300))
def test_nothing_that_comes_over_the_wire_breaks_the_reading(raw: bytes) -> None:
    reading = read_message(raw)
    identity = read_identity(raw)

    assert isinstance(with_inline_images(reading), str)
    assert isinstance(breaches(raw), list)
    assert "\n" not in identity.sender + identity.subject + identity.message_id


PIECES = [
    *(b"\r\n", b" ", b":", b"=", b"\xff", b"\xed\xa0\x80", b"--a", b"--a--", b"<a href='", b"<!["),
    *(
        b"Content-Type: ",
        b"multipart/mixed; boundary=a",
        b"text/html",
        b"text/plain",
        b"; charset=",
        b"; name*=",
    ),
    *(b"utf-7", b"unicode-escape", b"rot13", b"''", b"%ED%A0%80", b"\\ud800", b"=?", b"?q?", b"?b?", b"?="),
    *(b"Content-Transfer-Encoding: ", b"base64", b"quoted-printable", b"Subject: ", b"Content-Disposition: "),
    *(b"attachment; filename*=", b"attachment; filename="),
]


@given(st.lists(st.sampled_from(PIECES), max_size=30))
def test_no_broken_mime_breaks_the_reading(pieces: list[bytes]) -> None:
    reading = read_message(b"".join(pieces))

    for name, value in reading.headers:
        assert f"{name}{value}".encode()
    for each in reading.attachments:
        assert each.name.encode() is not None


def test_a_sound_message_breaks_no_rule() -> None:
    assert breaches(SOUND) == []


@pytest.mark.parametrize(
    ("raw", "sentence"),
    [
        (SOUND.replace(b"Hello.\r\n", b"Hello.\n"), "bare LF"),
        (SOUND.replace(b"Hello.", b"Hel\rlo."), "without its LF"),
        (SOUND + b"x" * 999 + b"\r\n", "longer than 998"),
        (SOUND + b"\0\r\n", "NUL"),
        (SOUND + "Привіт\r\n".encode(), "without BODY=8BITMIME"),
        (SOUND[:-2], "last line has no end"),
        (SOUND.replace(b"Date", b"X-Date"), "no Date"),
        (b"From: again@newsroom.example\r\n" + SOUND, "From stands more than once"),
        ("X-Name: Олена\r\n".encode() + SOUND, "without SMTPUTF8"),
    ],
)
def test_each_broken_rule_has_its_sentence(raw: bytes, sentence: str) -> None:
    found = breaches(raw)

    assert any(sentence in each for each in found)


def test_what_the_envelope_announces_is_allowed() -> None:
    assert breaches("X-Name: Олена\r\n".encode() + SOUND, "BODY=8BITMIME", "SMTPUTF8") == []
