"""Markdown as editors write it: CommonMark with tables and strikethrough; HTML in it stays text.

``parse`` gives the tokens that HTML, plain text and the checks are all made from, so that the three never
disagree about what is a link or a picture.
"""

from collections.abc import Iterator
from typing import Final

from markdown_it import MarkdownIt
from markdown_it.token import Token

MARKDOWN: Final = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])


def parse(source: str) -> list[Token]:
    """The block tokens of ``source``, inline ones as their children."""
    return MARKDOWN.parse(source)


def inline_tokens(tokens: list[Token]) -> Iterator[tuple[Token, int]]:
    """Every inline token with the line it stands on, counted from one."""
    line = 0
    for token in tokens:
        if token.map:
            line = token.map[0] + 1
        here = line
        for child in token.children or ():
            yield child, here
            here += child.type in ("softbreak", "hardbreak")


def attribute(token: Token, name: str) -> str:
    """An attribute as text, empty where there is none."""
    return str(token.attrGet(name) or "")


def lone_picture(token: Token) -> Token | None:
    """The picture that is all of an inline token, if so: it is shown as a figure."""
    children = [child for child in token.children or () if child.type != "text" or child.content.strip()]
    return children[0] if len(children) == 1 and children[0].type == "image" else None
