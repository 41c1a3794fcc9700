"""Looking at a sending domain as receivers do, through a real resolver and a name server on loopback."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa

from newsletters.mail.domains.dmarc import covering, is_aligned, organization
from newsletters.mail.domains.dns import Answer, Dns, Outcome
from newsletters.mail.domains.findings import (
    Check,
    Fact,
    Finding,
    Level,
    Record,
    from_json,
    to_json,
    txt_strings,
    worst,
)
from newsletters.mail.domains.health import findings
from newsletters.mail.domains.sending import Sending
from newsletters.mail.domains.spf import evaluate
from newsletters.mail.domains.spf_record import Spf
from newsletters.mail.domains.spf_survey import survey
from newsletters.mail.domains.tls import Shown, look, tls_finding
from newsletters.mail.server import SmtpServer, Tls
from newsletters.mail.sign import DkimKey
from tests.conftest import NOW
from tests.nameserver import Fault, Zone, name_server

ADDRESS = "203.0.113.7"
RSA = DkimKey("news.press", "2026a-rsa", rsa.generate_private_key(public_exponent=65537, key_size=2048))
ED25519 = DkimKey("news.press", "2026a-ed25519", ed25519.Ed25519PrivateKey.generate())
SERVER = SmtpServer(host="mx.news.press", port=25)


def txt(value: str) -> list[str]:
    return [" ".join(f'"{part}"' for part in txt_strings(value))]


GOOD: dict[tuple[str, str], Any] = {
    ("bounce.news.press", "TXT"): ['"v=spf1 ip4:203.0.113.0/28 -all"'],
    ("bounce.news.press", "MX"): ["10 mx.news.press."],
    ("news.press", "MX"): ["10 mx.news.press."],
    ("mx.news.press", "A"): [ADDRESS],
    ("2026a-rsa._domainkey.news.press", "TXT"): txt(RSA.dns_record()),
    ("2026a-ed25519._domainkey.news.press", "TXT"): txt(ED25519.dns_record()),
    ("_dmarc.news.press", "TXT"): ['"v=DMARC1; p=quarantine; rua=mailto:dmarc@news.press"'],
    ("7.113.0.203.in-addr.arpa", "PTR"): ["mx.news.press."],
}


def shown(_server: SmtpServer) -> Shown:
    return Shown(NOW + timedelta(days=80))


SENDING = Sending(
    from_domain="news.press",
    bounce_domain="bounce.news.press",
    reply_domain="news.press",
    servers=(SERVER,),
    keys=(RSA, ED25519),
    addresses=(ADDRESS,),
    sink_port=1025,
    look=shown,
)


@contextmanager
def asking(zone: Zone, *, step_seconds: float = 60.0, round_seconds: float = 600.0) -> Iterator[Dns]:
    with name_server(zone) as server:
        yield Dns(server.resolver(), step_seconds=step_seconds, round_seconds=round_seconds)


def look_at(zone: Zone, sending: Sending = SENDING, **limits: float) -> list[Finding]:
    with asking(zone, **limits) as dns:
        return findings(sending, dns, now=NOW)


def facts(found: list[Finding], check: Check) -> list[tuple[Level, Fact]]:
    return [(finding.level, finding.fact) for finding in found if finding.check is check]


def test_a_domain_in_order_has_nothing_to_mend() -> None:
    found = look_at(GOOD)

    assert {finding.level for finding in found} == {Level.OK}
    assert {finding.check for finding in found} == set(Check)
    assert worst(found) is Level.OK
    assert [finding.publish for finding in found if finding.publish] == []


SPF = ("bounce.news.press", "TXT")
RSA_NAME = ("2026a-rsa._domainkey.news.press", "TXT")
DMARC = ("_dmarc.news.press", "TXT")
PTR = ("7.113.0.203.in-addr.arpa", "PTR")
BROKEN, WARNING, UNKNOWN, OK = Level.BROKEN, Level.WARNING, Level.UNKNOWN, Level.OK
CHANGES: dict[str, tuple[dict[tuple[str, str], Any], Check, Level, Fact]] = {
    "no SPF": ({SPF: ['"something else"']}, Check.SPF, BROKEN, Fact.SPF_MISSING),
    "SPF twice": ({SPF: ['"v=spf1 -all"', '"v=spf1 +all"']}, Check.SPF, BROKEN, Fact.SPF_INVALID),
    "SPF with a wrong word": ({SPF: ['"v=spf1 ipv4:1.2.3.4 -all"']}, Check.SPF, BROKEN, Fact.SPF_INVALID),
    "SPF with a wrong network": ({SPF: ['"v=spf1 ip4:1.2.3 -all"']}, Check.SPF, BROKEN, Fact.SPF_INVALID),
    "SPF of version ten": ({SPF: ['"v=spf10 -all"']}, Check.SPF, BROKEN, Fact.SPF_MISSING),
    "SPF without us": ({SPF: ['"v=spf1 ip4:198.51.100.1 -all"']}, Check.SPF, BROKEN, Fact.SPF_WITHOUT_US),
    "SPF for anybody": ({SPF: ['"v=spf1 +all"']}, Check.SPF, BROKEN, Fact.SPF_LETS_ANYBODY),
    "SPF with an open end": ({SPF: ['"v=spf1 ip4:203.0.113.7"']}, Check.SPF, WARNING, Fact.SPF_OPEN_END),
    "SPF unanswered": ({SPF: Fault.SERVFAIL}, Check.SPF, UNKNOWN, Fact.NO_ANSWER),
    "SPF in silence": ({SPF: Fault.SILENT}, Check.SPF, UNKNOWN, Fact.NO_ANSWER),
    "SPF as garbage": ({SPF: Fault.GARBAGE}, Check.SPF, UNKNOWN, Fact.NO_ANSWER),
    "no key": ({RSA_NAME: ()}, Check.DKIM, BROKEN, Fact.DKIM_MISSING),
    "another key": ({RSA_NAME: txt(ED25519.dns_record())}, Check.DKIM, BROKEN, Fact.DKIM_ANOTHER),
    "a revoked key": ({RSA_NAME: ['"v=DKIM1; k=rsa; p="']}, Check.DKIM, BROKEN, Fact.DKIM_REVOKED),
    "two keys": (
        {RSA_NAME: [*txt(RSA.dns_record()), '"v=DKIM1; p="']}, Check.DKIM, BROKEN, Fact.DKIM_SEVERAL,
    ),
    "a key under test": (
        {RSA_NAME: txt(f"{RSA.dns_record()}; t=y")}, Check.DKIM, WARNING, Fact.DKIM_TESTING,
    ),
    "a key for SHA-1": (
        {RSA_NAME: txt(f"{RSA.dns_record()}; h=sha1")}, Check.DKIM, BROKEN, Fact.DKIM_ANOTHER,
    ),
    "a key unanswered": ({RSA_NAME: Fault.SERVFAIL}, Check.DKIM, UNKNOWN, Fact.NO_ANSWER),
    "no DMARC": ({DMARC: ()}, Check.DMARC, BROKEN, Fact.DMARC_MISSING),
    "two DMARC records": (
        {DMARC: ['"v=DMARC1; p=none"', '"v=DMARC1"']}, Check.DMARC, BROKEN, Fact.DMARC_MISSING,
    ),
    "DMARC spelled wrongly": ({DMARC: ['"v=dmarc1; p=none"']}, Check.DMARC, BROKEN, Fact.DMARC_MISSING),
    "DMARC under test": ({DMARC: ['"v=DMARC1; p=reject; t=y"']}, Check.DMARC, WARNING, Fact.DMARC_TESTING),
    "DMARC of old": ({DMARC: ['"v=DMARC1; p=none; pct=50"']}, Check.DMARC, OK, Fact.DMARC_HISTORIC),
    "DMARC unanswered": ({DMARC: Fault.SERVFAIL}, Check.DMARC, UNKNOWN, Fact.NO_ANSWER),
    "bounces to nowhere": (
        {("bounce.news.press", "MX"): ()}, Check.BOUNCES, BROKEN, Fact.NO_MAIL_HERE,
    ),
    "bounces to a name without an address": (
        {("bounce.news.press", "MX"): ["10 gone.news.press."]}, Check.BOUNCES, BROKEN, Fact.NO_MAIL_HERE,
    ),
    "bounces to an address without MX": (
        {("bounce.news.press", "MX"): (), ("bounce.news.press", "A"): [ADDRESS]},
        Check.BOUNCES, OK, Fact.FINE,
    ),
    "bounces unanswered": (
        {("bounce.news.press", "MX"): Fault.SERVFAIL, ("bounce.news.press", "A"): Fault.SERVFAIL},
        Check.BOUNCES, UNKNOWN, Fact.NO_ANSWER,
    ),
    "a null MX": ({("news.press", "MX"): ["0 ."]}, Check.REPLIES, BROKEN, Fact.NULL_MX),
    "an address without a name": ({PTR: ()}, Check.REVERSE_DNS, BROKEN, Fact.REVERSE_MISSING),
    "a name that leads elsewhere": (
        {PTR: ["host.isp.press."], ("host.isp.press", "A"): ["203.0.113.99"]},
        Check.REVERSE_DNS, BROKEN, Fact.REVERSE_UNCONFIRMED,
    ),
    "a name unanswered": ({PTR: Fault.SERVFAIL}, Check.REVERSE_DNS, UNKNOWN, Fact.NO_ANSWER),
}  # fmt: skip


@pytest.mark.parametrize("name", CHANGES)
def test_what_is_wrong_is_found(name: str) -> None:
    change, check, level, fact = CHANGES[name]

    is_silent = Fault.SILENT in change.values()  # and only that is worth a short patience
    found = look_at({**GOOD, **change}, step_seconds=0.4 if is_silent else 60.0)

    assert (level, fact) in facts(found, check)
    assert [
        finding for finding in found if finding.check is not check and finding.level is Level.BROKEN
    ] == []


def test_a_wildcard_is_not_taken_for_a_key_or_a_policy() -> None:
    zone = {key: value for key, value in GOOD.items() if key not in (RSA_NAME, DMARC)}

    found = look_at({**zone, ("*.news.press", "TXT"): ['"v=spf1 -all"']})

    assert (Level.BROKEN, Fact.DMARC_MISSING) in facts(found, Check.DMARC)
    assert [fact for _, fact in facts(found, Check.DKIM)] != [Fact.FINE, Fact.FINE]


def test_the_record_to_publish_mends_what_is_broken() -> None:
    broken = {key: value for key, value in GOOD.items() if key[1] != "TXT"}
    wanted = [record for finding in look_at(broken) for record in finding.publish]

    mended = look_at({**broken, **{(record.name, record.type): [record.quoted] for record in wanted}})

    assert worst(look_at(broken)) is Level.BROKEN
    assert worst(mended) is Level.OK


def test_the_spf_record_to_publish_keeps_what_stands_there() -> None:
    found = look_at(
        {**GOOD, SPF: ['"v=spf1 mx ip6:2001:db8::/32 -all"'], ("mx.news.press", "A"): ["203.0.113.9"]}
    )

    spf = next(finding for finding in found if finding.check is Check.SPF)
    assert spf.publish == (
        Record("bounce.news.press", "TXT", f"v=spf1 ip4:{ADDRESS} mx ip6:2001:db8::/32 -all"),
    )


def test_a_known_relay_wants_to_be_included() -> None:
    relay = SmtpServer(host="email-smtp.eu-west-1.amazonaws.com", port=587)
    sending = replace(SENDING, servers=(relay,), addresses=())

    without = look_at({**GOOD, SPF: ['"v=spf1 mx ~all"']}, sending)
    included = look_at(
        {
            **GOOD,
            SPF: ['"v=spf1 include:amazonses.com ~all"'],
            ("amazonses.com", "TXT"): ['"v=spf1 ip4:199.255.192.0/22 -all"'],
        },
        sending,
    )

    assert facts(without, Check.SPF) == [(Level.WARNING, Fact.SPF_WITHOUT_RELAY)]
    assert without[0].publish[0].value == "v=spf1 include:amazonses.com mx ~all"
    assert facts(included, Check.SPF) == [(Level.OK, Fact.FINE)]
    assert facts(included, Check.REVERSE_DNS) == [(Level.OK, Fact.REVERSE_RELAY)]


@pytest.mark.parametrize(
    ("changes", "level", "fact"),
    [
        ({"bounce_domain": "bounces.relay.press"}, Level.WARNING, Fact.ALIGNED_BY_DKIM),
        ({"keys": (replace(RSA, domain="relay.press"),)}, Level.WARNING, Fact.ALIGNED_BY_SPF),
        (
            {"keys": (replace(RSA, domain="relay.press"),), "bounce_domain": "bounces.relay.press"},
            Level.BROKEN,
            Fact.NOT_ALIGNED,
        ),
        ({"keys": ()}, Level.UNKNOWN, Fact.ALIGNMENT_BY_RELAY),
    ],
)
def test_one_of_spf_and_dkim_must_speak_for_the_sender(
    changes: dict[str, Any], level: Level, fact: Fact
) -> None:
    found = look_at(GOOD, replace(SENDING, **changes))

    assert facts(found, Check.ALIGNMENT) == [(level, fact)]


def test_a_domain_without_a_policy_is_not_blamed_for_what_the_policy_will_mend() -> None:
    found = look_at({**GOOD, DMARC: ()})

    assert facts(found, Check.ALIGNMENT) == [(Level.OK, Fact.FINE)]


def test_strict_alignment_wants_the_very_domain() -> None:
    found = look_at({**GOOD, DMARC: ['"v=DMARC1; p=none; aspf=s"']})

    assert facts(found, Check.ALIGNMENT) == [(Level.WARNING, Fact.ALIGNED_BY_DKIM)]


def test_ed25519_alone_is_not_enough_yet() -> None:
    found = look_at(GOOD, replace(SENDING, keys=(ED25519,)))

    assert (Level.BROKEN, Fact.DKIM_ONLY_ED25519) in facts(found, Check.DKIM)


# SPF by itself


def chain(length: int) -> dict[tuple[str, str], Any]:
    """Records that include one another, ``length`` lookups in all."""
    zone: dict[tuple[str, str], Any] = {("s0.press", "TXT"): ['"v=spf1 include:s1.press -all"']}
    for number in range(1, length):
        zone[f"s{number}.press", "TXT"] = [f'"v=spf1 include:s{number + 1}.press -all"']
    zone[f"s{length}.press", "TXT"] = [f'"v=spf1 ip4:{ADDRESS} -all"']
    return zone


@pytest.mark.parametrize(
    ("length", "result", "is_too_long"), [(10, Spf.PASS, False), (11, Spf.PERMERROR, True)]
)
def test_ten_lookups_are_the_limit_through_all_includes(length: int, result: Spf, is_too_long: bool) -> None:
    with asking(chain(length)) as dns:
        found = survey(dns, "s0.press")

        assert (found.lookups, found.is_too_long) == (length, is_too_long)
        assert evaluate(dns, "s0.press", ADDRESS) is result


@pytest.mark.parametrize(
    ("record", "address", "result"),
    [
        ("v=spf1 a -all", "203.0.113.7", Spf.PASS),
        ("v=spf1 a/24 -all", "203.0.113.200", Spf.PASS),
        ("v=spf1 mx ~all", "203.0.113.8", Spf.PASS),
        ("v=spf1 mx ~all", "203.0.113.9", Spf.SOFTFAIL),
        ("v=spf1 a:six.press -all", "2001:db8::7", Spf.PASS),
        ("v=spf1 a:six.press//64 -all", "2001:db8::99", Spf.PASS),
        ("v=spf1 ip6:2001:db8::/32 -all", "203.0.113.7", Spf.FAIL),
        ("v=spf1 ?all", "203.0.113.7", Spf.NEUTRAL),
        ("v=spf1", "203.0.113.7", Spf.NEUTRAL),
        ("v=spf1 redirect=good.press", "203.0.113.7", Spf.PASS),
        ("v=spf1 redirect=good.press -all", "203.0.113.7", Spf.FAIL),
        ("v=spf1 redirect=nowhere.press", "203.0.113.7", Spf.PERMERROR),
        ("v=spf1 include:nowhere.press -all", "203.0.113.7", Spf.PERMERROR),
        ("v=spf1 include:away.press -all", "203.0.113.7", Spf.TEMPERROR),
        ("v=spf1 include:good.press -all", "198.51.100.1", Spf.FAIL),
        ("v=spf1 exists:%{ir}.list.press -all", "203.0.113.7", Spf.PASS),
        ("v=spf1 exists:%{i}.list.press -all", "203.0.113.7", Spf.FAIL),
        ("v=spf1 ptr -all", "203.0.113.7", Spf.PASS),
        ("v=spf1 exp=why.press unknown=x -all", "203.0.113.7", Spf.FAIL),
        ("v=spf1 include:loop.press -all", "203.0.113.7", Spf.PERMERROR),
    ],
)
def test_spf_lets_in_whom_its_terms_name(record: str, address: str, result: Spf) -> None:
    zone = {
        ("x.press", "TXT"): [f'"{record}"'],
        ("x.press", "A"): ["203.0.113.7"],
        ("x.press", "MX"): ["10 mail.x.press."],
        ("mail.x.press", "A"): ["203.0.113.8"],
        ("six.press", "AAAA"): ["2001:db8::7"],
        ("good.press", "TXT"): ['"v=spf1 ip4:203.0.113.7 -all"'],
        ("loop.press", "TXT"): ['"v=spf1 include:x.press -all"'],
        ("away.press", "TXT"): Fault.SERVFAIL,
        ("7.113.0.203.list.press", "A"): ["127.0.0.2"],
        ("7.113.0.203.in-addr.arpa", "PTR"): ["host.x.press."],
        ("host.x.press", "A"): ["203.0.113.7"],
    }

    with asking(zone) as dns:
        assert evaluate(dns, "x.press", address) is result


def test_an_include_of_itself_ends() -> None:
    with asking({("x.press", "TXT"): ['"v=spf1 include:x.press -all"']}) as dns:
        found = survey(dns, "x.press")

    assert (found.result, found.detail) == (Spf.PERMERROR, "x.press includes itself")


def test_names_that_lead_nowhere_are_counted() -> None:
    record = '"v=spf1 a:no1.press a:no2.press mx:no3.press -all"'

    found = look_at({**GOOD, SPF: [record]}, replace(SENDING, addresses=()))

    assert facts(found, Check.SPF) == [(Level.BROKEN, Fact.SPF_VOID_LOOKUPS)]


# DMARC by itself


@pytest.mark.parametrize(
    ("zone", "domain", "top"),
    [
        ({("_dmarc.news.press", "TXT"): ['"v=DMARC1; p=none"']}, "a.b.news.press", "news.press"),
        (
            {
                ("_dmarc.b.news.press", "TXT"): ['"v=DMARC1; p=none; psd=n"'],
                ("_dmarc.news.press", "TXT"): ['"v=DMARC1; p=none"'],
            },
            "a.b.news.press",
            "b.news.press",
        ),
        (
            {("_dmarc.co.press", "TXT"): ['"v=DMARC1; p=none; psd=y"']},
            "mail.paper.co.press",
            "paper.co.press",
        ),
        ({}, "mail.news.press", "mail.news.press"),
        (
            {("_dmarc.news.press", "TXT"): ['"v=DMARC1; p=none"']},
            "a.b.c.d.e.f.g.h.i.j.k.news.press",
            "news.press",
        ),
    ],
)
def test_the_tree_itself_says_where_an_organisation_begins(zone: Zone, domain: str, top: str) -> None:
    with asking({("press", "NS"): ["ns.press."], **zone}) as dns:
        assert organization(dns, domain) == top


def test_a_walk_asks_at_most_eight_questions() -> None:
    with name_server({("press", "NS"): ["ns.press."]}) as server:
        organization(Dns(server.resolver()), "a.b.c.d.e.f.g.h.i.j.k.news.press")

        assert len({name for name, kind in server.asked if kind == "TXT"}) == 8


def test_the_record_of_a_subdomain_is_its_organisations() -> None:
    with asking({("_dmarc.news.press", "TXT"): ['"v=DMARC1; p=reject; sp=quarantine"']}) as dns:
        record = covering(dns, "letters.news.press")

        assert record is not None
        assert record.domain == "news.press"
        assert is_aligned(dns, "letters.news.press", "bounce.news.press", strict=False)
        assert not is_aligned(dns, "letters.news.press", "news.elsewhere", strict=False)


# One deadline


def test_a_silent_dns_costs_one_deadline_altogether() -> None:
    began = time.monotonic()

    found = look_at({("*.press", "TXT"): Fault.SILENT}, round_seconds=0.5, step_seconds=0.2)

    waited = time.monotonic() - began
    assert {finding.level for finding in found if finding.check is Check.SPF} == {Level.UNKNOWN}
    assert waited < 20  # far below the sum of what is asked one by one


def test_the_deadline_is_for_all_questions_together() -> None:
    moments = iter([0.0, 0.0, 5.0, 21.0])

    with name_server({("news.press", "TXT"): ['"x"']}) as server:
        dns = Dns(server.resolver(), round_seconds=20, monotonic=lambda: next(moments))
        answers = [dns.txt("news.press"), dns.txt("b.news.press"), dns.txt("c.news.press")]

        assert [answer.outcome for answer in answers] == [Outcome.FOUND, Outcome.NO_NAME, Outcome.FAILED]
        assert len(server.asked) == 2


@pytest.mark.parametrize("name", ["x" * 64 + ".press", "a..press", ".".join(["x" * 60] * 6)])
def test_a_name_that_cannot_be_has_no_records(name: str) -> None:
    with asking({}) as dns:
        assert dns.txt(name) == Answer(Outcome.NO_NAME)


# TLS


@pytest.mark.parametrize(
    ("days", "level", "fact"),
    [(80, Level.OK, Fact.FINE), (13, Level.WARNING, Fact.TLS_ENDS_SOON)],
)
def test_a_certificate_that_ends_soon_is_said(days: int, level: Level, fact: Fact) -> None:
    finding = tls_finding(SERVER, is_local=False, now=NOW, look=lambda _: Shown(NOW + timedelta(days=days)))

    assert (finding.level, finding.fact, finding.found) == (level, fact, str(days))


def test_a_server_that_is_away_proves_nothing() -> None:
    nobody = SmtpServer(host="127.0.0.1", port=9, tls=Tls.REQUIRED)

    finding = tls_finding(nobody, is_local=True, now=NOW, look=look)

    assert (finding.level, finding.fact) == (Level.UNKNOWN, Fact.SERVER_AWAY)


def test_mail_in_the_clear_to_elsewhere_is_said() -> None:
    clear = SmtpServer(host="mx.news.press", port=25, tls=Tls.NONE)

    finding = tls_finding(clear, is_local=False, now=NOW, look=shown)

    assert (finding.level, finding.fact) == (Level.WARNING, Fact.TLS_OFF)


# What nobody can check


@pytest.mark.parametrize(
    ("changes", "is_rehearsal"),
    [
        ({"servers": (SmtpServer(host="127.0.0.1", port=1025, tls=Tls.NONE),)}, True),
        ({"servers": (SmtpServer(host="127.0.0.1", port=25, tls=Tls.NONE),)}, False),
        ({"from_domain": "newsroom.example"}, True),
        ({"from_domain": "news.example.com"}, True),
        ({"from_domain": "myexample.com"}, False),
        ({"from_domain": "localhost"}, True),
        ({}, False),
    ],
)
def test_a_rehearsal_is_not_checked(changes: dict[str, Any], is_rehearsal: bool) -> None:
    assert replace(SENDING, **changes).is_rehearsal is is_rehearsal


def test_findings_survive_being_kept() -> None:
    found = look_at({key: value for key, value in GOOD.items() if key[1] != "TXT"})

    assert from_json(to_json(found)) == found
    assert from_json([{"fact": "from another version", "check": "spf"}]) == []
