"""An SPF record (RFC 7208): found among the texts of a name, its terms, and which of them count. Pure."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Final

from newsletters.mail.domains.dns import Answer, Outcome

MOST_LOOKUPS: Final = 10
VERSION: Final = "v=spf1"
LOOKING_UP: Final = frozenset({"include", "a", "mx", "ptr", "exists", "redirect"})
_MECHANISMS: Final = frozenset({"all", "include", "a", "mx", "ptr", "ip4", "ip6", "exists"})
_NEEDING_A_VALUE: Final = frozenset({"include", "ip4", "ip6", "exists"})
_TERM: Final = re.compile(
    r"(?P<sign>[-+?~]?)(?P<name>[A-Za-z][A-Za-z0-9_.-]*)(?:(?P<mark>[:=])(?P<value>[^/]*(?:/(?![\d/]).*)?))?"
    r"(?P<cidr>/\d{1,3}|/\d{1,2}//\d{1,3}|//\d{1,3})?"
)


class Spf(StrEnum):
    """Results of check_host()."""

    PASS = "pass"  # noqa: S105  (a verdict, not a password)
    FAIL = "fail"
    SOFTFAIL = "softfail"
    NEUTRAL = "neutral"
    NONE = "none"
    PERMERROR = "permerror"
    TEMPERROR = "temperror"


class SpfError(Exception):
    """Evaluation ends here."""

    def __init__(self, result: Spf, detail: str = "") -> None:
        super().__init__(detail)
        self.result = result


@dataclass(frozen=True, slots=True)
class Term:
    """One mechanism or modifier."""

    name: str
    sign: str = ""
    value: str = ""
    cidr: str = ""
    is_modifier: bool = False


def parse(record: str) -> list[Term]:
    """The terms of a record. Raises ValueError with the term that cannot be understood."""
    return [_parsed(word) for word in record.split()[1:]]


def record_in(answer: Answer, domain: str) -> str:
    """The one record of a name. Raises SpfError."""
    if answer.outcome is Outcome.FAILED:
        raise SpfError(Spf.TEMPERROR, domain)
    records = [
        one for one in answer.records if one.lower() == VERSION or one.lower().startswith(f"{VERSION} ")
    ]
    if len(records) > 1:
        raise SpfError(Spf.PERMERROR, f"{len(records)} records at {domain}")
    if not records:
        raise SpfError(Spf.NONE, domain)
    return records[0]


def used(terms: Sequence[Term]) -> Iterator[Term]:
    """Terms that count: what stands behind ``all`` is never reached, and makes ``redirect`` void."""
    has_all = any(term.name == "all" and not term.is_modifier for term in terms)
    for term in terms:
        if term.is_modifier and (term.name != "redirect" or has_all):
            continue
        yield term
        if term.name == "all":
            return


def _parsed(word: str) -> Term:
    found = _TERM.fullmatch(word)
    if found is None:
        raise ValueError(word)
    name, value = found["name"].lower(), found["value"] or ""
    if found["mark"] == "=":
        return Term(name, value=value + (found["cidr"] or ""), is_modifier=True)
    if name not in _MECHANISMS or (name in _NEEDING_A_VALUE and not value):
        raise ValueError(word)
    if name in ("ip4", "ip6"):
        network_of(value + (found["cidr"] or ""), name)
    return Term(name, found["sign"], value, found["cidr"] or "")


def network_of(written: str, name: str) -> IPv4Network | IPv6Network:
    """What ``ip4`` or ``ip6`` names. Raises ValueError."""
    network = ip_network(written, strict=False)
    if network.version != int(name[2:]):
        raise ValueError(written)
    return network
