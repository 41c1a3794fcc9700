"""What an editor writes, as HTML and as plain text."""

from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletters.mail.slots import fill_html, fill_text
from newsletters.publishing.content import ATTRIBUTES, TAGS, Media, to_html
from newsletters.publishing.models import Newsletter
from newsletters.publishing.plaintext import to_text
from newsletters.publishing.wording import with_slots, without_reader

NEWSLETTER = Newsletter(name="Explaining Ukraine", language="en")
MEDIA = Media({"a.png": (1200, 800), "small.png": (300, 200)}, "https://news.example")
HOSTILE = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "[x](javascript:alert(1))",
    "[x](JaVaScRiPt:alert(1))",
    "[x](data:text/html;base64,PHNjcmlwdD4=)",
    "![x](data:image/svg+xml;base64,PHN2Zz4=)",
    "[x](vbscript:msgbox(1))",
    '[x](https://a.example "\\" onmouseover=alert(1) x=\\"")',
    "<svg/onload=alert(1)>",
    "<a href='&#106;avascript:alert(1)'>x</a>",
    "<style>body{display:none}</style>",
    "<iframe src=https://evil.example></iframe>",
    "| a |\n|:-:|\n| <b onclick=x> |",
    '![x](https://a.example/"onerror=alert(1))',
    '{{ name|"<script>alert(1)</script>" }}',
    "\\<script>",
    "```html\n</code></pre><script>alert(1)</script>\n```",
]


class Elements(HTMLParser):
    """Collects the elements a browser would make."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def html(source: str) -> str:
    return fill_html(to_html(with_slots(source, NEWSLETTER).text, MEDIA), {})


def text(source: str) -> str:
    return fill_text(to_text(with_slots(source, NEWSLETTER).text, base=MEDIA.base), {})


def is_harmless(rendered: str) -> bool:
    elements = Elements()
    elements.feed(rendered)
    allowed_everywhere = {"title", "lang"}
    return all(
        tag in TAGS
        and set(attributes) <= ATTRIBUTES.get(tag, set()) | allowed_everywhere
        and all(
            (attributes.get(name) or "https:").startswith(("https:", "http:", "mailto:", "tel:"))
            for name in ("href", "src")
        )
        for tag, attributes in elements.found
    )


@pytest.mark.parametrize("source", HOSTILE)
def test_nothing_hostile_comes_through(source: str) -> None:
    rendered = html(source)

    assert is_harmless(rendered), rendered


@given(st.text(alphabet="<>\"'`&;:/=()[]{}|!#\\\n abjsx{}\ue000\ue001", max_size=120))
def test_no_text_at_all_makes_an_element_we_did_not_allow(source: str) -> None:
    assert is_harmless(html(source))


@given(st.text(max_size=200))
def test_every_text_has_a_plain_text(source: str) -> None:
    rendered = text(source)

    assert "\ue000" not in rendered


def test_headings_begin_below_the_subject_and_leave_no_gap() -> None:
    rendered = html("# One\n\n### Two\n\n# Three")

    assert rendered == "<h2>One</h2>\n<h3>Two</h3>\n<h2>Three</h2>\n"


def test_a_picture_of_ours_gets_an_address_and_its_size_at_half_its_pixels() -> None:
    rendered = html("![A map](/media/a.png)")

    assert rendered == (
        '<figure><img src="https://news.example/media/a.png" alt="A map" width="600" height="400"></figure>\n'
    )


def test_a_small_picture_is_not_blown_up() -> None:
    assert 'width="300" height="200"' in html("![A stamp](/media/small.png)")


def test_the_title_of_a_lone_picture_is_its_caption() -> None:
    rendered = html('![A map](/media/a.png "Kyiv in March")')

    assert "<figcaption>Kyiv in March</figcaption>" in rendered
    assert "title=" not in rendered


def test_a_relative_link_leads_nowhere() -> None:
    assert html("[page](other/page)") == "<p><a>page</a></p>\n"


def test_alignment_needs_no_style() -> None:
    rendered = html("| a |\n|--:|\n| 1 |")

    assert '<td align="right">1</td>' in rendered
    assert "style" not in rendered


def test_a_placeholder_without_default_gets_the_newsletters() -> None:
    ukrainian = Newsletter(name="Українська неділя", language="uk")

    assert without_reader("Dear {{ name }}", NEWSLETTER) == "Dear reader"
    assert without_reader("{{ newsletter }}", ukrainian) == "Українська неділя"


def test_a_value_is_escaped_and_never_read_again() -> None:
    marked = to_html(with_slots("Dear {{ name }}!", NEWSLETTER).text, MEDIA)

    rendered = fill_html(marked, {"name": "<b>{{ email }}</b>"})

    assert rendered == "<p>Dear &lt;b&gt;{{ email }}&lt;/b&gt;!</p>\n"


@pytest.mark.parametrize("written", ["{{ config }}", "{{ 7*7 }}", "{{ name.upper }}", "{% for x in y %}"])
def test_what_is_no_placeholder_stays_as_it_was_written(written: str) -> None:
    assert written in text(written)


def test_plain_text_reads_like_a_letter() -> None:
    source = (
        "# The week\n\nRead [this](https://a.example/1) and\n[that](https://a.example/2), or "
        "[this again](https://a.example/1).\n\n"
        "> Quoted\n\n- one\n- two\n  - three\n\n2. second\n3. third\n\n"
        "![A map of Kyiv](/media/a.png)\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n---\n\n    code\n\n"
        "<https://a.example> [write](mailto:desk@news.example)"
    )

    assert text(source) == (
        "The week\n========\n\n"
        "Read this [1] and that [2], or this again [1].\n\n"
        "> Quoted\n\n- one\n- two\n  - three\n\n2. second\n3. third\n\n"
        "[Picture: A map of Kyiv]\n\na | b\n1 | 2\n\n* * *\n\n    code\n\n"
        "https://a.example write (desk@news.example)\n\n"
        "Links:\n[1] https://a.example/1\n[2] https://a.example/2"
    )
