"""Bounces that follow no standard: the mail systems that write to people and not to programs. Pure.

flufl.bounce knows their shapes from decades of Mailman's mail. It raises on damaged input and its
patterns walk through every line many times, so it gets a short, plain copy and stands behind a guard. It
says that a mail is a bounce and whether for good; what kind is read from the words.
"""

import logging
import re
from email import message_from_bytes
from email.policy import compat32
from typing import Final

from flufl.bounce import all_failures

from newsletters.bounces.classify import classify
from newsletters.bounces.event import EventKind
from newsletters.bounces.letter import Letter, clean, field
from newsletters.bounces.verdict import Verdict

logging.getLogger("flufl.bounce").setLevel(logging.CRITICAL)  # it logs what it trips over, addresses and all

LARGEST_COPY: Final = 24 * 1024
LONGEST_LINE: Final = 240
MOST_WORDS: Final = 16 * 1024
_MACHINES = re.compile(
    r"mailer-?daemon|postmaster|mail ?delivery|mailadmin|delivery.?(?:system|subsystem|agent)|mail.?system|"
    r"microsoftexchange|bounce|administrator|non.?delivery",
    re.IGNORECASE,
)
_BOUNCE_SUBJECT = re.compile(
    r"undeliver|delivery.{0,40}(?:fail|problem|status|notification|delay)|mail delivery|returned mail|"
    r"failure notice|delivery failure|could not be delivered|not delivered|message.{0,20}delayed|"
    r"nondeliverable|unzustellbar|non remis|non recapitat|no se pudo entregar|"
    r"не ?доставлен|не удалось доставить|не вдалося доставити|недоставлен",
    re.IGNORECASE,
)
_ORIGINAL = re.compile(
    r"^.{0,10}---.{0,90}"
    r"(?:original message|copy of|returned|message header|forwarded|undelivered message|below)|"
    r"^.{0,20}(?:included is a copy|this is a copy of|here is your returned mail|the body of the message is)",
    re.IGNORECASE | re.MULTILINE,
)
_STILL_TRYING = re.compile(
    r"(?:not yet been|still (?:un|not been )?)deliver|will (?:be retried|continue to|keep trying|try again)|"
    r"no action is required|this is (?:just |only )?a warning|delivery (?:is|has been) delayed|"
    r"attempts will (?:be made|continue)|has been (?:postponed|deferred|greylisted)|temporarily deferred",
    re.IGNORECASE,
)
_GIVEN_UP = re.compile(
    r"giv(?:en|ing) up|permanent|will not be retried|could not be delivered", re.IGNORECASE
)
_CODES = re.compile(
    r"(?<![\d.])(?:(?P<code>[45]\d\d)[ \-]{1,3})?[#(\[]{0,2}(?P<enhanced>[45]\.\d{1,3}\.\d{1,3})(?![\d.])"
)
_CODE = re.compile(r"(?<![\d.:/-])(?P<code>[45][0-5]\d)(?=[ \-][^\d\s])")
_TELLING = re.compile(
    r"unknown|no such|not exist|n.t exist|n.t have|not found|invalid|full|quota|exceed|reject|refus|block|"
    r"spam|unavailable|disabled|not listed|unrouteable|undeliverable|no mailbox|storage",
    re.IGNORECASE,
)


def odd_bounce(letter: Letter) -> Verdict | None:
    """The bounce a mail is, None where nothing says that it is one."""
    temporary, permanent = _known_shapes(letter)
    words = _words(letter)
    if not (temporary or permanent or _looks_like_one(letter, words)):
        return None
    addresses = frozenset(address.decode("ascii", "replace").lower() for address in temporary | permanent)
    if _STILL_TRYING.search(words) and not _GIVEN_UP.search(words):
        return Verdict(EventKind.TEMPORARY, _telling_line(words), addresses)
    if temporary and not permanent:
        return Verdict(EventKind.TEMPORARY, _telling_line(words), addresses)
    return _permanent(words, addresses)


def _permanent(words: str, addresses: frozenset[str]) -> Verdict:
    found = _CODES.search(words) or _CODE.search(words)
    if found is None:
        kind, said = _in_words(words)
        return Verdict(kind, said, addresses)
    enhanced = found.groupdict().get("enhanced") or ""
    code = int(found["code"] or (450 if enhanced.startswith("4") else 550))
    text = clean(words[found.end() : found.end() + 300]).strip(" )]-:")
    said = " ".join(part for part in (str(code), enhanced, text) if part)[:500]
    return Verdict(EventKind(classify(code, enhanced, text).value), said, addresses)


def _in_words(words: str) -> tuple[EventKind, str]:
    """What a bounce without a code says, line by line: doubt spares the address."""
    read = [(EventKind(classify(0, "", line).value), line) for line in _telling_lines(words)]
    for kind in (EventKind.POLICY, EventKind.HARD, EventKind.SOFT):
        for found, line in read:
            if found is kind:
                return found, line
    return EventKind.SOFT, ""


def _known_shapes(letter: Letter) -> tuple[frozenset[bytes], frozenset[bytes]]:
    lines = letter.raw[:LARGEST_COPY].split(b"\r\n")
    copy = b"\r\n".join(line[:LONGEST_LINE] for line in lines)
    try:
        temporary, permanent = all_failures(message_from_bytes(copy, policy=compat32))
    except Exception:  # noqa: BLE001  (IndexError, AttributeError and whatever else damage makes)
        return frozenset(), frozenset()
    return frozenset(temporary), frozenset(permanent)


def _looks_like_one(letter: Letter, words: str) -> bool:
    """A machine wrote it about a delivery, and it says what is the matter."""
    is_machine = _MACHINES.search(field(letter.mime, "From")) or "X-Failed-Recipients" in letter.mime
    is_about = _BOUNCE_SUBJECT.search(letter.subject) or _BOUNCE_SUBJECT.search(words[:1500])
    return bool(is_machine and is_about and (_CODES.search(words) or _TELLING.search(words)))


def _words(letter: Letter) -> str:
    """What the mail says in its own words, up to the copy of ours."""
    text = "\n".join(letter.texts())[:MOST_WORDS]
    text = "\n".join(line[:LONGEST_LINE] for line in text.splitlines())
    found = _ORIGINAL.search(text)
    return text[: found.start()] if found else text


def _telling_line(words: str) -> str:
    return next(iter(_telling_lines(words)), "")


def _telling_lines(words: str) -> list[str]:
    return [clean(line) for line in words.splitlines() if _TELLING.search(line)]
