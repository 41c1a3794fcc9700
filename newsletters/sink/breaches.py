"""Rules of the wire that a message's bytes break. The sink takes such a message all the same, and says so.

RFC 5321 and 5322 for line ends and lengths, RFC 6152 and 6531 for bytes beyond ASCII.
"""

import re
from collections.abc import Sequence

LONGEST_LINE_BYTES = 998  # RFC 5322 section 2.1.1, without CRLF
REQUIRED_FIELDS = ("date", "from")  # RFC 5322 section 3.6
ONLY_ONCE = frozenset(
    {"date", "from", "sender", "reply-to", "to", "cc", "bcc", "message-id", "in-reply-to", "subject"}
)
_LONG_LINE = re.compile(rb"[^\r\n]{%d}" % (LONGEST_LINE_BYTES + 1))
_BARE_LF = re.compile(rb"(?<!\r)\n")
_BARE_CR = re.compile(rb"\r(?!\n)")


def find_breaches(
    raw: bytes, *, mail_options: Sequence[str], headers: Sequence[tuple[str, str]]
) -> list[str]:
    """One sentence for every rule that is broken."""
    return _breaches_of_bytes(raw, mail_options) + _breaches_of_header(raw, mail_options, headers)


def _breaches_of_bytes(raw: bytes, mail_options: Sequence[str]) -> list[str]:
    found = {
        "A line end is a bare LF (RFC 5321 section 2.3.8).": _BARE_LF.search(raw),
        "A CR stands without its LF (RFC 5321 section 2.3.8).": _BARE_CR.search(raw),
        f"A line is longer than {LONGEST_LINE_BYTES} bytes (RFC 5322 section 2.1.1).": _LONG_LINE.search(raw),
        "A byte is NUL (RFC 5322 section 4).": b"\0" in raw,
        "Bytes beyond ASCII without BODY=8BITMIME (RFC 6152).": (
            not raw.isascii() and "BODY=8BITMIME" not in mail_options
        ),
        "The last line has no end.": bool(raw) and not raw.endswith(b"\n"),
    }
    return [sentence for sentence, is_so in found.items() if is_so]


def _breaches_of_header(
    raw: bytes, mail_options: Sequence[str], headers: Sequence[tuple[str, str]]
) -> list[str]:
    names = [name.lower() for name, _ in headers]
    missing = [name for name in REQUIRED_FIELDS if name not in names]
    repeated = sorted(name for name in ONLY_ONCE if names.count(name) > 1)
    found = [f"There is no {name.title()} (RFC 5322 section 3.6)." for name in missing]
    found += [f"{name.title()} stands more than once (RFC 5322 section 3.6)." for name in repeated]
    header = re.split(rb"\r?\n\r?\n", raw, maxsplit=1)[0]
    if not header.isascii() and "SMTPUTF8" not in mail_options:
        found.append("The header has bytes beyond ASCII without SMTPUTF8 (RFC 6531).")
    return found
