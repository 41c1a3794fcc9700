"""What to look at before an issue goes out. Pure: text and what is known about it in, findings out.

A blocking finding keeps the issue from being sent; a warning asks to be seen; a hint is a matter of taste.
Knows no words for people and asks no network: whether links are alive comes in as ``dead_links``. An
unsubscribe link is not checked, for the layout cannot be without one.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

from markdown_it.token import Token

from newsletters.publishing.content import MEDIA, SCHEMES
from newsletters.publishing.markdown import attribute, inline_tokens, parse

GMAIL_CLIPS_AT_BYTES: Final = 102 * 1024  # Gmail shows the first 102 kB of a message's HTML
LONGEST_SUBJECT: Final = 78
LONGEST_PREHEADER: Final = 140
SHORTENERS: Final = frozenset(
    ("bit.ly", "tinyurl.com", "goo.gl", "t.co", "ow.ly", "buff.ly", "is.gd", "cutt.ly", "rb.gy", "tiny.cc")
)
_TO_COME: Final = re.compile(r"\bTK(?:TK)*\b")
_ATTACHED: Final = re.compile(
    r"\battach(?:ed|ment|ments)\b|\bу вкладенні\b|\bприкріплен\w*|\bдодан\w* файл\w*", re.IGNORECASE
)
_TAG: Final = re.compile(r"</?[a-z][a-z0-9]*(?:\s[^<>]*)?/?>", re.IGNORECASE)
_LOCAL_NAMES: Final = (".localhost", ".local", ".internal", ".test", ".invalid", ".lan")


class Kind(StrEnum):
    """What was found; the desk has words for each."""

    SUBJECT_EMPTY = "subject_empty"
    SUBJECT_LONG = "subject_long"
    PREHEADER_EMPTY = "preheader_empty"
    PREHEADER_LONG = "preheader_long"
    BODY_EMPTY = "body_empty"
    PLACEHOLDER_UNKNOWN = "placeholder_unknown"
    TO_COME = "to_come"
    LINK_EMPTY = "link_empty"
    LINK_RELATIVE = "link_relative"
    LINK_LOCAL = "link_local"
    LINK_SHORTENED = "link_shortened"
    LINK_DEAD = "link_dead"
    ALT_MISSING = "alt_missing"
    PICTURE_FOREIGN = "picture_foreign"
    PICTURE_WITHOUT_SIZE = "picture_without_size"
    ATTACHMENT = "attachment"
    HTML = "html"
    CLIPPED = "clipped"
    POSTAL_ADDRESS_MISSING = "postal_address_missing"


class Severity(StrEnum):
    """How much a finding matters."""

    BLOCKING = "blocking"
    WARNING = "warning"
    HINT = "hint"


class Field(StrEnum):
    """Where a finding is."""

    SUBJECT = "subject"
    PREHEADER = "preheader"
    BODY = "body"
    NEWSLETTER = "newsletter"


SEVERITIES: Final[Mapping[Kind, Severity]] = {
    Kind.SUBJECT_EMPTY: Severity.BLOCKING,
    Kind.BODY_EMPTY: Severity.BLOCKING,
    Kind.PLACEHOLDER_UNKNOWN: Severity.BLOCKING,
    Kind.LINK_EMPTY: Severity.BLOCKING,
    Kind.LINK_RELATIVE: Severity.BLOCKING,
    Kind.SUBJECT_LONG: Severity.HINT,
    Kind.PREHEADER_LONG: Severity.HINT,
    Kind.LINK_SHORTENED: Severity.HINT,
    Kind.PICTURE_WITHOUT_SIZE: Severity.HINT,
}


@dataclass(frozen=True, slots=True)
class Finding:
    """Something to look at. ``line`` counts the body's lines from one; ``detail`` quotes what was found."""

    kind: Kind
    field: Field = Field.BODY
    line: int | None = None
    detail: str = ""

    @property
    def severity(self) -> Severity:
        return SEVERITIES.get(self.kind, Severity.WARNING)


@dataclass(frozen=True, slots=True)
class Draft:
    """What is checked. ``unknown`` are placeholders that mean nothing, by field and line."""

    subject: str
    preheader: str
    body: str
    unknown: tuple[Finding, ...] = ()
    html_bytes: int = 0
    base: str = ""
    has_postal_address: bool = True
    known_pictures: frozenset[str] = frozenset()
    dead_links: Mapping[str, str] = field(default_factory=dict)


