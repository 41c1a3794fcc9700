"""Header fields as they stand on the wire: RFC 5322 folding, RFC 2047 encoded-words, exact addresses.

Free text (a subject, a display name) is encoded where it must be. Structured values (List-Unsubscribe,
List-Id, Feedback-ID, addresses) never are: an encoded-word there hides the button it should show, and
is forbidden inside an address (RFC 2047 section 5). Whatever holds a control character is refused.
"""

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from email.utils import format_datetime
from functools import lru_cache

from newsletters.kernel.addresses import InvalidAddress, parse_address
from newsletters.mail.errors import UnsafeHeader
from newsletters.mail.words import encoded_words

LINE_BYTES = 998  # RFC 5322 section 2.1.1, without the CRLF
FOLD_AT = 76
_UNSAFE = re.compile(r"[\x00-\x1f\x7f]")
_PLAIN_TEXT = re.compile(r"[!-~]{1,60}(?: [!-~]{1,60})*")
_ATOMS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?: [A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_PLAIN_ADDRESS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]+@[A-Za-z0-9.-]+")
_FIELD_NAME = re.compile(r"[!-9;-~]{1,70}")
_FEEDBACK_SENDER = re.compile(r"[A-Za-z0-9_-]{5,15}")
_FOLDS = re.compile(r"(?<=>,) (?=<)|(?<=\?=) ")
_NEXT_LINE = "\r\n "
LONGEST_QUOTED = 60


def safe(value: str) -> str:
    """``value`` itself. Raises UnsafeHeader if it holds CR, LF, NUL or another control character."""
    if _UNSAFE.search(value):
        raise UnsafeHeader("a control character cannot stand in a header")
    return value


def text_field(name: str, text: str) -> bytes:
    """A field of free text, such as Subject, folded and with its CRLF."""
    text = safe(text).strip()
    if "=?" in text or not _PLAIN_TEXT.fullmatch(text):
        words = encoded_words(text, first=len(name) + 2)
        return f"{name}: {_NEXT_LINE.join(words)}\r\n".encode()
    return f"{name}: {_folded(text, len(name) + 2)}\r\n".encode()


def raw_field(name: str, value: str) -> bytes:
    """A structured field, written as it is; it folds only between URIs and between encoded-words."""
    return checked_field(folded_field(name, value))


def folded_field(name: str, value: str) -> str:
    """The field with its folds, where slots may still stand in it."""
    if not _FIELD_NAME.fullmatch(name):
        raise UnsafeHeader(f"{name[:70]!r} is no name of a field")
    return _FOLDS.sub(_NEXT_LINE, f"{name}: {safe(value)}")


def checked_field(folded: str) -> bytes:
    """A folded field as bytes. Raises UnsafeHeader beyond ASCII and beyond what a line may hold."""
    if not folded.isascii():
        raise UnsafeHeader("a structured field takes ASCII only")
    if len(folded) > LINE_BYTES and any(len(line) > LINE_BYTES for line in folded.split("\r\n")):
        raise UnsafeHeader("a field is longer than a line may be")
    return f"{folded}\r\n".encode()


def mailbox_field(name: str, display: str, email: str) -> bytes:
    """From, To or Reply-To with one mailbox. Raises InvalidAddress, UnsafeHeader."""
    address = wire_address(email)
    if not display.strip():
        return f"{name}: {address}\r\n".encode()
    phrase = _phrase(display.strip(), first=len(name) + 2)
    last = phrase.rpartition("\r\n")[2]
    room = FOLD_AT - len(last) - (0 if "\r\n" in phrase else len(name) + 2)
    gap = " " if len(address) + 3 <= room else _NEXT_LINE
    return f"{name}: {phrase}{gap}<{address}>\r\n".encode()


@lru_cache(maxsize=64)  # all mails of an issue have one date
def date_field(at: datetime) -> bytes:
    return f"Date: {format_datetime(at.astimezone(UTC))}\r\n".encode()


def wire_address(email: str) -> str:
    """The address as it goes into RCPT TO and headers: the domain as A-labels (RFC 5890).

    A local part beyond ASCII stays as it is (RFC 6532) and needs SMTPUTF8. Raises InvalidAddress.
    """
    if _PLAIN_ADDRESS.fullmatch(email):
        return email
    if email != email.strip():
        raise InvalidAddress("what surrounds an address is not taken away here")
    return parse_address(email).wire


def list_unsubscribe(url: str, mailto: str = "") -> Sequence[tuple[str, str]]:
    """RFC 2369 and RFC 8058: one HTTPS URI that takes the one-click POST, and an address. Slots welcome."""
    value = f"<{url}>, <mailto:{mailto}?subject=unsubscribe>" if mailto else f"<{url}>"
    return (("List-Unsubscribe", value), ("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"))


def list_id(name: str, identifier: str) -> str:
    """RFC 2919: the newsletter's name, for people, and its identifier, which never changes."""
    if not name.strip():
        return f"<{identifier}>"
    words = _phrase(name.strip(), first=len("List-Id: ")).replace(_NEXT_LINE, " ")
    return f"{words} <{identifier}>"


def feedback_id(a: str, b: str, c: str, sender: str) -> str:
    """Google's Feedback-ID ``a:b:c:SenderId``; nothing in it may differ from recipient to recipient."""
    if not _FEEDBACK_SENDER.fullmatch(sender):
        raise UnsafeHeader("the SenderId of a Feedback-ID has 5 to 15 letters, digits, - or _")
    return ":".join((*(part.replace(":", "-") for part in (a, b, c)), sender))


def message_id(kind: str, ids: Sequence[int], domain: str) -> str:
    """The one Message-ID of this mail, the same at every attempt; it says nothing of the address."""
    return f"<{kind}.{'.'.join(map(str, ids))}@{domain}>"


def _phrase(display: str, *, first: int) -> str:
    """A display name: atoms, a quoted-string, or encoded-words (RFC 5322 section 3.2.5, RFC 2047)."""
    if safe(display).isascii() and "=?" not in display and len(display) <= LONGEST_QUOTED:
        if _ATOMS.fullmatch(display):
            return display
        return '"' + display.replace("\\", r"\\").replace('"', r"\"") + '"'
    return _NEXT_LINE.join(encoded_words(display, first=first))


def _folded(text: str, column: int) -> str:
    return _NEXT_LINE.join(_lines(text.split(" "), column))


def _lines(words: Sequence[str], column: int) -> Iterator[str]:
    line: list[str] = []
    for word in words:
        if line and column + len(word) > FOLD_AT:
            yield " ".join(line)
            line, column = [], 1
        line.append(word)
        column += len(word) + 1
    yield " ".join(line)
