"""A returned mail taken apart within limits, so that no input costs more than a moment. Pure.

The standard library reads MIME here, under the oldest of its policies: the newer ones crash on some
input. What comes in is cut down first: so many bytes, lines and nested parts as an honest report ever
has, and what has more is unreadable. Nothing is decompressed, nothing from the mail is run or believed.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from email import message_from_bytes
from email.errors import MessageError
from email.header import decode_header, make_header
from email.message import Message
from email.policy import compat32
from typing import Final, TypeAlias

from newsletters.kernel.errors import DomainError

LARGEST_BYTES: Final = 256 * 1024  # a report stands at the beginning; what is behind it is our own mail
LONGEST_LINE: Final = 1000  # RFC 5322 section 2.1.1 and the line's end
MOST_LINES: Final = 20_000
MOST_FOLDED: Final = 100  # lines in a row that begin with a blank: so many has no header field
MOST_NESTED: Final = 30
MOST_PARTS: Final = 60
LONGEST_FIELD: Final = 2000
LONGEST_TEXT: Final = 64 * 1024
WORDS: Final = ("text/plain", "text/html")
_NESTING = re.compile(rb"boundary|message/", re.IGNORECASE)
_LINE_END = re.compile(rb"\r\n|\r|\n")
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]+")
_FIELD = re.compile(r"([!-9;-~]{1,80})[ \t]*:[ \t]*(.*)")

Fields = Mapping[str, str]
Mime: TypeAlias = "Message[str, str]"


class Unreadable(DomainError):
    """Not a mail, or one that is built to be expensive."""


class Letter:
    """One mail, bounded and parsed."""

    def __init__(self, raw: bytes) -> None:
        """Raises Unreadable."""
        self.raw = bounded(raw)
        if len(_NESTING.findall(self.raw)) > MOST_NESTED:
            raise Unreadable("too many parts within parts")
        try:
            self.mime: Mime = message_from_bytes(self.raw, policy=compat32)
            self.parts: Sequence[Mime] = self._walk()
        except (
            Exception
        ) as error:  # the standard library's parser raises whatever its input makes it trip over
            raise Unreadable(type(error).__name__) from error
        if not self.mime.keys():
            raise Unreadable("no header")

    def _walk(self) -> list[Mime]:
        parts = []
        for part in self.mime.walk():
            parts.append(part)
            if len(parts) > MOST_PARTS:
                raise MessageError("too many parts")
        return parts

    @property
    def subject(self) -> str:
        return field(self.mime, "Subject")

    @property
    def type(self) -> str:
        return self.mime.get_content_type()

    def parameter(self, name: str) -> str:
        """A parameter of the whole mail's Content-Type, in lower case."""
        try:
            value = self.mime.get_param(name)
        except Exception:  # noqa: BLE001  (a parameter of RFC 2231 that ends too early)
            return ""
        return value.lower() if isinstance(value, str) else ""

    def of_type(self, *types: str) -> list[Mime]:
        """The parts of these types, in the order in which they stand."""
        return [part for part in self.parts if part.get_content_type() in types]

    def texts(self) -> Iterator[str]:
        """What the mail itself says in plain words; not what a mail within it says."""
        inside: set[int] = set()
        for part in self.parts:
            if part.get_content_maintype() == "message" or id(part) in inside:
                inside.update(id(child) for child in children(part))
            elif part.get_content_type() in WORDS:
                text = content(part)
                yield _without_tags(text) if part.get_content_subtype() == "html" else text


def bounded(raw: bytes) -> bytes:
    """The beginning of a mail with honest line ends and no endless line."""
    lines = _LINE_END.split(raw[:LARGEST_BYTES], MOST_LINES)[:MOST_LINES]
    kept, folded = [], 0
    for line in lines:
        folded = folded + 1 if line[:1] in (b" ", b"\t") else 0
        if folded <= MOST_FOLDED:
            kept.append(line[:LONGEST_LINE])
    return b"\r\n".join(kept)


def field(part: Mime, name: str) -> str:
    """One header field as a line of text; empty where there is none, or none that can be read."""
    wanted = name.lower()
    value = next((value for known, value in part.raw_items() if known.lower() == wanted), None)
    if value is None:
        return ""
    text = str(value)[:LONGEST_FIELD].encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    with suppress(Exception):  # encoded-words that are none, or of an alphabet nobody knows
        text = str(make_header(decode_header(text)))
    return clean(text)


def fields(text: str) -> Fields:
    """A block of header fields; the first of a name counts."""
    found: dict[str, str] = {}
    name = ""
    for line in text.splitlines():
        if line[:1] in (" ", "\t") and name:
            if len(found[name]) < LONGEST_FIELD:
                found[name] = clean(f"{found[name]} {line.strip()}")[:LONGEST_FIELD]
        elif (match := _FIELD.match(line)) is not None:
            name = match[1].lower()
            if name in found:
                name = ""
                continue
            found[name] = clean(match[2])[:LONGEST_FIELD]
    return found


def blocks(part: Mime) -> list[Fields]:
    """The blocks of fields of a report's machine-readable part, however its mail system wrapped it."""
    found = []
    for child in children(part):
        block = "".join(f"{name}: {value}\n" for name, value in child.items())
        if block:
            found.append(fields(block))
        if not child.is_multipart():
            found += [fields(piece) for piece in re.split(r"\n\s*\n", _lines_of(content(child)))]
    if not part.is_multipart():
        found += [fields(piece) for piece in re.split(r"\n\s*\n", _lines_of(content(part)))]
    elif field(part, "Content-Transfer-Encoding").lower() in ("base64", "quoted-printable"):
        found += [fields(piece) for piece in re.split(r"\n\s*\n", _decoded_whole(part))]
    return [block for block in found if block]


def children(part: Mime) -> list[Mime]:
    payload = part.get_payload()
    return [child for child in payload if isinstance(child, Message)] if isinstance(payload, list) else []


def content(part: Mime) -> str:
    """A part's text, decoded and bounded."""
    payload = part.get_payload(decode=True)
    if not isinstance(payload, bytes):
        return ""
    payload = payload[:LONGEST_TEXT]
    try:
        charset = part.get_content_charset("utf-8")
        return payload.decode(charset, "replace")
    except Exception:  # noqa: BLE001  (an alphabet nobody knows, or a name that is none)
        return payload.decode("utf-8", "replace")


def clean(text: str) -> str:
    """One line without control characters."""
    return " ".join(_CONTROLS.sub(" ", text.encode("utf-8", "replace").decode()).split())


def _decoded_whole(part: Mime) -> str:
    """A report that was base64 or quoted-printable as a whole: the parser has taken its code for fields."""
    body = "\n".join(str(child.get_payload()) for child in children(part) if not child.is_multipart())
    carrier: Mime = Message()
    carrier["Content-Transfer-Encoding"] = field(part, "Content-Transfer-Encoding")
    carrier.set_payload(body)
    return _lines_of(content(carrier))


def _lines_of(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _without_tags(text: str) -> str:
    """The words of HTML, good enough to look for codes in."""
    text = re.sub(r"<(?:br|/p|/div|/tr|/li|/h\d)\b[^<>]{0,200}>", "\n", text, flags=re.IGNORECASE)
    return re.sub(r"<[^<>]{0,2000}>", " ", text)
