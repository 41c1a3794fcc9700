"""What a person sees of a message's bytes: text, HTML, links, attachments and inline images.

Reads whatever comes, valid or not, and never raises on it; the bytes themselves are the truth.
RFC 2045, 2046 and 2392 (cid:).
"""

import base64
import re
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import Message
from html.parser import HTMLParser

from newsletters.sink.header import decoded, read_fields

_URL = re.compile(r"""(?:https?://|mailto:)[^\s<>"'\u00ab\u00bb]+""", re.IGNORECASE)
_TRAILING = ".,;:!?)]}*_"
_CID = re.compile(r"cid:([^\s\"'<>)]+)", re.IGNORECASE)
_LINKED = {"a": "href", "area": "href"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """A part that is neither the text nor the HTML."""

    name: str
    content_type: str
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """A message, read. ``html`` and ``text`` are empty where there is no such part."""

    headers: list[tuple[str, str]]
    text: str
    html: str
    links: list[str]
    attachments: list[Attachment]
    inline: dict[str, str]


def read_message(raw: bytes) -> Reading:
    """Read the whole message."""
    parts = [
        part for part in message_from_bytes(raw, policy=policy.compat32).walk() if not part.is_multipart()
    ]
    text = next((part for part in parts if _is_body(part, "text/plain")), None)
    html = next((part for part in parts if _is_body(part, "text/html")), None)
    written, marked = _text_of(text), _text_of(html)
    return Reading(
        headers=read_fields(raw),
        text=written,
        html=marked,
        links=list(dict.fromkeys(links_in_html(marked) + links_in_text(written))),
        attachments=[_attachment(part) for part in parts if part is not text and part is not html],
        inline={cid: url for part in parts if (cid := _content_id(part)) and (url := _data_url(part))},
    )


def links_in_html(html: str) -> list[str]:
    """The addresses that a reader of the HTML can follow, in order."""
    finder = _LinkFinder()
    finder.feed(html)
    finder.close()
    return finder.links


def links_in_text(text: str) -> list[str]:
    """The addresses that stand in plain text, without the punctuation behind them."""
    return [found.rstrip(_TRAILING) for found in _URL.findall(text)]


def with_inline_images(reading: Reading) -> str:
    """The HTML with each cid: image in place, so that it shows without asking anybody for it."""
    return _CID.sub(lambda found: reading.inline.get(found[1], found[0]), reading.html)


class _LinkFinder(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        wanted = _LINKED.get(tag)
        self.links += [value.strip() for name, value in attrs if name == wanted and value and value.strip()]


def _is_body(part: "Message[str, str]", content_type: str) -> bool:
    return part.get_content_type() == content_type and part.get_content_disposition() != "attachment"


def _bytes_of(part: "Message[str, str]") -> bytes:
    payload = part.get_payload(decode=True)
    return payload if isinstance(payload, bytes) else b""


def _text_of(part: "Message[str, str] | None") -> str:
    if part is None:
        return ""
    written = _bytes_of(part)
    try:
        text = written.decode(part.get_content_charset("utf-8"), "replace")
    except LookupError:
        text = written.decode("utf-8", "replace")
    return text.replace("\r\n", "\n")


def _attachment(part: "Message[str, str]") -> Attachment:
    name = (part.get_filename() or "").encode("utf-8", "surrogatepass")
    return Attachment(name=decoded(name), content_type=part.get_content_type(), size=len(_bytes_of(part)))


def _content_id(part: "Message[str, str]") -> str:
    return str(part.get("Content-ID", "")).strip().strip("<>")


def _data_url(part: "Message[str, str]") -> str:
    if part.get_content_maintype() != "image":
        return ""
    return f"data:{part.get_content_type()};base64,{base64.b64encode(_bytes_of(part)).decode('ascii')}"
