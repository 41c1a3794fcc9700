"""Whether SPF lets an address send for a domain: check_host() of RFC 7208, with its macros and its limits."""

import re
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Final

from newsletters.mail.domains.dns import Answer, Dns, Outcome
from newsletters.mail.domains.spf_record import (
    LOOKING_UP,
    MOST_LOOKUPS,
    Spf,
    SpfError,
    Term,
    network_of,
    parse,
    record_in,
    used,
)

MOST_MX: Final = 10
_MACRO: Final = re.compile(r"%(?:\{([slodiphcrtv])(\d{0,3})(r?)([.\-+,/_=]*)\}|([%_-]))", re.IGNORECASE)
_BY_SIGN: Final = {"": Spf.PASS, "+": Spf.PASS, "-": Spf.FAIL, "~": Spf.SOFTFAIL, "?": Spf.NEUTRAL}

Ip = IPv4Address | IPv6Address


def evaluate(dns: Dns, domain: str, address: str) -> Spf:
    """check_host() for mail from ``address`` whose return path is at ``domain``."""
    try:
        return _Evaluation(dns, ip_address(address), domain).check(domain)
    except SpfError as error:
        return error.result
    except ValueError:
        return Spf.PERMERROR


class _Evaluation:
    """One check_host() with its counters."""

    def __init__(self, dns: Dns, ip: Ip, sender_domain: str) -> None:
        self._dns = dns
        self._ip = ip
        self._sender_domain = sender_domain
        self._lookups = 0

    def check(self, domain: str) -> Spf:
        redirect = ""
        for term in used(parse(record_in(self._dns.txt(domain), domain))):
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
            raise SpfError(Spf.PERMERROR, "too many lookups")

    def _inner(self, domain: str) -> Spf:
        try:
            return self.check(domain)
        except SpfError as error:
            if error.result is Spf.NONE:
                return Spf.NONE
            raise

    def _matches(self, term: Term, domain: str) -> bool:
        if term.name == "all":
            return True
        if term.name in ("ip4", "ip6"):
            return self._ip in network_of(term.value + term.cidr, term.name)
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
            raise SpfError(Spf.PERMERROR, target)
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
            raise SpfError(Spf.TEMPERROR)
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
