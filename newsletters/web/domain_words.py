"""What is said of a sending domain: the words for every check and fact, for the desk and the command line."""

from newsletters.mail.domains.findings import Check, Fact, Finding, Level
from newsletters.web.tongue import _


def level_words(level: Level | None) -> str:
    """How good it is."""
    if level is None:
        return _("Not checked yet")
    return {
        Level.OK: _("In order"),
        Level.UNKNOWN: _("Not known"),
        Level.WARNING: _("Could be better"),
        Level.BROKEN: _("Broken"),
    }[level]


def check_words(check: Check) -> str:
    """What was looked at."""
    return {
        Check.SPF: _("SPF: who may send for the domain"),
        Check.DKIM: _("DKIM: the key that signs"),
        Check.DMARC: _("DMARC: what the domain asks of receivers"),
        Check.ALIGNMENT: _("Alignment: do they speak for the sender people see"),
        Check.BOUNCES: _("Bounces find their way back"),
        Check.REPLIES: _("Answers find their way back"),
        Check.REVERSE_DNS: _("Reverse DNS of the sending address"),
        Check.TLS: _("Encryption to the mail server"),
    }[check]


def fact_words(finding: Finding) -> str:
    """What was found, and what to do about it."""
    return _WORDS[finding.check](finding)


def _spf(finding: Finding) -> str:
    names = {"domain": finding.subject, "found": finding.found}
    return {
        Fact.FINE: _("%(domain)s says who may send for it, and we are among them.", **names),
        Fact.SPF_MISSING: _("%(domain)s has no SPF record. Publish this one.", **names),
        Fact.SPF_INVALID: _("The SPF record of %(domain)s cannot be read: %(found)s", **names),
        Fact.SPF_TOO_MANY_LOOKUPS: _(
            "The SPF record of %(domain)s needs %(found)s DNS lookups. After ten, receivers give up and"
            " treat it as broken. Take out services you no longer use.",
            **names,
        ),
        Fact.SPF_VOID_LOOKUPS: _(
            "%(found)s names in the SPF record of %(domain)s lead nowhere; more than two break it."
            " Take them out.",
            **names,
        ),
        Fact.SPF_LETS_ANYBODY: _("The SPF record of %(domain)s lets anybody send: +all. Use ~all.", **names),
        Fact.SPF_OPEN_END: _("The SPF record of %(domain)s does not say what to do with the rest.", **names),
        Fact.SPF_WITHOUT_US: _("%(found)s sends our mail, and SPF at %(domain)s does not allow it.", **names),
        Fact.SPF_WITHOUT_RELAY: _("The SPF record of %(domain)s does not include %(found)s.", **names),
        Fact.NO_ANSWER: _no_answer(finding),
    }[finding.fact]


def _dkim(finding: Finding) -> str:
    name = {"name": finding.subject}
    return {
        Fact.FINE: _("%(name)s holds the key we sign with.", **name),
        Fact.DKIM_NO_KEY: _(
            "Nothing signs our mail. Make keys with “python -m newsletters.cli dkim-key”, publish them"
            " and set DKIM_KEY and DKIM_SELECTOR."
        ),
        Fact.DKIM_RELAY_SIGNS: _(
            "We sign nothing ourselves. If your mail service signs for this domain, all is well; its own"
            " pages tell. Otherwise make keys with “python -m newsletters.cli dkim-key”."
        ),
        Fact.DKIM_MISSING: _("There is no key at %(name)s. Publish this record.", **name),
        Fact.DKIM_ANOTHER: _("At %(name)s stands another key than the one we sign with.", **name),
        Fact.DKIM_REVOKED: _("The key at %(name)s is revoked: its p= is empty.", **name),
        Fact.DKIM_SEVERAL: _("There are several records at %(name)s; there must be one.", **name),
        Fact.DKIM_UNREADABLE: _("The record at %(name)s is no DKIM key.", **name),
        Fact.DKIM_TESTING: _("The key at %(name)s is marked as a test (t=y). Take the mark away.", **name),
        Fact.DKIM_ONLY_ED25519: _(
            "We sign with Ed25519 alone, which large receivers do not read yet. Add an RSA key beside it."
        ),
        Fact.NO_ANSWER: _no_answer(finding),
    }[finding.fact]


