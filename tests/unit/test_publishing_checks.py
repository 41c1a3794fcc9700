"""The checks before an issue goes out."""

from dataclasses import replace

import pytest

from newsletters.publishing.checks import (
    GMAIL_CLIPS_AT_BYTES,
    Draft,
    Field,
    Finding,
    Kind,
    Severity,
    findings,
    is_local,
    links,
)

GOOD = Draft(
    subject="The week in Kyiv",
    preheader="What happened and why it matters",
    body="Good morning.\n\nRead [our report](https://news.example/report).\n\n![A map](/media/a.png)",
    base="http://localhost:8000",
    known_pictures=frozenset({"a.png"}),
)


def kinds(draft: Draft) -> list[Kind]:
    return [finding.kind for finding in findings(draft)]


def test_a_good_issue_has_nothing_to_look_at() -> None:
    assert findings(GOOD) == []


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ("A number: TK people.", Kind.TO_COME),
        ("[TKTK]", Kind.TO_COME),
        ("See [here](reports/1).", Kind.LINK_RELATIVE),
        ("See [here](#below).", Kind.LINK_RELATIVE),
        ("See [](https://a.example).", Kind.LINK_EMPTY),
        ("See [here]().", Kind.LINK_EMPTY),
        ("See [here](http://localhost:5000/x).", Kind.LINK_LOCAL),
        ("See [here](http://192.168.1.7/x).", Kind.LINK_LOCAL),
        ("See [here](http://[::1]/x).", Kind.LINK_LOCAL),
        ("See [here](http://desk.internal/x).", Kind.LINK_LOCAL),
        ("See [here](https://bit.ly/3abc).", Kind.LINK_SHORTENED),
        ("![](/media/a.png)", Kind.ALT_MISSING),
        ("![A map](https://elsewhere.example/map.png)", Kind.PICTURE_FOREIGN),
        ("![A map](/media/gone.png)", Kind.PICTURE_WITHOUT_SIZE),
        ("The report is attached.", Kind.ATTACHMENT),
        ("Звіт у вкладенні.", Kind.ATTACHMENT),
        ("A <b>bold</b> word.", Kind.HTML),
        ("  \n ", Kind.BODY_EMPTY),
    ],
)
def test_each_trap_in_the_text_is_found_once(body: str, kind: Kind) -> None:
    assert kinds(replace(GOOD, body=body)) == [kind]


@pytest.mark.parametrize(
    "body",
    [
        "TKACHENKO and ATK are names.",
        "`TK` in code",
        "Our own [page](http://localhost:8000/newsletters/x).",
        "3 < 4 and 5 > 2",
        "Write to [us](mailto:desk@news.example).",
    ],
)
def test_what_only_looks_like_a_trap_is_left_alone(body: str) -> None:
    assert findings(replace(GOOD, body=body)) == []


def test_a_finding_names_the_line_it_stands_on() -> None:
    body = "One.\n\nTwo and\n[three](four)\nTK\n\n- five\n- [six](seven)"

    found = findings(replace(GOOD, body=body))

    assert [(one.kind, one.line) for one in found] == [
        (Kind.LINK_RELATIVE, 4),
        (Kind.LINK_RELATIVE, 8),
        (Kind.TO_COME, 5),
    ]


def test_what_blocks_comes_first() -> None:
    draft = replace(GOOD, subject="", preheader="", body="[short](https://bit.ly/x) TK")

    assert [one.severity for one in findings(draft)] == [
        Severity.BLOCKING,
        Severity.WARNING,
        Severity.WARNING,
        Severity.HINT,
    ]


def test_the_inbox_line_is_looked_at() -> None:
    draft = replace(GOOD, subject="x" * 100, preheader="TK " + "y" * 150)

    assert [(one.kind, one.field) for one in findings(draft)] == [
        (Kind.TO_COME, Field.PREHEADER),
        (Kind.SUBJECT_LONG, Field.SUBJECT),
        (Kind.PREHEADER_LONG, Field.PREHEADER),
    ]


def test_gmails_clip_is_a_matter_of_one_byte() -> None:
    assert kinds(replace(GOOD, html_bytes=GMAIL_CLIPS_AT_BYTES)) == []
    assert kinds(replace(GOOD, html_bytes=GMAIL_CLIPS_AT_BYTES + 1)) == [Kind.CLIPPED]


def test_a_dead_link_is_named_with_its_reason() -> None:
    draft = replace(GOOD, dead_links={"https://news.example/report": "404"})

    assert findings(draft) == [Finding(Kind.LINK_DEAD, line=3, detail="https://news.example/report (404)")]


def test_unknown_placeholders_block() -> None:
    unknown = Finding(Kind.PLACEHOLDER_UNKNOWN, line=1, detail="{{ nmae }}")

    found = findings(replace(GOOD, unknown=(unknown,)))

    assert [one.severity for one in found] == [Severity.BLOCKING]


def test_links_are_listed_once_and_only_those_of_the_web() -> None:
    body = "[a](https://a.example) [b](mailto:x@a.example) [c](https://a.example) <http://b.example>"

    assert links(body) == ["https://a.example", "http://b.example"]


@pytest.mark.parametrize("href", ["http://[", "not a url", "mailto:a@b.example"])
def test_an_address_that_cannot_be_read_is_not_called_local(href: str) -> None:
    assert not is_local(href)
