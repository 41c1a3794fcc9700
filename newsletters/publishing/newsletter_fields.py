"""What an owner may say about a newsletter and its opt-in words, and what is wrong with it (pure).

All problems are found at once, by field. Nothing that goes into a mail's header may hold a control character.
"""

import re
import unicodedata
from dataclasses import dataclass, fields
from datetime import date
from enum import StrEnum
from zoneinfo import available_timezones

from newsletters.kernel.addresses import InvalidAddress, parse_address
from newsletters.kernel.errors import DomainError
from newsletters.kernel.i18n import DEFAULT_LANGUAGE, LANGUAGES
from newsletters.publishing.models import Newsletter, OptInWording
from newsletters.publishing.palette import ACCENTS, DEFAULT_ACCENT

LONGEST_TEXT = 20_000
SLUG = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
PARAGRAPHS = ("description", "sample", "footer")  # may hold line breaks; everything else is one line


class Problem(StrEnum):
    """What is wrong with a field."""

    EMPTY = "empty"
    TOO_LONG = "too_long"
    BAD_SLUG = "bad_slug"
    TAKEN = "taken"
    FIXED = "fixed"
    BAD_ADDRESS = "bad_address"
    UNKNOWN = "unknown"
    CONTROL_CHARACTER = "control_character"


class NewsletterRefused(DomainError):
    """The fields cannot be used; ``problems`` says what is wrong by field."""

    def __init__(self, problems: dict[str, Problem]) -> None:
        super().__init__(", ".join(f"{field}: {problem}" for field, problem in problems.items()))
        self.problems = problems


@dataclass(frozen=True, slots=True)
class NewsletterFields:
    """What an owner says about a newsletter."""

    slug: str
    name: str
    sender_email: str
    sender_name: str = ""
    tagline: str = ""
    description: str = ""
    sample: str = ""
    language: str = DEFAULT_LANGUAGE
    cadence: str = ""
    byline: str = ""
    reply_to: str = ""
    postal_address: str = ""
    timezone: str = "UTC"
    accent: str = DEFAULT_ACCENT
    footer: str = ""
    position: int = 0
    next_issue_on: date | None = None
    takes_throwaways: bool = True
    holds_role_addresses: bool = True
    offers_digests: bool = False
    digest_hour: int = 8
    digest_weekday: int = 0
    is_low_trace: bool = False
    neutral_sender: str = ""
    neutral_subject: str = ""
    has_neutral_issues: bool = False


@dataclass(frozen=True, slots=True)
class WordingFields:
    """What a reader agrees to, and the confirmation mail's own words; an empty one means the built-in."""

    consent_text: str
    mail_subject: str = ""
    mail_intro: str = ""


def problems_of(given: NewsletterFields) -> dict[str, Problem]:
    """What is wrong with the fields by themselves."""
    return _texts(given) | _choices(given) | _addresses(given)


def longest(model: type[Newsletter] | type[OptInWording], field: str) -> int:
    """How many characters the column of ``field`` holds."""
    return getattr(model.__table__.c[field].type, "length", None) or LONGEST_TEXT


def _texts(given: NewsletterFields) -> dict[str, Problem]:
    """No control character in what goes into headers, nothing longer than its column, no empty name."""
    problems = {}
    for field in fields(given):
        text = getattr(given, field.name)
        if not isinstance(text, str):
            continue
        if _has_control(text, lines=field.name in PARAGRAPHS):
            problems[field.name] = Problem.CONTROL_CHARACTER
        if len(text) > longest(Newsletter, field.name):
            problems[field.name] = Problem.TOO_LONG
    for name in ("name", "slug"):
        if not getattr(given, name).strip():
            problems[name] = Problem.EMPTY
    return problems


def _choices(given: NewsletterFields) -> dict[str, Problem]:
    known = {
        "language": given.language in LANGUAGES,
        "accent": given.accent in ACCENTS,
        "timezone": given.timezone in available_timezones(),
        "digest_hour": given.digest_hour in range(24),
        "digest_weekday": given.digest_weekday in range(7),
    }
    return {field: Problem.UNKNOWN for field, is_known in known.items() if not is_known}


def _addresses(given: NewsletterFields) -> dict[str, Problem]:
    problems = {}
    for name in ("sender_email", "reply_to"):
        typed = getattr(given, name)
        if not typed and name == "reply_to":
            continue
        try:
            parse_address(typed)
        except InvalidAddress:
            problems[name] = Problem.BAD_ADDRESS
    return problems


def problems_of_wording(wording: WordingFields) -> dict[str, Problem]:
    """What is wrong with the opt-in words."""
    problems = {}
    if not wording.consent_text.strip():
        problems["consent_text"] = Problem.EMPTY
    if _has_control(wording.mail_subject, lines=False):
        problems["mail_subject"] = Problem.CONTROL_CHARACTER
    if len(wording.mail_subject) > longest(OptInWording, "mail_subject"):
        problems["mail_subject"] = Problem.TOO_LONG
    for name in ("consent_text", "mail_intro"):
        if _has_control(getattr(wording, name), lines=True):
            problems[name] = Problem.CONTROL_CHARACTER
        if len(getattr(wording, name)) > LONGEST_TEXT:
            problems[name] = Problem.TOO_LONG
    return problems


def _has_control(text: str, *, lines: bool) -> bool:
    allowed = "\n\r\t" if lines else ""
    return any(
        unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") and character not in allowed
        for character in text
    )
