"""Whether receivers can believe that our mail is ours: SPF, DKIM, DMARC, reverse DNS, TLS, and a way back.

What large receivers demand of bulk senders, looked at as they look at it. Facts and records come out; words
are the doors' business, and so is the decision what follows. Where the DNS does not answer, nothing is
concluded. The limits of one round are those of the ``Dns`` handed in.
"""

from collections.abc import Callable, Iterator
from datetime import datetime

from newsletters.mail.domains import tls
from newsletters.mail.domains.dkim import Published, key_name, published
from newsletters.mail.domains.dmarc import DmarcRecord, DnsAway, covering, is_aligned
from newsletters.mail.domains.dns import Dns
from newsletters.mail.domains.findings import Check, Fact, Finding, Level, Record
from newsletters.mail.domains.reach import mailbox_findings, reverse_findings
from newsletters.mail.domains.relays import is_local
from newsletters.mail.domains.sending import Sending
from newsletters.mail.domains.spf_health import spf_findings

_DKIM_FACTS = {
    Published.TESTING: (Level.WARNING, Fact.DKIM_TESTING),
    Published.MISSING: (Level.BROKEN, Fact.DKIM_MISSING),
    Published.SEVERAL: (Level.BROKEN, Fact.DKIM_SEVERAL),
    Published.REVOKED: (Level.BROKEN, Fact.DKIM_REVOKED),
    Published.UNREADABLE: (Level.BROKEN, Fact.DKIM_UNREADABLE),
    Published.ANOTHER: (Level.BROKEN, Fact.DKIM_ANOTHER),
    Published.UNKNOWN: (Level.UNKNOWN, Fact.NO_ANSWER),
    Published.RIGHT: (Level.OK, Fact.FINE),
}


def findings(sending: Sending, dns: Dns, *, now: datetime) -> list[Finding]:
    """Every check of one sender, in the order of a report."""
    checks: tuple[Callable[[], Iterator[Finding]], ...] = (
        lambda: spf_findings(sending, dns),
        lambda: _dkim(sending, dns),
        lambda: _dmarc(sending, dns),
        lambda: mailbox_findings(sending, dns),
        lambda: reverse_findings(sending, dns),
        lambda: _tls(sending, now=now),
    )
    return [finding for check in checks for finding in check()]


def _dkim(sending: Sending, dns: Dns) -> Iterator[Finding]:
    if not sending.keys:
        relays = bool(sending.relays)
        fact = Fact.DKIM_RELAY_SIGNS if relays else Fact.DKIM_NO_KEY
        yield Finding(Check.DKIM, Level.WARNING if relays else Level.BROKEN, fact, sending.from_domain)
        return
    for key in sending.keys:
        state, record = published(dns, key)
        level, fact = _DKIM_FACTS[state]
        wanted = Record(key_name(key), "TXT", key.dns_record())
        publish = (wanted,) if level is Level.BROKEN else ()
        yield Finding(Check.DKIM, level, fact, key_name(key), record, publish)
    if all(key.algorithm == "ed25519-sha256" for key in sending.keys):
        yield Finding(Check.DKIM, Level.BROKEN, Fact.DKIM_ONLY_ED25519, sending.from_domain)


def _dmarc(sending: Sending, dns: Dns) -> Iterator[Finding]:
    domain = sending.from_domain
    try:
        record = covering(dns, domain)
        yield _policy(record, domain)
        yield _alignment(sending, dns, record)
    except DnsAway as error:
        yield Finding(Check.DMARC, Level.UNKNOWN, Fact.NO_ANSWER, domain, str(error))


def _policy(record: DmarcRecord | None, domain: str) -> Finding:
    if record is None:
        wanted = Record(f"_dmarc.{domain}", "TXT", "v=DMARC1; p=none")
        return Finding(Check.DMARC, Level.BROKEN, Fact.DMARC_MISSING, domain, "", (wanted,))
    subject = f"_dmarc.{record.domain}"
    if record.is_test:
        return Finding(Check.DMARC, Level.WARNING, Fact.DMARC_TESTING, subject, record.text)
    if record.historic:
        return Finding(Check.DMARC, Level.OK, Fact.DMARC_HISTORIC, subject, record.text)
    return Finding(Check.DMARC, Level.OK, Fact.FINE, subject, record.text)


def _alignment(sending: Sending, dns: Dns, record: DmarcRecord | None) -> Finding:
    """Whether SPF or DKIM speaks for the very domain in From; one is enough, DKIM survives forwarding."""
    author = sending.from_domain
    strict_spf = record is not None and record.is_strict("aspf")
    strict_dkim = record is not None and record.is_strict("adkim")
    by_spf = _speaks(dns, record, author, sending.bounce_domain, strict=strict_spf)
    by_dkim = any(_speaks(dns, record, author, key.domain, strict=strict_dkim) for key in sending.keys)
    names = (
        f"SPF {sending.bounce_domain}, DKIM {', '.join(sorted({key.domain for key in sending.keys})) or '-'}"
    )
    if by_spf and by_dkim:
        return Finding(Check.ALIGNMENT, Level.OK, Fact.FINE, author, names)
    if by_dkim:
        return Finding(Check.ALIGNMENT, Level.WARNING, Fact.ALIGNED_BY_DKIM, author, names)
    if by_spf and not sending.keys and sending.relays:
        return Finding(Check.ALIGNMENT, Level.UNKNOWN, Fact.ALIGNMENT_BY_RELAY, author, names)
    if by_spf:
        return Finding(Check.ALIGNMENT, Level.WARNING, Fact.ALIGNED_BY_SPF, author, names)
    return Finding(Check.ALIGNMENT, Level.BROKEN, Fact.NOT_ALIGNED, author, names)


def _speaks(dns: Dns, record: DmarcRecord | None, author: str, other: str, *, strict: bool) -> bool:
    """Without a policy, as it will be with the one to publish: then what is below it belongs to it."""
    if record is None:
        return author == other or other.endswith(f".{author}")
    return is_aligned(dns, author, other, strict=strict)


def _tls(sending: Sending, *, now: datetime) -> Iterator[Finding]:
    for server in sending.servers:
        yield tls.tls_finding(server, is_local=is_local(server), now=now, look=sending.look)
