"""Whether mail finds its way back to us, and whether our addresses have names that lead back to them."""

from collections.abc import Iterator

from newsletters.mail.domains.dns import Dns, Outcome
from newsletters.mail.domains.findings import Check, Fact, Finding, Level, Record
from newsletters.mail.domains.sending import Sending


def mailbox_findings(sending: Sending, dns: Dns) -> Iterator[Finding]:
    yield _receives(dns, sending.bounce_domain, Check.BOUNCES)
    yield _receives(dns, sending.reply_domain, Check.REPLIES)


def _receives(dns: Dns, domain: str, check: Check) -> Finding:
    """MX, or an address where there is no MX (RFC 5321 section 5.1); a null MX takes nothing (RFC 7505)."""
    answer = dns.mx(domain)
    if "." in answer.records:
        return Finding(check, Level.BROKEN, Fact.NULL_MX, domain)
    if answer.outcome is Outcome.FOUND:
        hosts = [dns.addresses(host) for host in answer.records]
        found = ", ".join(answer.records)
    else:
        hosts, found = [dns.addresses(domain)], ""
    if any(host.records for host in hosts):
        return Finding(check, Level.OK, Fact.FINE, domain, found)
    if answer.outcome is Outcome.FAILED or any(host.outcome is Outcome.FAILED for host in hosts):
        return Finding(check, Level.UNKNOWN, Fact.NO_ANSWER, domain)
    return Finding(check, Level.BROKEN, Fact.NO_MAIL_HERE, domain, found)


def reverse_findings(sending: Sending, dns: Dns) -> Iterator[Finding]:
    for address in sending.addresses:
        yield _forward_confirmed(dns, address)
    if sending.addresses:
        return
    if sending.relays:
        names = ", ".join(server.host for server in sending.relays)
        yield Finding(Check.REVERSE_DNS, Level.OK, Fact.REVERSE_RELAY, names)
    else:
        yield Finding(Check.REVERSE_DNS, Level.UNKNOWN, Fact.REVERSE_NOT_ASKED, sending.from_domain)


def _forward_confirmed(dns: Dns, address: str) -> Finding:
    """The name of the address must lead back to it."""
    named = dns.names(address)
    if named.outcome is Outcome.FAILED:
        return Finding(Check.REVERSE_DNS, Level.UNKNOWN, Fact.NO_ANSWER, address)
    if not named.records:
        return Finding(Check.REVERSE_DNS, Level.BROKEN, Fact.REVERSE_MISSING, address)
    back = [dns.addresses(name) for name in named.records]
    names = ", ".join(named.records)
    if any(address in answer.records for answer in back):
        return Finding(Check.REVERSE_DNS, Level.OK, Fact.FINE, address, names)
    if any(answer.outcome is Outcome.FAILED for answer in back):
        return Finding(Check.REVERSE_DNS, Level.UNKNOWN, Fact.NO_ANSWER, address, names)
    kind = "AAAA" if ":" in address else "A"
    wanted = Record(named.records[0], kind, address)
    return Finding(Check.REVERSE_DNS, Level.BROKEN, Fact.REVERSE_UNCONFIRMED, address, names, (wanted,))
