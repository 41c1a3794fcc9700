"""The compiled message against a plainly built one, on its bytes, whatever people are called or write."""

import html
import re
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.header import decode_header, make_header
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import parseaddr

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from newsletters.kernel.addresses import InvalidAddress
from newsletters.mail.compile import CompiledMessage, MessageSpec, compile_message
from newsletters.mail.errors import UnsafeHeader
from newsletters.mail.headers import list_unsubscribe
from newsletters.mail.slots import MissingValue, slot
from tests.mailcheck import checked, html_of, text_of

AT = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
ANY = st.text(st.characters(codec="utf-8", exclude_characters="\ue000\ue001"))
ONE_LINE = st.text(
    st.characters(exclude_categories=("Cs", "Cc", "Zl", "Zp"), exclude_characters="\ue000\ue001")
).map(str.strip)
NASTY = st.sampled_from(
    [".", "..", "From ", "=", "=20", "\t", "  ", " \n", "\r\n", "\r", "--=_", "a" * 1000,
     "ї" * 400, "👩‍👩‍👧‍👦" * 40]
)  # fmt: skip
BODY = st.lists(st.one_of(ANY, NASTY)).map("".join)
SPEC_FIELDS = ("subject", "from_name", "from_email", "reply_to")
RENDER_FIELDS = ("recipient", "recipient_name", "message_id")
PIECES = st.lists(st.tuples(BODY, BODY), max_size=4)


def rendered(
    spec: MessageSpec,
    values: dict[str, str],
    *,
    recipient: str = "reader@readers.example",
    message_id: str = "<issue.1.2@news.example>",
    recipient_name: str = "",
) -> bytes:
    return compile_message(spec).render(
        values, recipient=recipient, message_id=message_id, recipient_name=recipient_name, date=AT
    )


def display_name(raw: bytes, field: str) -> str:
    """As RFC 2047 has it: nothing between two encoded-words. The newer parser of 3.11 puts a blank there."""
    phrase, _ = parseaddr(str(message_from_bytes(raw)[field]))
    return str(make_header(decode_header(phrase)))


def spec_of(**fields: object) -> MessageSpec:
    return MessageSpec(
        **{
            "subject": "Hello",
            "from_name": "Newsroom",
            "from_email": "news@newsroom.example",
            "text": "Hello.",
            "html": "<p>Hello.</p>",
            **fields,
        }  # type: ignore[arg-type]
    )


def lines_normal(text: str) -> str:
    return re.sub(r"\r\n|\r|\n", "\n", text)


@given(text=BODY, markup=BODY)
@example(text="x" * 10_000, markup="<p>" + "long words " * 3000 + "</p>")
@example(text=".\r\n..\r\n.hidden", markup="\r\n.\r\nMAIL FROM:<>\r\n")
def test_a_body_means_what_was_written(text: str, markup: str) -> None:
    raw = rendered(spec_of(text="Dear reader, " + text, html="<p>" + markup), {})

    parsed = checked(raw)
    assert text_of(parsed) == lines_normal("Dear reader, " + text).rstrip()
    assert html_of(parsed) == lines_normal("<p>" + markup).rstrip()


@given(pieces=PIECES)
def test_values_stand_in_text_as_they_are_and_in_html_escaped(pieces: list[tuple[str, str]]) -> None:
    marked = "".join(literal + slot(f"v{number}") for number, (literal, _) in enumerate(pieces)) + "end"
    values = {f"v{number}": value for number, (_, value) in enumerate(pieces)}

    parsed = checked(rendered(spec_of(text="begin" + marked, html="begin" + marked), values))

    said = "".join(lines_normal(literal) + lines_normal(value) for literal, value in pieces)
    escaped = "".join(lines_normal(literal) + lines_normal(html.escape(value)) for literal, value in pieces)
    assert text_of(parsed) == _joined("begin", said)
    assert html_of(parsed) == _joined("begin", escaped)


def _joined(head: str, said: str) -> str:
    return f"{head}{said}end"


