"""Whether the SPF record of the return path's domain is good, and names the servers we use."""

from collections.abc import Iterator

from newsletters.mail.domains.dns import Dns
from newsletters.mail.domains.findings import Check, Fact, Finding, Level, Record
from newsletters.mail.domains.relays import relay_include
from newsletters.mail.domains.sending import Sending
from newsletters.mail.domains.spf import evaluate
from newsletters.mail.domains.spf_record import Spf
from newsletters.mail.domains.spf_survey import MOST_VOID, Survey, survey


def spf_findings(sending: Sending, dns: Dns) -> Iterator[Finding]:
    domain = sending.bounce_domain
    found = survey(dns, domain)
    fact, level, detail = _spf_fact(sending, dns, found)
    wanted = () if level is Level.OK else _wanted_spf(sending, found)
    yield Finding(Check.SPF, level, fact, domain, detail or found.record, wanted)


def _spf_fact(sending: Sending, dns: Dns, found: Survey) -> tuple[Fact, Level, str]:
    if found.result is Spf.TEMPERROR:
        return Fact.NO_ANSWER, Level.UNKNOWN, found.detail
    wrong = _wrong_with(found)
    if wrong is not None:
        fact, detail = wrong
        return fact, Level.BROKEN, detail
    return _spf_for_us(sending, dns, found)


def _wrong_with(found: Survey) -> tuple[Fact, str] | None:
    """What makes a record worthless whoever sends."""
    wrong = (
        (found.result is Spf.NONE, Fact.SPF_MISSING, ""),
        (found.is_too_long, Fact.SPF_TOO_MANY_LOOKUPS, str(found.lookups)),
        (found.void > MOST_VOID, Fact.SPF_VOID_LOOKUPS, str(found.void)),
        (found.result is Spf.PERMERROR, Fact.SPF_INVALID, found.detail),
        (found.ends_with == "+all", Fact.SPF_LETS_ANYBODY, found.record),
    )
    return next(((fact, detail) for is_wrong, fact, detail in wrong if is_wrong), None)


def _spf_for_us(sending: Sending, dns: Dns, found: Survey) -> tuple[Fact, Level, str]:
    """The record as such is good; does it name the servers we use?"""
    results = {address: evaluate(dns, sending.bounce_domain, address) for address in sending.addresses}
    refused = [address for address, result in results.items() if result not in (Spf.PASS, Spf.TEMPERROR)]
    if refused:
        return Fact.SPF_WITHOUT_US, Level.BROKEN, ", ".join(refused)
    if Spf.TEMPERROR in results.values():
        return Fact.NO_ANSWER, Level.UNKNOWN, sending.bounce_domain
    if missing := _missing_includes(sending, found):
        return Fact.SPF_WITHOUT_RELAY, Level.WARNING, ", ".join(missing)
    if found.ends_with in ("", "?all"):
        return Fact.SPF_OPEN_END, Level.WARNING, found.record
    return Fact.FINE, Level.OK, ""


def _missing_includes(sending: Sending, found: Survey) -> list[str]:
    wanted = {include for server in sending.relays if (include := relay_include(server))}
    return sorted(wanted - found.includes)


def _wanted_spf(sending: Sending, found: Survey) -> tuple[Record, ...]:
    """The record to publish; none where there is no telling (too many lookups, an error further down)."""
    if found.is_too_long or found.void > MOST_VOID or found.result is Spf.TEMPERROR:
        return ()
    kept = [word for word in found.record.split()[1:] if not word.lower().endswith("all")]
    if found.result is Spf.PERMERROR:
        kept = []
    ours = [f"ip6:{one}" if ":" in one else f"ip4:{one}" for one in sending.addresses]
    ours += [f"include:{one}" for one in _missing_includes(sending, found)]
    if not (kept or ours):
        ours = ["mx"]
    redirect = [word for word in kept if word.lower().startswith("redirect=")]
    words = [*(one for one in ours if one not in kept), *(one for one in kept if one not in redirect)]
    end = redirect or [found.ends_with if found.ends_with in ("-all", "~all") else "~all"]
    return (Record(sending.bounce_domain, "TXT", " ".join(("v=spf1", *words, *end))),)
