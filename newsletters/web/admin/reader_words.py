"""A reader's history in words an editor understands.

Replies of mail servers and whatever else came in by mail stay plain text: the template escapes them.
"""

from dataclasses import dataclass
from datetime import datetime

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from newsletters.reports.history import Happening, Kind

STATES = {
    "pending": _l("Not confirmed yet"),
    "active": _l("Reads it"),
    "paused": _l("Pausing"),
    "unsubscribed": _l("Unsubscribed"),
    "bounced": _l("Unreachable"),
    "complained": _l("Complained"),
}
RHYTHMS = {
    "each": _l("each issue"),
    "daily": _l("a daily digest"),
    "weekly": _l("a weekly digest"),
}
REASONS = {
    "hard_bounce": _l("the mailbox does not exist"),
    "soft_bounces": _l("the mailbox kept refusing mail"),
    "complaint": _l("the reader reported our mail as unwanted"),
    "editor": _l("an editor stopped all mail"),
    "erased": _l("the reader asked to be erased"),
}
MAILS = {
    "confirm": _l("the confirmation mail"),
    "digest": _l("the digest of what they did not get"),
    "reminder": _l("the reminder to confirm"),
    "already_subscribed": _l("the mail “you are subscribed already”"),
    "preferences": _l("the preferences link"),
    "change_address": _l("the mail about a new address"),
    "address_changed": _l("the mail that the address has changed"),
}
HOW_CONFIRMED = {
    "link": _l("by the link in the mail"),
    "same_browser": _l("by the link, in the browser that signed up"),
    "code": _l("by the six digits from the mail"),
    "preferences": _l("on their preferences page"),
    "import": _l("brought in with an import"),
    "undo": _l("by undoing"),
    "merged": _l("when two addresses became one"),
    "form": _l("with a form"),
    "one_click": _l("with their mail program’s unsubscribe button"),
    "mail": _l("by a mail to our unsubscribe address"),
    "pause_ended": _l("the pause was over"),
}
CONSENT_TONES = {
    "confirmed": "good",
    "requested": "info",
    "withdrawn": "neutral",
    "paused": "warn",
    "resumed": "good",
}
DELIVERY_TONES = {
    "accepted": "good",
    "waiting": "info",
    "bounced": "bad",
    "failed": "bad",
    "unknown": "warn",
    "cancelled": "neutral",
}


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the timeline; ``details`` are plain text, ``issue_id`` makes a link."""

    at: datetime
    what: str
    tone: str
    details: tuple[str, ...] = ()
    issue_id: int | None = None
    quote: str = ""


def timeline_line(happening: Happening) -> Line:
    """The happening in words."""
    return _TELLERS[happening.kind](happening)


def reason_words(reason: str) -> str:
    """Why nothing is written to an address."""
    return str(REASONS.get(reason, reason))


def state_words(state: str) -> str:
    """Where a reader stands with a newsletter."""
    return str(STATES.get(state, state))


def rhythm_words(rhythm: str) -> str:
    """How often a newsletter comes to a reader."""
    return str(RHYTHMS.get(rhythm, rhythm))


def _consent(it: Happening) -> Line:
    name = it.newsletter
    what: dict[str, str] = {
        "requested": _("Signed up for %(name)s", name=name),
        "confirmed": _("Confirmed %(name)s", name=name),
        "withdrawn": _("Unsubscribed from %(name)s", name=name),
        "paused": _("Paused %(name)s", name=name),
        "resumed": _("Gets %(name)s again", name=name),
    }
    details = [str(HOW_CONFIRMED.get(it.reason, it.reason)).capitalize()] if it.how != "requested" else []
    if it.how == "requested" and (it.form or it.page):
        details.append(_where(it))
    quote = ""
    if it.wording is not None and it.how in ("requested", "confirmed"):
        details.append(_("Agreed to version %(number)d of the words:", number=it.wording.version))
        quote = it.wording.consent_text
    return Line(it.at, what[it.how], CONSENT_TONES[it.how], tuple(details), quote=quote)


def _where(it: Happening) -> str:
    if it.form and it.page:
        return str(_("With the form “%(form)s” on %(page)s", form=it.form, page=it.page))
    if it.form:
        return str(_("With the form “%(form)s”", form=it.form))
    return str(_("On %(page)s", page=it.page))


def _mail(it: Happening) -> Line:
    mail = str(MAILS.get(it.reason, it.reason))
    what: dict[str, str] = {
        "queued": _("We wrote %(mail)s", mail=mail),
        "accepted": _("Their mail server took %(mail)s", mail=mail),
        "failed": _("Their mail server did not take %(mail)s", mail=mail),
    }
    tone = {"queued": "info", "accepted": "good", "failed": "bad"}[it.how]
    return Line(it.at, what[it.how], tone, _reply(it))


def _scanned(it: Happening) -> Line:
    words = _("Such machines check links for viruses. What they press counts for nothing.")
    return Line(
        it.at, _("A machine, not a person, followed the links of the confirmation mail"), "neutral", (words,)
    )


def _delivery(it: Happening) -> Line:
    subject = it.subject or _("an issue without a subject")
    what: dict[str, str] = {
        "waiting": _("“%(subject)s” is on its way", subject=subject),
        "accepted": _("Their mail server took “%(subject)s”", subject=subject),
        "bounced": _("“%(subject)s” was refused for good", subject=subject),
        "failed": _("“%(subject)s” could not be delivered", subject=subject),
        "unknown": _("“%(subject)s” may have arrived: the server’s answer was lost", subject=subject),
        "cancelled": _("“%(subject)s” was not sent", subject=subject),
    }
    details = [it.newsletter] if it.newsletter else []
    details += [delivery_reason(it.reason)] if it.reason else []
    details += _reply(it)
    return Line(it.at, what[it.how], DELIVERY_TONES[it.how], tuple(details), it.issue_id)


def delivery_reason(reason: str) -> str:
    """Why a delivery ended as it did."""
    words: dict[str, str] = {
        "hard": _("The mailbox does not exist."),
        "soft": _("The mailbox could not take it."),
        "expired": _("The server put us off until the time was up."),
        "policy": _("The server refused us, not the reader."),
        "invalid_address": _("Mail cannot be sent to this address."),
        "needs_smtputf8": _("The address needs a mail server that can write every alphabet."),
        "unsubscribed": _("The reader had unsubscribed by then."),
        "suppressed": _("All mail to this reader was stopped by then."),
        "paused": _("The reader was pausing by then."),
        "bounced": _("The mailbox was unreachable by then."),
        "complained": _("The reader had complained by then."),
        "erased": _("The reader had been erased by then."),
        "merged": _("It was sent to another address of the same reader."),
        "cancelled": _("An editor cancelled the rest."),
        "in_doubt": _("It may have arrived twice."),
    }
    return words.get(reason, reason)


def _bounce(it: Happening) -> Line:
    what: dict[str, str] = {
        "hard": _("A mail came back: the mailbox does not exist"),
        "soft": _("A mail came back: the mailbox could not take it"),
        "policy": _("A mail came back: the server refuses us"),
        "temporary": _("A server wrote that it is still trying"),
        "notice": _("A machine answered: nothing follows"),
    }
    tone = {"policy": "warn", "temporary": "warn", "notice": "neutral"}.get(it.how, "bad")
    details = (it.subject, *_reply(it)) if it.subject else _reply(it)
    return Line(it.at, what[it.how], tone, details, it.issue_id)


def _complaint(it: Happening) -> Line:
    details = tuple(part for part in (it.subject, it.how) if part)
    return Line(it.at, _("The reader reported our mail as unwanted"), "bad", details, it.issue_id)


def _suppressed(it: Happening) -> Line:
    what = _("All mail is stopped: %(reason)s", reason=reason_words(it.how))
    return Line(it.at, what, "bad", (it.reason,) if it.reason else ())


def _lifted(it: Happening) -> Line:
    return Line(it.at, _("Mail is allowed again"), "good", (it.reason,))


def _reply(it: Happening) -> tuple[str, ...]:
    details = [_("The server said: %(reply)s", reply=it.reply)] if it.reply else []
    details += [_("After %(attempts)d attempts", attempts=it.attempts)] if it.attempts > 1 else []
    return tuple(details)


_TELLERS = {
    Kind.CONSENT: _consent,
    Kind.MAIL: _mail,
    Kind.SCANNED: _scanned,
    Kind.DELIVERY: _delivery,
    Kind.BOUNCE: _bounce,
    Kind.COMPLAINT: _complaint,
    Kind.SUPPRESSED: _suppressed,
    Kind.LIFTED: _lifted,
}
