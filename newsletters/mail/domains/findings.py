"""What is found out about a sending domain: facts and records to publish, without words for people."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Final

TXT_STRING_BYTES: Final = 255  # RFC 1035 section 3.3.14


class Level(StrEnum):
    """How good it is, best first; ``unknown`` says that it could not be asked."""

    OK = "ok"
    UNKNOWN = "unknown"
    WARNING = "warning"
    BROKEN = "broken"


class Check(StrEnum):
    """What is looked at."""

    SPF = "spf"
    DKIM = "dkim"
    DMARC = "dmarc"
    ALIGNMENT = "alignment"
    BOUNCES = "bounces"
    REPLIES = "replies"
    REVERSE_DNS = "reverse_dns"
    TLS = "tls"


class Fact(StrEnum):
    """What was found. Each has its words and its advice in the doors."""

    FINE = "fine"
    NO_ANSWER = "no_answer"
    SPF_MISSING = "spf_missing"
    SPF_INVALID = "spf_invalid"
    SPF_TOO_MANY_LOOKUPS = "spf_too_many_lookups"
    SPF_VOID_LOOKUPS = "spf_void_lookups"
    SPF_LETS_ANYBODY = "spf_lets_anybody"
    SPF_OPEN_END = "spf_open_end"
    SPF_WITHOUT_US = "spf_without_us"
    SPF_WITHOUT_RELAY = "spf_without_relay"
    DKIM_NO_KEY = "dkim_no_key"
    DKIM_RELAY_SIGNS = "dkim_relay_signs"
    DKIM_MISSING = "dkim_missing"
    DKIM_ANOTHER = "dkim_another"
    DKIM_REVOKED = "dkim_revoked"
    DKIM_SEVERAL = "dkim_several"
    DKIM_UNREADABLE = "dkim_unreadable"
    DKIM_TESTING = "dkim_testing"
    DKIM_ONLY_ED25519 = "dkim_only_ed25519"
    DMARC_MISSING = "dmarc_missing"
    DMARC_TESTING = "dmarc_testing"
    DMARC_HISTORIC = "dmarc_historic"
    NOT_ALIGNED = "not_aligned"
    ALIGNED_BY_SPF = "aligned_by_spf"
    ALIGNED_BY_DKIM = "aligned_by_dkim"
    ALIGNMENT_BY_RELAY = "alignment_by_relay"
    NO_MAIL_HERE = "no_mail_here"
    NULL_MX = "null_mx"
    REVERSE_MISSING = "reverse_missing"
    REVERSE_UNCONFIRMED = "reverse_unconfirmed"
    REVERSE_RELAY = "reverse_relay"
    REVERSE_NOT_ASKED = "reverse_not_asked"
    TLS_LOCAL = "tls_local"
    TLS_OFF = "tls_off"
    TLS_UNTRUSTED = "tls_untrusted"
    TLS_ENDS_SOON = "tls_ends_soon"
    TLS_ENDED = "tls_ended"
    SERVER_AWAY = "server_away"


_FACTS: Final = frozenset(fact.value for fact in Fact)
_CHECKS: Final = frozenset(check.value for check in Check)


@dataclass(frozen=True, slots=True)
class Record:
    """What to publish."""

    name: str
    type: str
    value: str

    @property
    def quoted(self) -> str:
        """The value as a zone file takes it: a long TXT in strings of at most 255 bytes."""
        if self.type != "TXT":
            return self.value
        return " ".join(f'"{part}"' for part in txt_strings(self.value))


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report. ``subject`` is what was looked at, ``found`` what stands there."""

    check: Check
    level: Level
    fact: Fact
    subject: str
    found: str = ""
    publish: tuple[Record, ...] = ()


def txt_strings(value: str) -> list[str]:
    """A TXT value cut where a single string ends."""
    return [value[start : start + TXT_STRING_BYTES] for start in range(0, len(value), TXT_STRING_BYTES)]


def worst(found: Sequence[Finding]) -> Level:
    """The level of the whole."""
    order = list(Level)
    return max((finding.level for finding in found), key=order.index, default=Level.UNKNOWN)


def to_json(found: Sequence[Finding]) -> list[dict[str, Any]]:
    return [asdict(finding) for finding in found]


def from_json(rows: Sequence[Mapping[str, Any]]) -> list[Finding]:
    """Findings as they were kept; what another version wrote and this one does not know is left out."""
    return [_finding(row) for row in rows if row["fact"] in _FACTS and row["check"] in _CHECKS]


def _finding(row: Mapping[str, Any]) -> Finding:
    return Finding(
        Check(row["check"]),
        Level(row["level"]),
        Fact(row["fact"]),
        row["subject"],
        row["found"],
        tuple(Record(**record) for record in row["publish"]),
    )
