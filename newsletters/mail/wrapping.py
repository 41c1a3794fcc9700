"""Putting a whole mail of somebody else's into one of ours, as an attachment, unchanged (RFC 2046 section
5.2.1).

``message/rfc822`` must not be encoded, so it is used only where the mail fits any line of SMTP as it is;
any other mail travels as a file in base64.
"""

import base64
import hashlib
import re

LINE_BYTES = 998
NAME = "original.eml"
_ABOUT_BODY = re.compile(
    rb"^(?:Content-Type|Content-Transfer-Encoding|MIME-Version):[^\r\n]*(?:\r\n[ \t][^\r\n]*)*\r\n",
    re.IGNORECASE | re.MULTILINE,
)


def wrapped(message: bytes, original: bytes) -> bytes:
    """``message`` (CRLF, with a MIME header) with ``original`` attached to it."""
    head, _, body = message.partition(b"\r\n\r\n")
    head += b"\r\n"
    about_body = b"".join(
        field for field in _ABOUT_BODY.findall(head) if not field.lower().startswith(b"mime-version")
    )
    boundary = _boundary(message, original)
    return b"".join(
        (
            _ABOUT_BODY.sub(b"", head),
            b'MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary="%s"\r\n\r\n' % boundary,
            b"--%s\r\n%s\r\n%s\r\n" % (boundary, about_body.replace(b"; ", b";\r\n "), body),
            b"--%s\r\n%s\r\n--%s--\r\n" % (boundary, _attached(original), boundary),
        )
    )


def with_honest_line_ends(raw: bytes) -> bytes:
    """Every line end as CRLF: a lone CR or LF is none in mail, and must not be passed on (RFC 5321
    section 2.3.8).
    """
    return re.sub(rb"\r\n|\r|\n", b"\r\n", raw)


def _attached(original: bytes) -> bytes:
    original = with_honest_line_ends(original)
    named = b'Content-Disposition: attachment; filename="%s"\r\n' % NAME.encode()
    if _fits(original):
        return b"Content-Type: message/rfc822\r\n" + named + b"\r\n" + original
    encoded = base64.encodebytes(original).replace(b"\n", b"\r\n")
    head = b'Content-Type: application/octet-stream; name="%s"\r\n' % NAME.encode()
    return head + named + b"Content-Transfer-Encoding: base64\r\n\r\n" + encoded


def _fits(original: bytes) -> bool:
    is_plain = original.isascii() and b"\0" not in original
    return is_plain and all(len(line) <= LINE_BYTES for line in original.split(b"\r\n"))


def _boundary(message: bytes, original: bytes) -> bytes:
    """The same at every attempt, and in neither of the two."""
    seed = message + original
    while True:
        seed = hashlib.sha256(seed).hexdigest().encode()
        boundary = b"=_" + seed[:32]
        if boundary not in message and boundary not in original:
            return boundary
