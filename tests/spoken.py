"""What a page says, and in which language each part of it claims to be."""

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser

SPOKEN_ATTRIBUTES = ("alt", "aria-label", "placeholder", "title", "data-label", "content")
SILENT = ("script", "style", "code", "pre", "svg")
VOID = ("br", "hr", "img", "input", "link", "meta", "source", "wbr")
NOT_WORDS = re.compile(r"\S+@\S+|[\w.-]+\.example\b|https?://\S+|/\S+|&[a-z]+;")
LATIN_WORD = re.compile(r"[A-Za-z][A-Za-z'’-]{2,}")


@dataclass
class _Reader(HTMLParser):
    """Walks a page and notes every text together with the language in force where it stands."""

    said: list[tuple[str, str]] = field(default_factory=list)
    open: list[tuple[str, str]] = field(default_factory=lambda: [("", "")])

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        language = given.get("lang") or self.open[-1][1]
        spoken = [
            given.get(name) or "" for name in SPOKEN_ATTRIBUTES if tag != "meta" or _is_description(given)
        ]
        self.said += [(language, text) for text in spoken if text]
        if tag not in VOID:
            self.open.append((tag, language))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        while len(self.open) > 1 and self.open.pop()[0] != tag:
            pass

    def handle_data(self, data: str) -> None:
        if data.strip() and not any(tag in SILENT for tag, _language in self.open):
            self.said.append((self.open[-1][1], data.strip()))


def _is_description(given: dict[str, str | None]) -> bool:
    return given.get("name") == "description"


def language_of(html: str) -> str:
    """What <html lang> says."""
    found = re.search(r'<html[^>]*\blang="([^"]*)"', html)
    assert found, "a page says its language"
    return found[1]


def english_words(html: str, *, language: str, but: tuple[str, ...] = ()) -> list[str]:
    """Words in Latin letters where the page claims to speak ``language``; names in ``but`` are nobody's."""
    reader = _Reader()
    reader.feed(html)
    texts = [text for spoken, text in reader.said if spoken == language]
    for name in but:
        texts = [re.sub(rf"(?<!\w){re.escape(name)}(?!\w)", "", text) for text in texts]
    return [word for text in texts for word in LATIN_WORD.findall(NOT_WORDS.sub("", text))]