@given(subject=ONE_LINE, name=ONE_LINE)
@example(subject="🎉" * 300, name="Олена «Ї» О'Коннор")
@example(subject="Hello", name='Smith, "Jim" \\ (PR) <x@y.z>')
@example(subject="a very long  line " * 20 + "!", name="x" * 120)
@example(subject="A" * 500, name="O'Brien-Smith")
def test_subject_and_names_mean_what_a_plainly_built_message_means(subject: str, name: str) -> None:
    plain = EmailMessage(policy=policy.SMTP.clone(max_line_length=78))
    plain["Subject"] = subject
    plain["From"] = Address(name, addr_spec="news@newsroom.example")

    raw = rendered(spec_of(subject=subject, from_name=name), {}, recipient_name=name)

    parsed = checked(raw)
    assert parsed["Subject"] == plain["Subject"] == subject
    assert display_name(raw, "From") == plain["From"].addresses[0].display_name == name
    assert display_name(raw, "To") == name
    assert parsed["From"].addresses[0].addr_spec == plain["From"].addresses[0].addr_spec


@pytest.mark.parametrize("lookalike", ["=?utf-8?q?not_encoded?=", "a =?utf-8?b?eA==?= b", "=?", "=?utf-8?q?"])
def test_what_looks_encoded_is_told_as_it_was_written(lookalike: str) -> None:
    parsed = checked(rendered(spec_of(subject=lookalike, from_name=lookalike), {}))

    assert parsed["Subject"] == lookalike
    assert parsed["From"].addresses[0].display_name == lookalike


@given(literal=ONE_LINE, value=ONE_LINE)
def test_a_subject_with_a_slot_means_the_same_as_one_without(literal: str, value: str) -> None:
    fixed = checked(rendered(spec_of(subject=f"{literal}{value or 'reader'}!"), {}))
    slotted = checked(rendered(spec_of(subject=f"{literal}{slot('name', 'reader')}!"), {"name": value}))

    assert slotted["Subject"] == fixed["Subject"]


def test_the_whole_message_equals_a_plainly_built_one() -> None:
    spec = spec_of(
        subject="Пояснюємо: $5 & “quotes” …",
        from_name="Пояснюємо Україну",
        reply_to="editor@newsroom.example",
        text="Перший рядок\n\n" + "дуже довгий рядок " * 200,
        html="<p>Перший &amp; рядок</p>\n" + "<p>довгий</p>" * 500,
    )
    plain = EmailMessage(policy=policy.SMTP)
    plain["Subject"], plain["Reply-To"] = spec.subject, spec.reply_to
    plain["From"] = Address(spec.from_name, addr_spec=spec.from_email)
    plain["To"], plain["Date"] = "reader@readers.example", AT
    plain["Message-ID"] = "<issue.1.2@news.example>"
    plain.set_content(spec.text)
    plain.add_alternative(spec.html, subtype="html")
    expected = message_from_bytes(plain.as_bytes(), policy=policy.default)

    parsed = checked(rendered(spec, {}))

    assert isinstance(expected, EmailMessage)
    for name in ("Subject", "From", "To", "Reply-To", "Date", "Message-ID"):
        assert parsed[name] == expected[name]
    assert text_of(parsed) == text_of(expected).rstrip()
    assert html_of(parsed) == html_of(expected)