def _dmarc(finding: Finding) -> str:
    name = {"name": finding.subject}
    return {
        Fact.FINE: _("%(name)s has a policy.", **name),
        Fact.DMARC_MISSING: _(
            "%(name)s has no DMARC record. Large receivers demand one, even if it asks for nothing.", **name
        ),
        Fact.DMARC_TESTING: _("The policy at %(name)s is only being tested (t=y).", **name),
        Fact.DMARC_HISTORIC: _(
            "%(name)s has a policy. Its tags pct, rf or ri mean nothing any more.", **name
        ),
        Fact.NO_ANSWER: _no_answer(finding),
    }[finding.fact]


def _alignment(finding: Finding) -> str:
    names = {"name": finding.subject, "found": finding.found}
    return {
        Fact.FINE: _("Both SPF and DKIM speak for %(name)s.", **names),
        Fact.ALIGNED_BY_DKIM: _(
            "Only DKIM speaks for %(name)s, for bounces go to another domain. Set BOUNCE_DOMAIN to one"
            " of yours.",
            **names,
        ),
        Fact.ALIGNED_BY_SPF: _(
            "Only SPF speaks for %(name)s, and it is lost when mail is forwarded. Sign with a key of this"
            " domain.",
            **names,
        ),
        Fact.ALIGNMENT_BY_RELAY: _(
            "SPF speaks for %(name)s; whether DKIM does depends on your mail service.", **names
        ),
        Fact.NOT_ALIGNED: _(
            "Neither SPF nor DKIM speaks for %(name)s (%(found)s), so DMARC fails. Sign with a key of this"
            " domain.",
            **names,
        ),
        Fact.NO_ANSWER: _no_answer(finding),
    }[finding.fact]


def _mailbox(finding: Finding) -> str:
    name = {"name": finding.subject}
    return {
        Fact.FINE: _("%(name)s takes mail.", **name),
        Fact.NULL_MX: _("%(name)s says that it takes no mail at all (null MX).", **name),
        Fact.NO_MAIL_HERE: _(
            "%(name)s has no mail server: mail to it is lost. Publish an MX record.", **name
        ),
        Fact.NO_ANSWER: _no_answer(finding),
    }[finding.fact]


def _reverse(finding: Finding) -> str:
    names = {"name": finding.subject, "found": finding.found}
    return {
        Fact.FINE: _("%(name)s is called %(found)s, and that name leads back to it.", **names),
        Fact.REVERSE_MISSING: _(
            "%(name)s has no name. Ask whoever gave you the address for one (PTR).", **names
        ),
        Fact.REVERSE_UNCONFIRMED: _("%(name)s is called %(found)s, which does not lead back to it.", **names),
        Fact.REVERSE_RELAY: _("%(name)s sends from addresses of its own and names them itself.", **names),
        Fact.REVERSE_NOT_ASKED: _(
            "From which address mail leaves is not known here. Set SENDING_ADDRESSES to have it checked."
        ),
        Fact.NO_ANSWER: _no_answer(finding),
    }[finding.fact]


def _tls(finding: Finding) -> str:
    names = {"name": finding.subject, "found": finding.found}
    return {
        Fact.FINE: _("%(name)s shows a certificate that is good for %(found)s more days.", **names),
        Fact.TLS_LOCAL: _("%(name)s is this machine: nothing to encrypt.", **names),
        Fact.TLS_OFF: _("Mail goes to %(name)s in the clear (tls=none).", **names),
        Fact.TLS_UNTRUSTED: _("%(name)s does not prove who it is: %(found)s", **names),
        Fact.TLS_ENDED: _("The certificate of %(name)s is out of date.", **names),
        Fact.TLS_ENDS_SOON: _("The certificate of %(name)s ends in %(found)s days.", **names),
        Fact.SERVER_AWAY: _("%(name)s does not answer now: %(found)s", **names),
    }[finding.fact]


def _no_answer(finding: Finding) -> str:
    return _("The DNS did not answer about %(name)s. Nothing follows from that.", name=finding.subject)


_WORDS = {
    Check.SPF: _spf,
    Check.DKIM: _dkim,
    Check.DMARC: _dmarc,
    Check.ALIGNMENT: _alignment,
    Check.BOUNCES: _mailbox,
    Check.REPLIES: _mailbox,
    Check.REVERSE_DNS: _reverse,
    Check.TLS: _tls,
}