def findings(draft: Draft) -> list[Finding]:
    """Everything worth a look, the gravest first and then in reading order."""
    found = [
        *_inbox_line(draft),
        *draft.unknown,
        *_body(draft),
        *_mail(draft),
    ]
    return sorted(found, key=_gravity)


def _gravity(finding: Finding) -> tuple[int, int, int]:
    place = list(Field).index(finding.field)
    return list(Severity).index(finding.severity), place, finding.line or 0


def links(body: str) -> list[str]:
    """Every web address the text links to, once, in reading order."""
    hrefs = (attribute(token, "href") for token, _ in inline_tokens(parse(body)) if token.type == "link_open")
    return list(dict.fromkeys(href for href in hrefs if urlsplit(href).scheme in ("http", "https")))


def _inbox_line(draft: Draft) -> Iterator[Finding]:
    if not draft.subject.strip():
        yield Finding(Kind.SUBJECT_EMPTY, Field.SUBJECT)
    if len(draft.subject) > LONGEST_SUBJECT:
        yield Finding(Kind.SUBJECT_LONG, Field.SUBJECT, detail=str(len(draft.subject)))
    if not draft.preheader.strip():
        yield Finding(Kind.PREHEADER_EMPTY, Field.PREHEADER)
    if len(draft.preheader) > LONGEST_PREHEADER:
        yield Finding(Kind.PREHEADER_LONG, Field.PREHEADER, detail=str(len(draft.preheader)))
    for where, text in ((Field.SUBJECT, draft.subject), (Field.PREHEADER, draft.preheader)):
        if _TO_COME.search(text):
            yield Finding(Kind.TO_COME, where)


def _mail(draft: Draft) -> Iterator[Finding]:
    if draft.html_bytes > GMAIL_CLIPS_AT_BYTES:
        yield Finding(Kind.CLIPPED, detail=str(draft.html_bytes))
    if not draft.has_postal_address:
        yield Finding(Kind.POSTAL_ADDRESS_MISSING, Field.NEWSLETTER)


def _body(draft: Draft) -> Iterator[Finding]:
    if not draft.body.strip():
        yield Finding(Kind.BODY_EMPTY)
        return
    tokens = list(inline_tokens(parse(draft.body)))
    for place, (token, line) in enumerate(tokens):
        if token.type == "link_open":
            words = tokens[place + 1][0]
            yield from _link(token, line, draft, is_empty=words.type == "link_close")
        elif token.type == "image":
            yield from _picture(token, line, draft)
        elif token.type == "text":
            yield from _words(token, line)


def _link(token: Token, line: int, draft: Draft, *, is_empty: bool) -> Iterator[Finding]:
    href = attribute(token, "href")
    if is_empty or not href:
        yield Finding(Kind.LINK_EMPTY, line=line, detail=href)
    elif urlsplit(href).scheme not in SCHEMES and not href.startswith(MEDIA):
        yield Finding(Kind.LINK_RELATIVE, line=line, detail=href)
    elif is_local(href) and not href.startswith(f"{draft.base}/"):
        yield Finding(Kind.LINK_LOCAL, line=line, detail=href)
    elif (urlsplit(href).hostname or "").removeprefix("www.") in SHORTENERS:
        yield Finding(Kind.LINK_SHORTENED, line=line, detail=href)
    elif href in draft.dead_links:
        yield Finding(Kind.LINK_DEAD, line=line, detail=f"{href} ({draft.dead_links[href]})")


def _picture(token: Token, line: int, draft: Draft) -> Iterator[Finding]:
    src = attribute(token, "src")
    if not token.content.strip():
        yield Finding(Kind.ALT_MISSING, line=line, detail=src)
    if not src.startswith(MEDIA):
        yield Finding(Kind.PICTURE_FOREIGN, line=line, detail=src)
    elif src.removeprefix(MEDIA) not in draft.known_pictures:
        yield Finding(Kind.PICTURE_WITHOUT_SIZE, line=line, detail=src)


def _words(token: Token, line: int) -> Iterator[Finding]:
    if _TO_COME.search(token.content):
        yield Finding(Kind.TO_COME, line=line)
    if found := _ATTACHED.search(token.content):
        yield Finding(Kind.ATTACHMENT, line=line, detail=found[0])
    if found := _TAG.search(token.content):
        yield Finding(Kind.HTML, line=line, detail=found[0])


def is_local(href: str) -> bool:
    """Whether an address means something only on the editor's own machine or network."""
    try:
        host = urlsplit(href).hostname or ""
        return host == "localhost" or host.endswith(_LOCAL_NAMES) or not ip_address(host).is_global
    except ValueError:
        return False