@pytest.mark.parametrize("length", [*range(20, 120, 7), 207, 300, 500, 700, 900])
def test_list_unsubscribe_stands_there_byte_for_byte(length: int) -> None:
    url = "https://news.example/unsubscribe/".ljust(length, "x")
    headers = list_unsubscribe(slot("unsubscribe_url"), slot("unsubscribe_mailto"))

    raw = rendered(
        spec_of(headers=headers),
        {"unsubscribe_url": url, "unsubscribe_mailto": "unsubscribe+token@news.example"},
    )

    parsed = checked(raw)
    expected = f"<{url}>, <mailto:unsubscribe+token@news.example?subject=unsubscribe>"
    assert f"List-Unsubscribe: <{url}>,".encode() in raw
    assert parsed["List-Unsubscribe"] == expected
    assert parsed["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"


@pytest.mark.parametrize(
    "bad", ["a\r\nBcc: x@y.example", "a\nb", "a\rb", "a\0b", "a\x0bb", "a\x1fb", "a\x7fb"]
)
@pytest.mark.parametrize("field", [*SPEC_FIELDS, *RENDER_FIELDS, "headers", "value"])
def test_a_control_character_never_reaches_a_header(field: str, bad: str) -> None:
    fields: dict[str, object] = {"subject": slot("name", "reader")} if field == "value" else {}
    if field in SPEC_FIELDS:
        fields[field] = bad
    if field == "headers":
        fields[field] = [("X-Kind", bad)]
    given_here = {field: bad} if field in RENDER_FIELDS else {}

    with pytest.raises((UnsafeHeader, InvalidAddress)):
        rendered(spec_of(**fields), {"name": bad}, **given_here)


def test_a_header_value_beyond_ascii_is_refused_rather_than_encoded() -> None:
    with pytest.raises(UnsafeHeader):
        rendered(spec_of(headers=[("List-Unsubscribe", "<https://приклад.example/>")]), {})


def test_a_header_longer_than_a_line_is_refused() -> None:
    with pytest.raises(UnsafeHeader):
        rendered(spec_of(headers=[("List-Unsubscribe", f"<https://news.example/{'x' * 1000}>")]), {})


def test_international_domains_go_out_as_a_labels() -> None:
    raw = rendered(spec_of(from_email="новини@газета.укр"), {}, recipient="olena@приклад.укр")

    assert b"To: olena@xn--80aikifvh.xn--j1amh\r\n" in raw
    assert "новини@xn--80aaf5a1a0b.xn--j1amh".encode() in raw or "новини@xn--".encode() in raw


def test_a_local_part_beyond_ascii_is_never_an_encoded_word() -> None:
    raw = rendered(spec_of(), {}, recipient="ツ@example.org")

    assert "To: ツ@example.org\r\n".encode() in raw
    assert b"=?" not in raw


def test_a_message_without_html_is_plain_text() -> None:
    parsed = checked(rendered(spec_of(html=""), {}))

    assert parsed.get_content_type() == "text/plain"
    assert text_of(parsed) == "Hello."


def test_a_slot_nobody_fills_stops_the_message() -> None:
    with pytest.raises(MissingValue):
        rendered(spec_of(text=slot("name")), {})


def test_slots_tells_every_name_wherever_it_stands() -> None:
    compiled = compile_message(
        spec_of(subject=slot("a"), text=slot("b"), html=slot("c"), headers=[("X-D", slot("d"))])
    )

    assert compiled.slots == {"a", "b", "c", "d"}


def test_rendering_twice_gives_the_same_bytes() -> None:
    spec = spec_of(text=f"Dear {slot('name')}")

    assert rendered(spec, {"name": "Olena"}) == rendered(spec, {"name": "Olena"})


def test_ten_thousand_renders_at_once_never_mix_two_recipients() -> None:
    marked = f"Dear {slot('name', 'reader')}, {slot('email')} {slot('unsubscribe_url')}"
    compiled = compile_message(
        spec_of(
            subject=f"For {slot('name', 'reader')}",
            text=marked,
            html=f'<p>{marked}</p><a href="{slot("unsubscribe_url")}">leave</a>',
            headers=list_unsubscribe(slot("unsubscribe_url"), slot("unsubscribe_mailto")),
        )
    )

    with ThreadPoolExecutor(8) as pool:
        messages = list(pool.map(lambda number: _canary(compiled, number), range(10_000)))

    for number, raw in enumerate(messages):
        joined = raw.replace(b"=\r\n", b"")
        found = set(re.findall(rb"canary(\d{6})", joined))
        assert found == {b"%06d" % number}
        assert joined.count(b"canary%06d" % number) == 12


def _canary(compiled: CompiledMessage, number: int) -> bytes:
    canary = f"canary{number:06d}"
    return compiled.render(
        {
            "name": canary,
            "email": f"{canary}@readers.example",
            "unsubscribe_url": f"https://news.example/unsubscribe/{canary}",
            "unsubscribe_mailto": f"unsubscribe+{canary}@news.example",
        },
        recipient=f"{canary}@readers.example",
        message_id=f"<{canary}@news.example>",
        date=AT,
    )
