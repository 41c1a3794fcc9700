"""Whose address a pasted link leads to: ours, one that only looks like ours, or somebody else's.

A link is read as a browser reads it (WHATWG URL), for that is where its reader would end up: backslashes are
slashes, what stands before an ``@`` is no host, a host in percent-encoding or in full-width letters is the
plain one. Hosts are compared as A-labels (RFC 5890); likeness is judged on what a person sees. Links that a
mail program has wrapped in its own are unwrapped first. Nothing is fetched.
"""

import re
import unicodedata
from dataclasses import dataclass
from enum import StrEnum
from typing import Final
from urllib.parse import parse_qs, unquote, urlsplit

import idna

from newsletters.kernel.errors import DomainError

LONGEST_LINK: Final = 4000
MOST_WRAPPINGS: Final = 3
SHORTEST_NAME: Final = 5  # a shorter name turns up inside others by chance
WRAPPERS: Final = {
    "safelinks.protection.outlook.com": "url",
    "www.google.com": "q",
    "mail.google.com": "q",
    "l.facebook.com": "u",
}
_WEB = re.compile(r"(https?):[/\\]*", re.IGNORECASE)
_IN_TEXT = re.compile(r"https?:\S+", re.IGNORECASE)
_NOT_A_HOST = re.compile(r"\s|@|^[a-z][a-z0-9+.-]*:(?!\d)", re.IGNORECASE)
_PROOFPOINT = re.compile(r"^/v3/__(.+?)__;")
# What stands for a Latin letter in most typefaces: Cyrillic, Greek, digits (Unicode TS 39 has them all).
_LOOKALIKES: Final = {
    "a": "аα",
    "b": "вьβ6",
    "c": "сς",
    "d": "ԁ",
    "e": "еєз3",
    "g": "9",
    "h": "нһ",
    "j": "ј",
    "k": "кκ",
    "l": "іιӏi1|",
    "m": "м",
    "n": "пη",
    "o": "оοσ0",
    "p": "рρ",
    "q": "ԛ",
    "r": "г",
    "s": "ѕ5$",
    "t": "тτ",
    "u": "иυ",
    "v": "ν",
    "w": "ԝωш",
    "x": "хχ",
    "y": "уγ",
}
_LATIN: Final = str.maketrans({like: letter for letter, likes in _LOOKALIKES.items() for like in likes})
_PAIRS = (("rn", "m"), ("vv", "w"), ("cl", "d"))


class NotALink(DomainError):
    """What was pasted is no web address."""


class Kinship(StrEnum):
    """How a host is related to ours."""

    OURS = "ours"
    RELATED = "related"
    LOOKALIKE = "lookalike"
    FOREIGN = "foreign"


@dataclass(frozen=True, slots=True)
class WebLink:
    """Where a link leads. ``host`` is in A-labels, with a port where it names one of its own."""

    host: str
    path: str

    @property
    def shown(self) -> str:
        """The host in its own script, as a person would read it."""
        try:
            return idna.decode(self.host)
        except (idna.IDNAError, UnicodeError):
            return self.host


def read_link(pasted: str) -> WebLink:
    """The link in what somebody pasted, out of its wrappings. Raises NotALink."""
    link = _parsed(pasted)
    for _ in range(MOST_WRAPPINGS):
        inner = _wrapped(link[1])
        if not inner:
            break
        link = _parsed(inner)
    return link[0]


def kinship(host: str, ours: str) -> Kinship:
    """How ``host`` is related to ``ours``; both in A-labels, with a port where there is one."""
    if host == ours:
        return Kinship.OURS
    bare, own = host.partition(":")[0], ours.partition(":")[0]
    if bare == own or bare.endswith(f".{own}") or own.endswith(f".{bare}"):
        return Kinship.RELATED
    return Kinship.LOOKALIKE if _resembles(bare, own) else Kinship.FOREIGN


def host_of(url: str) -> str:
    """The host of an address of our own, as ``WebLink.host`` writes it."""
    return read_link(url).host


def _parsed(pasted: str) -> tuple[WebLink, str]:
    url = _as_browsers_read(pasted)
    try:
        parts = urlsplit(url)
        host, port = unquote(parts.hostname or ""), parts.port
    except ValueError as error:
        raise NotALink from error
    host = _in_a_labels(host)
    if not host or ("." not in host and host != "localhost"):
        raise NotALink
    default = 443 if parts.scheme == "https" else 80
    named = f"{host}:{port}" if port not in (None, default) else host
    return WebLink(named, parts.path), url


def _as_browsers_read(pasted: str) -> str:
    text = "".join(letter for letter in pasted.strip() if unicodedata.category(letter) not in ("Cc", "Cf"))
    if not text or len(text) > LONGEST_LINK:
        raise NotALink
    found = _IN_TEXT.search(text)
    text = (found.group() if found else text).strip("<>\"'()[]„“”«»,;")
    if not found and _NOT_A_HOST.search(text):
        raise NotALink
    url = _WEB.sub(r"\1://", text, count=1) if found else f"https://{text}"
    before, mark, query = url.partition("?")
    return before.replace("\\", "/") + mark + query


def _in_a_labels(host: str) -> str:
    host = host.strip().rstrip(".").lower()
    try:
        return idna.encode(host, uts46=True, transitional=False).decode().rstrip(".")
    except (idna.IDNAError, UnicodeError):
        return host if host.isascii() and re.fullmatch(r"[a-z0-9._-]+", host) else ""


def _wrapped(url: str) -> str:
    """The link inside one that a mail program or a filter made of it; empty where it is none of theirs."""
    parts = urlsplit(url)
    host = (parts.hostname or "").lower()
    proofpoint = _PROOFPOINT.match(parts.path) if host == "urldefense.com" else None
    if proofpoint:
        return proofpoint.group(1)
    for wrapper, field in WRAPPERS.items():
        if host == wrapper or host.endswith(f".{wrapper}"):
            inner = parse_qs(parts.query).get(field, [""])[0]
            return inner if _WEB.match(inner) else ""
    return ""


def _resembles(host: str, ours: str) -> bool:
    """Whether a person could take ``host`` for ``ours``: by its letters, its name in it, or a slip."""
    seen, own = _skeleton(host), _skeleton(ours)
    if seen == own or _is_a_slip(seen, own) or (own in seen and len(own) >= SHORTEST_NAME):
        return True
    name = max(map(_skeleton, ours.split(".")[:-1]), key=len, default="")
    if len(name) < SHORTEST_NAME:
        return False
    return any(name in label or _is_a_slip(label, name) for label in map(_skeleton, host.split(".")))


def _skeleton(host: str) -> str:
    """What ``host`` looks like, so that hosts which look alike have the same."""
    plain = unicodedata.normalize("NFKD", WebLink(host, "").shown).casefold()
    plain = "".join(letter for letter in plain if unicodedata.combining(letter) == 0)
    plain = plain.translate(_LATIN)
    for pair, letter in _PAIRS:
        plain = plain.replace(pair, letter)
    return re.sub(r"[-._]", "", plain)


def _is_a_slip(one: str, other: str) -> bool:
    """Whether one letter added, left out, changed or two in the wrong order make the difference."""
    if abs(len(one) - len(other)) > 1 or min(len(one), len(other)) < SHORTEST_NAME:
        return False
    start = next((place for place, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), None)
    if start is None:
        return True
    left, right = one[start:], other[start:]
    swapped = left[1:2] + left[:1] + left[2:]
    return left[1:] == right[1:] or left[1:] == right or left == right[1:] or swapped == right
