"""An issue's Markdown as sanitised HTML, the same for the web and for mail.

Headings begin at the second level, for the subject is the page's first. Pictures of ours get their size, and
every address is absolute when a base is given. What the sanitiser does not know does not come through, and
no style attribute does: the pages' content security policy has no place for one. Knows no reader: slots
for placeholders pass through untouched.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

import nh3
from markdown_it.token import Token

from newsletters.publishing.markdown import MARKDOWN, attribute, lone_picture, parse
from newsletters.publishing.models import Issue

MEDIA: Final = "/media/"
COLUMN_PIXELS: Final = 600  # a mail's column; pictures are kept at up to twice that for fine screens
SCHEMES: Final = {"http", "https", "mailto", "tel"}
TAGS: Final = {
    *("p", "br", "hr", "h2", "h3", "h4", "h5", "h6", "a", "img", "figure", "figcaption", "strong", "em", "s"),
    *("ul", "ol", "li", "blockquote", "code", "pre", "table", "thead", "tbody", "tr", "th", "td"),
}
ATTRIBUTES: Final = {
    "a": {"href", "title"},
    "img": {"src", "alt", "width", "height"},
    "ol": {"start"},
    "th": {"align"},
    "td": {"align"},
}


@dataclass(frozen=True, slots=True)
class Media:
    """The pictures of ours: their sizes by name, and the address they are served at."""

    sizes: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    base: str = ""

    def shown_size(self, src: str) -> tuple[int, int] | None:
        """Width and height in CSS pixels, never wider than the column; None for a picture not ours."""
        width, height = self.sizes.get(src.removeprefix(MEDIA), (0, 0))
        if not width or not src.startswith(MEDIA):
            return None
        shown = min(width, COLUMN_PIXELS)
        return shown, max(1, round(height * shown / width))


def content_hash(issue: Issue) -> str:
    """What the editors wrote, as 64 hexadecimal digits: a send stops when it changes on the way."""
    written = "\0".join((issue.subject, issue.preheader, issue.body))
    return hashlib.sha256(written.encode()).hexdigest()


def to_html(source: str, media: Media, *, line: int | None = None) -> str:
    """``source`` as HTML that is safe to stand in a page of ours and in a mail.

    With ``line`` the block that stands on this line of ``source`` gets the id ``here``.
    """
    tokens = parse(source)
    _begin_headings_at_two(tokens)
    _mark(tokens, line)
    for index, token in enumerate(tokens):
        if token.type == "inline":
            _make_figure(tokens, index)
            _place_pictures(token, media)
        elif token.type in ("th_open", "td_open"):
            _align(token)
    html = MARKDOWN.renderer.render(tokens, MARKDOWN.options, {})
    return nh3.clean(
        html,
        tags=TAGS,
        attributes={**ATTRIBUTES, "*": {"id"}} if line else ATTRIBUTES,
        link_rel=None,
        url_schemes=SCHEMES,
        url_relative=_only_media(media.base),
    )


def _mark(tokens: list[Token], line: int | None) -> None:
    blocks = [token for token in tokens if token.map and token.level == 0]
    above = [token for token in blocks if token.map and line and token.map[0] < line]
    if above:
        above[-1].attrSet("id", "here")


def _begin_headings_at_two(tokens: list[Token]) -> None:
    """The levels in use become h2, h3 and so on without a gap, whichever the editor began with."""
    headings = [token for token in tokens if token.type in ("heading_open", "heading_close")]
    levels = sorted({token.tag for token in headings})
    for token in headings:
        token.tag = f"h{min(6, levels.index(token.tag) + 2)}"


def _make_figure(tokens: list[Token], index: int) -> None:
    """A paragraph that is one picture becomes a figure; the picture's title is its caption."""
    inline, opening, closing = tokens[index], tokens[index - 1], tokens[index + 1]
    picture = lone_picture(inline)
    if picture is None or opening.type != "paragraph_open" or opening.hidden:
        return
    opening.tag = closing.tag = "figure"
    caption = attribute(picture, "title")
    picture.attrs.pop("title", None)
    inline.children = [picture, *(_caption(caption) if caption else ())]


def _caption(words: str) -> tuple[Token, Token, Token]:
    return (
        Token("figcaption_open", "figcaption", 1),
        Token("text", "", 0, content=words),
        Token("figcaption_close", "figcaption", -1),
    )


def _place_pictures(inline: Token, media: Media) -> None:
    for child in inline.children or ():
        size = media.shown_size(attribute(child, "src")) if child.type == "image" else None
        if size is not None:
            child.attrSet("width", str(size[0]))
            child.attrSet("height", str(size[1]))


def _align(cell: Token) -> None:
    """Markdown's column alignment as an attribute: a style would need a hole in the page's policy."""
    _, _, side = attribute(cell, "style").partition("text-align:")
    if side:
        cell.attrSet("align", side)


def _only_media(base: str) -> Callable[[str], str | None]:
    """Relative addresses mean nothing in a mail: only our own pictures' are kept."""

    def resolve(url: str) -> str | None:
        return f"{base}{url}" if url.startswith(MEDIA) else None

    return resolve
