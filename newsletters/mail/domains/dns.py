"""Questions to the DNS with one deadline for all of them together.

An answer is one of four: something, nothing of that type, no such name, or no answer at all. Only the
last says nothing about the domain, and nothing is ever concluded from it. What was asked once is
remembered for the round.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import dns.exception
import dns.name
import dns.rdtypes.ANY.MX
import dns.rdtypes.ANY.TXT
import dns.resolver
import dns.reversename

ROUND_SECONDS: Final = 20.0
STEP_SECONDS: Final = 4.0


class Outcome(StrEnum):
    """What became of a question."""

    FOUND = "found"
    NOTHING = "nothing"
    NO_NAME = "no_name"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Answer:
    """Records as text, sorted as they came."""

    outcome: Outcome
    records: Sequence[str] = ()

    @property
    def is_void(self) -> bool:
        """A void lookup as RFC 7208 section 4.6.4 counts them."""
        return self.outcome in (Outcome.NOTHING, Outcome.NO_NAME)


class Dns:
    """One round of questions. A ``resolver`` of None is the machine's own."""

    def __init__(
        self,
        resolver: dns.resolver.Resolver | None = None,
        *,
        round_seconds: float = ROUND_SECONDS,
        step_seconds: float = STEP_SECONDS,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._resolver = resolver
        self._step_seconds = step_seconds
        self._monotonic = monotonic
        self._ends_at = monotonic() + round_seconds
        self._known: dict[tuple[str, str], Answer] = {}

    def txt(self, name: str) -> Answer:
        """Each record's strings joined, as SPF, DKIM and DMARC read them."""
        return self._ask(name, "TXT")

    def mx(self, name: str) -> Answer:
        """Hosts, the most preferred first; a null MX (RFC 7505) is the host ``.``."""
        return self._ask(name, "MX")

    def addresses(self, name: str) -> Answer:
        """IPv4 and IPv6 addresses together."""
        four, six = self._ask(name, "A"), self._ask(name, "AAAA")
        if four.records or six.records:
            return Answer(Outcome.FOUND, (*four.records, *six.records))
        return four if four.outcome is Outcome.FAILED or four.outcome is Outcome.NO_NAME else six

    def of_type(self, name: str, rdtype: str) -> Answer:
        """``A`` or ``AAAA`` alone."""
        return self._ask(name, rdtype)

    def names(self, address: str) -> Answer:
        """What an IP address is called (PTR)."""
        return self._ask(str(dns.reversename.from_address(address)), "PTR")

    def _ask(self, name: str, rdtype: str) -> Answer:
        key = (name.lower().rstrip("."), rdtype)
        if key not in self._known:
            self._known[key] = self._resolve(*key)
        return self._known[key]

    def _resolve(self, name: str, rdtype: str) -> Answer:
        left = self._ends_at - self._monotonic()
        if left <= 0:
            return Answer(Outcome.FAILED)
        try:
            resolver = self._resolver or dns.resolver.Resolver()
            found = resolver.resolve(f"{name}.", rdtype, lifetime=min(left, self._step_seconds), search=False)
            return Answer(Outcome.FOUND, _texts(found))
        except dns.resolver.NXDOMAIN:
            return Answer(Outcome.NO_NAME)
        except dns.resolver.NoAnswer:
            return Answer(Outcome.NOTHING)
        except (dns.name.LabelTooLong, dns.name.NameTooLong, dns.name.EmptyLabel, UnicodeError):
            return Answer(Outcome.NO_NAME)  # a name that cannot be has no records
        except (dns.exception.DNSException, OSError):
            return Answer(Outcome.FAILED)


def _texts(found: dns.resolver.Answer) -> tuple[str, ...]:
    rows = list(found)
    if rows and isinstance(rows[0], dns.rdtypes.ANY.MX.MX):
        rows.sort(key=lambda row: (row.preference, str(row.exchange)))
        return tuple(str(row.exchange).rstrip(".").lower() or "." for row in rows)
    if rows and isinstance(rows[0], dns.rdtypes.ANY.TXT.TXT):
        return tuple(b"".join(row.strings).decode("utf-8", "replace") for row in rows)
    return tuple(str(row).rstrip(".").lower() for row in rows)
