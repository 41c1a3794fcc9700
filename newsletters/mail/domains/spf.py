"""SPF (RFC 7208): which record a domain has, what it costs to evaluate, and whom it lets send.

``survey`` walks every include and redirect and counts lookups as a receiver would have to in the worst
case: the limit of ten is the reason why records that look right fail. ``evaluate`` is check_host() for
one address.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final

from newsletters.mail.domains.dns import Answer, Dns, Outcome

MOST_LOOKUPS: Final = 10
MOST_VOID: Final = 2
MOST_MX: Final = 10
VERSION: Final = "v=spf1"
LOOKING_UP: Final = frozenset({"include", "a", "mx", "ptr", "exists", "redirect"})
_MECHANISMS: Final = frozenset({"all", "include", "a", "mx", "ptr", "ip4", "ip6", "exists"})
_NEEDING_A_VALUE: Final = frozenset({"include", "ip4", "ip6", "exists"})
_TERM: Final = re.compile(
    r"(?P<sign>[-+?~]?)(?P<name>[A-Za-z][A-Za-z0-9_.-]*)(?:(?P<mark>[:=])(?P<value>[^/]*(?:/(?![\d/]).*)?))?"
    r"(?P<cidr>/\d{1,3}|/\d{1,2}//\d{1,3}|//\d{1,3})?"
)
_MACRO: Final = re.compile(r"%(?:\{([slodiphcrtv])(\d{0,3})(r?)([.\-+,/_=]*)\}|([%_-]))", re.IGNORECASE)

Ip = IPv4Address | IPv6Address


class Spf(StrEnum):
    """Results of check_host()."""

    PASS = "pass"  # noqa: S105  (a verdict, not a password)
    FAIL = "fail"
    SOFTFAIL = "softfail"
    NEUTRAL = "neutral"
    NONE = "none"
    PERMERROR = "permerror"
    TEMPERROR = "temperror"


_BY_SIGN: Final = {"": Spf.PASS, "+": Spf.PASS, "-": Spf.FAIL, "~": Spf.SOFTFAIL, "?": Spf.NEUTRAL}


class _Error(Exception):
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


def parse(record: str) -> list[Term]:
    """The terms of a record. Raises ValueError with the term that cannot be understood."""
    return [_parsed(word) for word in record.split()[1:]]


def survey(dns: Dns, domain: str) -> Survey:
    """Read the record of ``domain`` and all it includes."""
    found = Survey()
    try:
        found.record = _record(dns.txt(domain), domain)
        found.ends_with = _end(parse(found.record))
        _walk(dns, domain, found, seen=())
        found.result = Spf.NEUTRAL if not found.is_too_long and found.void <= MOST_VOID else Spf.PERMERROR
    except ValueError as error:
        found.result, found.detail = Spf.PERMERROR, str(error)
    except _Error as error:
        found.result, found.detail = error.result, str(error)
    return found


def evaluate(dns: Dns, domain: str, address: str) -> Spf:
    """check_host() for mail from ``address`` whose return path is at ``domain``."""
    try:
        return _Evaluation(dns, ip_address(address), domain).check(domain)
    except _Error as error:
        return error.result
    except ValueError:
        return Spf.PERMERROR


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
        _network(value + (found["cidr"] or ""), name)
    return Term(name, found["sign"], value, found["cidr"] or "")


def _network(written: str, name: str) -> IPv4Network | IPv6Network:
    network = ip_network(written, strict=False)
    if network.version != int(name[2:]):
        raise ValueError(written)
    return network


def _record(answer: Answer, domain: str) -> str:
    if answer.outcome is Outcome.FAILED:
        raise _Error(Spf.TEMPERROR, domain)
    records = [
        one for one in answer.records if one.lower() == VERSION or one.lower().startswith(f"{VERSION} ")
    ]
    if len(records) > 1:
        raise _Error(Spf.PERMERROR, f"{len(records)} records at {domain}")
    if not records:
        raise _Error(Spf.NONE, domain)
    return records[0]


def _end(terms: Sequence[Term]) -> str:
    """``-all``, ``~all``, ``redirect=…``, or nothing."""
    for term in terms:
        if term.name == "all" and not term.is_modifier:
            return f"{term.sign or '+'}all"
    return next((f"redirect={term.value}" for term in terms if term.name == "redirect"), "")


def _walk(dns: Dns, domain: str, found: Survey, *, seen: tuple[str, ...]) -> None:
    if domain in seen:
        raise _Error(Spf.PERMERROR, f"{domain} includes itself")
    for term in _used(parse(_record(dns.txt(domain), domain))):
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
    except _Error as error:
        if error.result is Spf.NONE:
            raise _Error(Spf.PERMERROR, f"{target} has no SPF record") from error
        raise


def _is_void(dns: Dns, name: str, target: str) -> bool:
    if name == "mx":
        return dns.mx(target).is_void
    return name != "ptr" and dns.addresses(target).is_void


def _used(terms: Sequence[Term]) -> Iterator[Term]:
    """Terms that count: what stands behind ``all`` is never reached, and makes ``redirect`` void."""
    has_all = any(term.name == "all" and not term.is_modifier for term in terms)
    for term in terms:
        if term.is_modifier and (term.name != "redirect" or has_all):
            continue
        yield term
        if term.name == "all":
            return


class _Evaluation:
    """One check_host() with its counters."""

    def __init__(self, dns: Dns, ip: Ip, sender_domain: str) -> None:
        self._dns = dns
        self._ip = ip
        self._sender_domain = sender_domain
        self._lookups = 0

    def check(self, domain: str) -> Spf:
        redirect = ""
        for term in _used(parse(_record(self._dns.txt(domain), domain))):
            if term.name in LOOKING_UP:
                self._count()
            if term.is_modifier:
                redirect = term.value
            elif self._matches(term, domain):
                return _BY_SIGN[term.sign]
        if not redirect:
            return Spf.NEUTRAL
        result = self._inner(self._expanded(redirect, domain))
        return Spf.PERMERROR if result is Spf.NONE else result

    def _count(self) -> None:
        self._lookups += 1
        if self._lookups > MOST_LOOKUPS:
            raise _Error(Spf.PERMERROR, "too many lookups")

    def _inner(self, domain: str) -> Spf:
        try:
            return self.check(domain)
        except _Error as error:
            if error.result is Spf.NONE:
                return Spf.NONE
            raise

    def _matches(self, term: Term, domain: str) -> bool:
        if term.name == "all":
            return True
        if term.name in ("ip4", "ip6"):
            return self._ip in _network(term.value + term.cidr, term.name)
        return self._finds(term, self._expanded(term.value, domain) if term.value else domain)

    def _finds(self, term: Term, target: str) -> bool:
        """The mechanisms that ask the DNS."""
        match term.name:
            case "include":
                return self._includes(target)
            case "exists":
                return bool(self._asked(self._dns.of_type(target, "A")).records)
            case "a":
                return self._is_at(target, term.cidr)
            case "mx":
                hosts = self._asked(self._dns.mx(target)).records[:MOST_MX]
                return any(self._is_at(host, term.cidr) for host in hosts)
        return self._is_named(target)

    def _includes(self, target: str) -> bool:
        result = self._inner(target)
        if result is Spf.NONE:
            raise _Error(Spf.PERMERROR, target)
        return result is Spf.PASS

    def _is_at(self, host: str, cidr: str) -> bool:
        answer = self._asked(self._dns.of_type(host, "A" if self._ip.version == 4 else "AAAA"))
        length = _length(cidr, self._ip.version)
        return any(self._ip in ip_network(f"{one}/{length}", strict=False) for one in answer.records)

    def _is_named(self, domain: str) -> bool:
        """``ptr``, which nobody should use (section 5.5)."""
        names = self._dns.names(str(self._ip)).records[:MOST_MX]
        return any(
            (name == domain or name.endswith(f".{domain}"))
            and str(self._ip) in self._dns.addresses(name).records
            for name in names
        )

    def _asked(self, answer: Answer) -> Answer:
        if answer.outcome is Outcome.FAILED:
            raise _Error(Spf.TEMPERROR)
        return answer

    def _expanded(self, written: str, domain: str) -> str:
        return _MACRO.sub(lambda found: self._macro(found, domain), written).rstrip(".").lower()

    def _macro(self, found: re.Match[str], domain: str) -> str:
        if found[5]:
            return {"%": "%", "_": " ", "-": "%20"}[found[5]]
        value = {
            "s": f"postmaster@{self._sender_domain}",
            "l": "postmaster",
            "o": self._sender_domain,
            "d": domain,
            "i": _dotted(self._ip),
            "v": "in-addr" if self._ip.version == 4 else "ip6",
            "h": self._sender_domain,
        }.get(found[1].lower(), "unknown")
        parts = re.split(f"[{re.escape(found[4] or '.')}]", value)
        if found[3]:
            parts.reverse()
        return ".".join(parts[-int(found[2]) :] if found[2] and int(found[2]) else parts)


def _dotted(ip: Ip) -> str:
    return str(ip) if ip.version == 4 else ".".join(ip.exploded.replace(":", ""))


def _length(cidr: str, version: int) -> int:
    """``/24``, ``//64`` or ``/24//64``; the whole address where nothing is said."""
    four, _, six = cidr.partition("//")
    written = four.strip("/") if version == 4 else six
    return int(written) if written else (32 if version == 4 else 128)
