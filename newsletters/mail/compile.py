"""One message for many recipients: everything is encoded once, and a recipient costs joining some bytes.

A message is cut into literals, already in their transfer encoding, and slots. A literal stops at a soft
break before a slot and goes on at a soft break behind it, so a value is encoded by itself, escaped where it
stands in HTML, and can never change what surrounds it. The boundary holds ``=_``, which no
quoted-printable text contains. Lines, parts and headers follow RFC 5322, 2045, 2046 section 5.1.4 and 2047.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from html import escape

from newsletters.mail import headers as fields
from newsletters.mail import quoted
from newsletters.mail.slots import Slot, cut, find_slots

Pieces = tuple[str | Slot, ...]
Insertion = tuple[Slot, bool]  # a slot, and whether it stands in HTML
Segment = bytes | Insertion
PART = b'Content-Type: text/%s; charset="utf-8"\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n'


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageSpec:
    """What a message says. Subject, text, HTML and the values of ``headers`` may hold slots.

    ``headers`` are structured fields in ASCII, written raw: List-Id, List-Unsubscribe and their like.
    """

    subject: str
    from_name: str
    from_email: str
    text: str
    html: str = ""
    reply_to: str = ""
    headers: Sequence[tuple[str, str]] = ()


@dataclass(frozen=True, slots=True)
class CompiledMessage:
    """A message that waits for its recipients. Immutable, so threads may share it.

    It is written as the personal fields, the common head with the empty line behind it, and the content.
    """

    head: bytes
    subject: Pieces | None
    personal_headers: tuple[Pieces, ...]
    body: tuple[bytes | int, ...]  # literals, and places among the insertions
    insertions: tuple[Insertion, ...]
    slots: frozenset[str]

    def render(
        self,
        values: Mapping[str, str],
        *,
        recipient: str,
        message_id: str,
        date: datetime,
        recipient_name: str = "",
        headers: Sequence[tuple[str, str]] = (),
    ) -> bytes:
        """The whole message for one recipient. Raises MissingValue, UnsafeHeader, InvalidAddress."""
        personal = self.fields(
            values,
            recipient=recipient,
            message_id=message_id,
            date=date,
            recipient_name=recipient_name,
            headers=headers,
        )
        return b"".join((*personal, self.head, *self.content(values)))

    def fields(
        self,
        values: Mapping[str, str],
        *,
        recipient: str,
        message_id: str,
        date: datetime,
        recipient_name: str = "",
        headers: Sequence[tuple[str, str]] = (),
    ) -> list[bytes]:
        """The fields that differ from recipient to recipient. Raises as render does."""
        personal = [
            fields.date_field(date),
            fields.mailbox_field("To", recipient_name, recipient),
            fields.checked_field(f"Message-ID: {fields.safe(message_id)}"),
        ]
        if self.subject is not None:
            personal.append(fields.text_field("Subject", _filled(self.subject, values)))
        personal += [fields.checked_field(_filled(field, values)) for field in self.personal_headers]
        personal += [fields.raw_field(name, value) for name, value in headers]
        return personal

    def content(self, values: Mapping[str, str]) -> list[bytes]:
        """All that follows the head, in its relaxed canonical form, to be joined. Raises MissingValue."""
        known: dict[str, bytes] = {}
        written = [_encoded(insertion, values, known) for insertion in self.insertions]
        return [piece if isinstance(piece, bytes) else written[piece] for piece in self.body]


def compile_message(spec: MessageSpec) -> CompiledMessage:
    """Encode ``spec`` once. Raises UnsafeHeader, InvalidAddress."""
    personal = tuple(field for field in spec.headers if find_slots(field[1]))
    has_personal_subject = bool(find_slots(spec.subject))
    marked = (spec.subject, spec.text, spec.html, *(value for _, value in personal))
    content_type, segments = _body(spec)
    body = tuple(_merged(segments))
    insertions = tuple(dict.fromkeys(segment for segment in body if not isinstance(segment, bytes)))
    return CompiledMessage(
        head=b"".join(_head(spec, is_subject_fixed=not has_personal_subject)) + content_type,
        subject=tuple(cut(spec.subject)) if has_personal_subject else None,
        personal_headers=tuple(tuple(cut(fields.folded_field(*field))) for field in personal),
        body=tuple(piece if isinstance(piece, bytes) else insertions.index(piece) for piece in body),
        insertions=insertions,
        slots=frozenset(slot.name for part in marked for slot in find_slots(part)),
    )


def _head(spec: MessageSpec, *, is_subject_fixed: bool) -> Iterator[bytes]:
    yield fields.mailbox_field("From", spec.from_name, spec.from_email)
    if spec.reply_to:
        yield fields.mailbox_field("Reply-To", "", spec.reply_to)
    if is_subject_fixed:
        yield fields.text_field("Subject", spec.subject)
    for name, value in spec.headers:
        if not find_slots(value):
            yield fields.raw_field(name, value)
    yield b"MIME-Version: 1.0\r\n"


def _body(spec: MessageSpec) -> tuple[bytes, Iterator[Segment]]:
    """The head's last fields, with the empty line behind them, and what follows."""
    if not spec.html:
        return PART % b"plain", _part(spec.text, is_html=False)
    boundary = (
        b"=_" + hashlib.sha256(f"{spec.text}\0{spec.html}".encode(errors="replace")).hexdigest()[:32].encode()
    )
    content_type = b'Content-Type: multipart/alternative; boundary="%s"\r\n\r\n' % boundary
    return content_type, _alternatives(spec, boundary)


def _alternatives(spec: MessageSpec, boundary: bytes) -> Iterator[Segment]:
    """Text first, HTML last: a reader shows the last one it understands."""
    yield b"--%s\r\n" % boundary + PART % b"plain"
    yield from _part(spec.text, is_html=False)
    yield b"--%s\r\n" % boundary + PART % b"html"
    yield from _part(spec.html, is_html=True)
    yield b"--%s--\r\n" % boundary


def _part(marked: str, *, is_html: bool) -> Iterator[Segment]:
    """Literals and slots, ending with exactly one line break."""
    pieces = list(cut(marked.rstrip() + "\n"))
    after_slot = False
    for place, piece in enumerate(pieces):
        if isinstance(piece, Slot):
            if after_slot:
                yield quoted.SOFT_BREAK
            yield piece, is_html
        else:
            before = quoted.SOFT_BREAK if after_slot and not quoted.begins_line(piece) else b""
            is_last = place == len(pieces) - 1
            after = b"" if is_last or quoted.ends_line(piece) else quoted.SOFT_BREAK
            yield before + quoted.encode(piece) + after
        after_slot = isinstance(piece, Slot)


def _merged(segments: Iterator[Segment]) -> Iterator[Segment]:
    """Neighbouring literals as one."""
    literal = b""
    for segment in segments:
        if isinstance(segment, bytes):
            literal += segment
            continue
        if literal:
            yield literal
        yield segment
        literal = b""
    if literal:
        yield literal


def _filled(pieces: Pieces, values: Mapping[str, str]) -> str:
    return "".join(piece if isinstance(piece, str) else fields.safe(piece.value(values)) for piece in pieces)


def _encoded(insertion: Insertion, values: Mapping[str, str], known: dict[str, bytes]) -> bytes:
    """``known`` holds what was encoded for this recipient: most values look the same in text and in HTML."""
    slot, is_html = insertion
    value = slot.value(values)
    text = escape(value) if is_html else value
    written = known.get(text)
    if written is None:
        written = known[text] = quoted.encode(text)
    return written
