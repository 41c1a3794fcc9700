"""Looks up the MX of domains, so that a newsroom's own domain at Google is treated as Google.

Runs behind the scenes and never in the way of a letter. All questions of one round share one deadline; what
was not answered by then is asked again later, and the domain stands for itself meanwhile.
"""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final, Protocol

import dns.exception
import dns.name
import dns.rdatatype
import dns.resolver

from newsletters.delivery.shaping import Rules

ROUND_SECONDS: Final = 20.0
ANSWER_SECONDS: Final = 4.0
KNOWN_FOR: Final = timedelta(days=7)
NOTHING_FOR: Final = timedelta(days=1)  # no such domain, or no MX at all
AGAIN_AFTER: Final = timedelta(hours=1)  # DNS was away


class Lookup(Protocol):
    """Asks for the MX of a domain: names in order of preference. Raises OSError or DNSException."""

    def __call__(self, domain: str, *, seconds: float) -> Sequence[str]: ...


def ask_dns(domain: str, *, seconds: float) -> Sequence[str]:
    """The MX names of a domain, none where it has none."""
    resolver = dns.resolver.Resolver()
    try:
        answer = resolver.resolve(
            dns.name.from_text(domain), dns.rdatatype.MX, lifetime=seconds, raise_on_no_answer=False
        )
    except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
        return ()
    records = sorted(answer.rrset or (), key=lambda record: record.preference)
    return [record.exchange.to_text(omit_final_dot=True).lower() for record in records]


def look_up(
    domains: Iterable[str],
    rules: Rules,
    *,
    now: datetime,
    ask: Lookup = ask_dns,
    monotonic: Callable[[], float] = time.monotonic,
) -> dict[str, tuple[str, datetime]]:
    """Whom each domain belongs to and until when that is believed, as far as the round's time goes."""
    found: dict[str, tuple[str, datetime]] = {}
    ends_at = monotonic() + ROUND_SECONDS
    for domain in domains:
        left = ends_at - monotonic()
        if left <= 0:
            break
        try:
            names = ask(domain, seconds=min(left, ANSWER_SECONDS))
        except (OSError, dns.exception.DNSException):
            found[domain] = ("", now + AGAIN_AFTER)
            continue
        found[domain] = (provider_behind(names, rules), now + (KNOWN_FOR if names else NOTHING_FOR))
    return found


def provider_behind(names: Sequence[str], rules: Rules) -> str:
    """The provider that serves the most preferred MX; empty where we know none."""
    if not names:
        return ""
    suffixes = _suffixes(rules)
    labels = names[0].split(".")
    for start in range(len(labels)):
        if (key := suffixes.get(".".join(labels[start:]))) is not None:
            return key
    return ""


def _suffixes(rules: Rules) -> Mapping[str, str]:
    return {suffix: key for key, provider in rules.providers.items() for suffix in provider.mx}
