"""DMARC (RFC 9989): which policy covers a domain, and which domains belong together.

There is no public suffix list: the DNS itself says where an organisation begins, by a walk up the tree of
at most eight questions. ``pct``, ``rf`` and ``ri`` are history and ignored; ``t=y`` takes their place.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from newsletters.mail.domains.dkim import tags
from newsletters.mail.domains.dns import Dns, Outcome

VERSION: Final = "DMARC1"
POLICIES: Final = ("none", "quarantine", "reject")
MOST_LABELS: Final = 8
HISTORIC: Final = ("pct", "rf", "ri")


class DnsAway(Exception):
    """The DNS did not answer, so nothing is known."""


@dataclass(frozen=True, slots=True)
class DmarcRecord:
    """A valid record and the name it stands at, without ``_dmarc``."""

    domain: str
    text: str
    tags: dict[str, str]

    @property
    def is_test(self) -> bool:
        return self.tags.get("t", "n").lower() == "y"

    @property
    def psd(self) -> str:
        return self.tags.get("psd", "u").lower()

    @property
    def historic(self) -> tuple[str, ...]:
        return tuple(name for name in HISTORIC if name in self.tags)

    def is_strict(self, tag: str) -> bool:
        """``adkim`` or ``aspf``."""
        return self.tags.get(tag, "r").lower() == "s"


def record_at(dns: Dns, domain: str) -> DmarcRecord | None:
    """The one valid record of a name; several are none (section 4.10). Raises DnsAway."""
    answer = dns.txt(f"_dmarc.{domain}")
    if answer.outcome is Outcome.FAILED:
        raise DnsAway(domain)
    valid = [record for text in answer.records if (record := _parsed(domain, text))]
    return valid[0] if len(valid) == 1 else None


def covering(dns: Dns, domain: str) -> DmarcRecord | None:
    """The record that holds for mail from ``domain``: its own or its organisation's. Raises DnsAway."""
    own = record_at(dns, domain)
    if own is not None:
        return own
    walked = list(_walk(dns, domain))
    top = _organization(walked, domain)
    by_name = {record.domain: record for record in walked}
    return by_name.get(top) or next((record for record in walked if record.psd == "y"), None)


def organization(dns: Dns, domain: str) -> str:
    """The organisational domain (section 4.10.2). Raises DnsAway."""
    return _organization(list(_walk(dns, domain)), domain)


def is_aligned(dns: Dns, author: str, other: str, *, strict: bool) -> bool:
    """Whether ``other`` may vouch for mail from ``author``. Raises DnsAway."""
    if author == other:
        return True
    return not strict and organization(dns, author) == organization(dns, other)


def _parsed(domain: str, text: str) -> DmarcRecord | None:
    if not text.replace(" ", "").startswith(f"v={VERSION}"):
        return None
    try:
        found = tags(text)
    except ValueError:
        return None
    if next(iter(found.items())) != ("v", VERSION):
        return None
    if found.get("p", "none").lower() not in POLICIES and "rua" not in found:
        return None
    return DmarcRecord(domain, text, found)


def _walk(dns: Dns, domain: str) -> Iterator[DmarcRecord]:
    """Records from the name upwards; a ``psd`` of y or n ends the walk (section 4.10)."""
    for name in _names(domain):
        record = record_at(dns, name)
        if record is not None:
            yield record
            if record.psd in ("y", "n"):
                return


def _names(domain: str) -> Iterator[str]:
    labels = domain.split(".")
    yield domain
    rest = labels[-(MOST_LABELS - 1) :] if len(labels) >= MOST_LABELS else labels[1:]
    for start in range(len(rest)):
        yield ".".join(rest[start:])


def _organization(walked: list[DmarcRecord], domain: str) -> str:
    for record in walked:
        if record.psd == "n":
            return record.domain
        if record.psd == "y" and record.domain != domain:
            labels = len(record.domain.split(".")) + 1
            return ".".join(domain.split(".")[-labels:])
    return walked[-1].domain if walked else domain
