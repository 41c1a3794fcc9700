"""An issue's Markdown as the plain text part of its mail, for people who read it, not for form's sake.

Headings are underlined, quotations marked, tables are rows, and a picture is what its alt text says. Links
are numbered and listed at the end, so that a long address does not stand in the way of a sentence. Lines
are not wrapped: a phone breaks them better than we would.
"""

from typing import Final
from urllib.parse import urlsplit

from markdown_it.tree import SyntaxTreeNode

from newsletters.kernel.i18n import translations
from newsletters.mail.slots import fill_text
from newsletters.publishing.content import MEDIA, SCHEMES
from newsletters.publishing.markdown import parse

LONGEST_RULE: Final = 60
RULE: Final = "* * *"
MAILTO: Final = "mailto:"


def to_text(source: str, *, base: str = "", language: str = "en") -> str:
    """``source`` as plain text; pictures of ours are at ``base``, our words in ``language``."""
    writer = _Writer(base, language)
    blocks = writer.blocks(SyntaxTreeNode(parse(source)).children)
    return "\n\n".join(part for part in (*blocks, writer.link_list()) if part)


class _Writer:
    """One rendering: remembers the links it has numbered."""

    def __init__(self, base: str, language: str) -> None:
        self._base = base
        self._gettext = translations(language).gettext
        self._links: dict[str, int] = {}

    def link_list(self) -> str:
        lines = [f"[{number}] {href}" for href, number in self._links.items()]
        return "\n".join([self._gettext("Links") + ":", *lines]) if lines else ""

    def blocks(self, nodes: list[SyntaxTreeNode]) -> list[str]:
        return [text for text in (self._block(node) for node in nodes) if text]

    def _block(self, node: SyntaxTreeNode) -> str:
        write = {
            "heading": self._heading,
            "bullet_list": self._items,
            "ordered_list": self._items,
            "blockquote": self._quotation,
            "table": self._rows,
            "fence": _code,
            "code_block": _code,
            "hr": _rule,
        }.get(node.type, self._paragraph)
        return write(node)

    def _paragraph(self, node: SyntaxTreeNode) -> str:
        return self._inline(node.children)

    def _quotation(self, node: SyntaxTreeNode) -> str:
        return _prefixed("\n\n".join(self.blocks(node.children)), "> ", "> ")

    def _rows(self, node: SyntaxTreeNode) -> str:
        return "\n".join(self._row(row) for part in node.children for row in part.children)

    def _heading(self, node: SyntaxTreeNode) -> str:
        words = self._inline(node.children)
        width = min(LONGEST_RULE, max(3, len(fill_text(words, {"name": "reader"}))))
        return f"{words}\n{('=' if node.tag == 'h1' else '-') * width}" if words else ""

    def _items(self, node: SyntaxTreeNode) -> str:
        first = int(node.attrs.get("start", 1))
        is_ordered = node.type == "ordered_list"
        lines = []
        for number, item in enumerate(node.children, first):
            mark = f"{number}. " if is_ordered else "- "
            gap = "\n" if _is_tight(node) else "\n\n"
            lines.append(_prefixed(gap.join(self.blocks(item.children)), mark, " " * len(mark)))
        return ("\n" if _is_tight(node) else "\n\n").join(lines)

    def _row(self, row: SyntaxTreeNode) -> str:
        return " | ".join(self._inline(cell.children) for cell in row.children)

    def _inline(self, nodes: list[SyntaxTreeNode]) -> str:
        return "".join(self._words(node) for node in nodes).strip()

    def _words(self, node: SyntaxTreeNode) -> str:
        match node.type:
            case "text" | "code_inline":
                return node.content
            case "softbreak":
                return " "
            case "hardbreak":
                return "\n"
            case "image":
                return self._picture(node)
            case "link":
                return self._link(node)
            case _:
                return "".join(self._words(child) for child in node.children)

    def _picture(self, node: SyntaxTreeNode) -> str:
        alt = "".join(self._words(child) for child in node.children).strip()
        words = " – ".join(part for part in (alt, str(node.attrs.get("title", ""))) if part)
        label = self._gettext("Picture")
        return f"[{label}: {words}]" if words else f"[{label}]"

    def _link(self, node: SyntaxTreeNode) -> str:
        href = str(node.attrs.get("href", ""))
        words = "".join(self._words(child) for child in node.children).strip()
        if href.startswith(MEDIA):
            href = self._base + href
        if words in (href, href.removeprefix(MAILTO)) or urlsplit(href).scheme not in SCHEMES:
            return words
        if href.startswith(MAILTO):
            return f"{words} ({href.removeprefix(MAILTO)})"
        number = self._links.setdefault(href, len(self._links) + 1)
        return f"{words} [{number}]".strip()


def _code(node: SyntaxTreeNode) -> str:
    return _prefixed(node.content.rstrip("\n"), "    ", "    ")


def _rule(_node: SyntaxTreeNode) -> str:
    return RULE


def _is_tight(items: SyntaxTreeNode) -> bool:
    return any(child.hidden for item in items.children for child in item.children)


def _prefixed(text: str, first: str, rest: str) -> str:
    lines = text.split("\n")
    return "\n".join(((first if not at else rest) + line).rstrip() for at, line in enumerate(lines))
