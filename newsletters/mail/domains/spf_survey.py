"""What an SPF record and everything it leads to amounts to (RFC 7208).

Every include and redirect is walked and lookups are counted as a receiver would have to in the worst case:
the limit of ten is the reason why records that look right fail.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from newsletters.mail.domains.dns import Dns
from newsletters.mail.domains.spf_record import (
    LOOKING_UP,
    MOST_LOOKUPS,
    Spf,
    SpfError,
    Term,
    parse,
    record_in,
    used,
)

MOST_VOID: Final = 2


@dataclass(slots=True)
class Survey:
    """What a record and everything it leads to amounts to."""

    result: Spf = Spf.NONE
    record: str = ""
    detail: str = ""
    lookups: int = 0
    void: int = 0
    includes: set[str] = field(default_factory=set)
    ends_with: str = ""

    @property
    def is_too_long(self) -> bool:
        return self.lookups > MOST_LOOKUPS


def survey(dns: Dns, domain: str) -> Survey:
    """Read the record of ``domain`` and all it includes."""
    found = Survey()
    try:
        found.record = record_in(dns.txt(domain), domain)
        found.ends_with = _end(parse(found.record))
        _walk(dns, domain, found, seen=())
        found.result = Spf.NEUTRAL if not found.is_too_long and found.void <= MOST_VOID else Spf.PERMERROR
    except ValueError as error:
        found.result, found.detail = Spf.PERMERROR, str(error)
    except SpfError as error:
        found.result, found.detail = error.result, str(error)
    return found


def _end(terms: Sequence[Term]) -> str:
    """``-all``, ``~all``, ``redirect=…``, or nothing."""
    for term in terms:
        if term.name == "all" and not term.is_modifier:
            return f"{term.sign or '+'}all"
    return next((f"redirect={term.value}" for term in terms if term.name == "redirect"), "")


def _walk(dns: Dns, domain: str, found: Survey, *, seen: tuple[str, ...]) -> None:
    if domain in seen:
        raise SpfError(Spf.PERMERROR, f"{domain} includes itself")
    for term in used(parse(record_in(dns.txt(domain), domain))):
        if term.name not in LOOKING_UP:
            continue
        found.lookups += 1
        if found.lookups > 3 * MOST_LOOKUPS:
            return
        target = (term.value or domain).lower().rstrip(".")
        if "%" in target:
            continue  # different for every message: counted, and followed when one is evaluated
        if term.name in ("include", "redirect"):
            found.includes.add(target)
            _descend(dns, target, found, seen=(*seen, domain))
        else:
            found.void += _is_void(dns, term.name, target)


def _descend(dns: Dns, target: str, found: Survey, *, seen: tuple[str, ...]) -> None:
    """An include of a name without a record is a permanent error (section 5.2)."""
    found.void += dns.txt(target).is_void
    try:
        _walk(dns, target, found, seen=seen)
    except SpfError as error:
        if error.result is Spf.NONE:
            raise SpfError(Spf.PERMERROR, f"{target} has no SPF record") from error
        raise


def _is_void(dns: Dns, name: str, target: str) -> bool:
    if name == "mx":
        return dns.mx(target).is_void
    return name != "ptr" and dns.addresses(target).is_void
