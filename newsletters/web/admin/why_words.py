"""What explains that nothing came, in an editor's words, with the next sensible thing to do."""

from dataclasses import dataclass

from flask import url_for
from flask_babel import format_date
from flask_babel import gettext as _

from newsletters.reports.why import Answer, Why
from newsletters.subscribers.mailboxes import likely_meant
from newsletters.subscribers.queries import Person
from newsletters.web.admin.reader_words import delivery_reason, reason_words

GOOD, WARN, BAD, INFO = "good", "warn", "bad", "info"


@dataclass(frozen=True, slots=True)
class Advice:
    """A sentence, what to do, and the button or link that does it (a button where ``posts``)."""

    tone: str
    what: str
    do: str = ""
    label: str = ""
    href: str = ""
    posts: bool = False


def advice(answer: Answer, person: Person) -> Advice:
    """The words for one answer."""
    return WORDS[answer.why](answer, person)


def _stopped(it: Answer, person: Person) -> Advice:
    return Advice(
        BAD,
        _("All mail to this address is stopped: %(reason)s.", reason=reason_words(it.reason)),
        _("If that is no longer so, lift it on the reader’s page."),
        _("To the reader"),
        _page(person),
    )


def _held(_it: Answer, _person: Person) -> Advice:
    return Advice(
        WARN,
        _("The sign-up waits for an editor, so no confirmation mail has left."),
        _("Let it through if you know who it is."),
        _("To the held sign-ups"),
        url_for("desk.held_signups"),
    )


def _no_server(_it: Answer, person: Person) -> Advice:
    name, _at, domain = person.subscriber.email.rpartition("@")
    what = _("No mail server answers for %(domain)s. The address is most likely misspelt.", domain=domain)
    if not (meant := likely_meant(domain.lower())):
        return Advice(BAD, what, _("Ask for the right address; signing up again with it is enough."))
    address = f"{name}@{meant}"
    return Advice(
        BAD,
        what,
        _("Was it %(address)s? Signing up again with the right address is enough.", address=address),
        _("Look at %(address)s", address=address),
        url_for("desk.why", address=address),
    )


def _too_many(_it: Answer, person: Person) -> Advice:
    return _resend(
        WARN,
        _("The address had its mails for now: one a day and three in a month, so that nobody is flooded."),
        person,
    )


def _mail_under_way(it: Answer, _person: Person) -> Advice:
    reply = " " + _("The server said: %(reply)s", reply=it.reply) if it.reply else ""
    return Advice(INFO, _("The confirmation mail is still on its way.") + reply, _("Look again in a while."))


def _mail_refused(it: Answer, _person: Person) -> Advice:
    return Advice(
        BAD,
        _("The mail server did not take the confirmation mail: %(reply)s", reply=it.reply or "–"),
        _("Ask whether the address is right and the mailbox works."),
    )


def _no_mail(_it: Answer, person: Person) -> Advice:
    return _resend(WARN, _("There was a sign-up, but no confirmation mail is on record any more."), person)


def _not_opened(_it: Answer, person: Person) -> Advice:
    return _resend(
        WARN,
        _("The mail server took the confirmation mail, but the link in it was never opened."),
        person,
        _("It may lie in the folder for spam: ask the reader to look there. Or send it once more."),
    )


def _not_confirmed(_it: Answer, person: Person) -> Advice:
    return _resend(
        WARN,
        _("The page behind the link was opened, but its button was not pressed."),
        person,
        _("Ask the reader to press the button, or to type the code from the mail."),
    )


def _left(_it: Answer, _person: Person) -> Advice:
    return Advice(
        INFO,
        _("The reader has unsubscribed. The story below says when and how."),
        _("Only the reader can come back, by signing up again."),
    )


def _paused(it: Answer, _person: Person) -> Advice:
    what = _("The reader is pausing.")
    if it.until is not None:
        day = format_date(it.until.astimezone(it.newsletter.zone), "d MMMM y", rebase=False)
        what = _("The reader is pausing until %(day)s.", day=day)
    return Advice(INFO, what, _("It goes on by itself then, or earlier if they end the pause."))


def _unreachable(_it: Answer, person: Person) -> Advice:
    return Advice(
        BAD,
        _("Mail to this address came back for good."),
        _("Ask for an address that works. If it works again, a new sign-up brings the reader back."),
        _("To the reader"),
        _page(person),
    )


def _complained(_it: Answer, _person: Person) -> Advice:
    return Advice(
        BAD,
        _("The reader reported our mail as unwanted, so nothing is sent any more."),
        _("Write to them by yourself if they ask for it; lift it only at their word."),
    )


def _nothing_sent(_it: Answer, _person: Person) -> Advice:
    return Advice(GOOD, _("Everything is in order: no issue has gone out yet."))


def _digest(it: Answer, _person: Person) -> Advice:
    return Advice(
        GOOD,
        _("The reader has chosen digests; “%(subject)s” comes with the next one.", subject=_subject(it)),
        _("They can change that in their preferences."),
        _("To the issue"),
        _issue(it),
    )


def _joined_later(it: Answer, _person: Person) -> Advice:
    return Advice(
        GOOD,
        _(
            "The newest issue, “%(subject)s”, had begun to go out before the reader was in.",
            subject=_subject(it),
        ),
        _("It can be read in the archive; the next one comes by mail."),
        _("To the issue"),
        _issue(it),
    )


def _taken(it: Answer, _person: Person) -> Advice:
    said = " " + _("The server said: %(reply)s", reply=it.reply) if it.reply else ""
    return Advice(
        GOOD,
        _("The reader’s mail server took the newest issue, “%(subject)s”.", subject=_subject(it)) + said,
        _("If it is not in the inbox, it lies in another folder: spam, promotions, or a filter’s own."),
        _("To the issue"),
        _issue(it),
    )


def _in_doubt(it: Answer, _person: Person) -> Advice:
    return Advice(
        WARN,
        _("“%(subject)s” may have arrived: the server’s answer was lost.", subject=_subject(it)),
        _("If it did not, the archive has it."),
        _("To the issue"),
        _issue(it),
    )


def _waiting(it: Answer, _person: Person) -> Advice:
    said = " " + _("The server put it off: %(reply)s", reply=it.reply) if it.reply else ""
    return Advice(
        INFO,
        _("“%(subject)s” is still on its way.", subject=_subject(it)) + said,
        _("It is tried again by itself for four days."),
        _("To the issue"),
        _issue(it),
    )


def _refused(it: Answer, person: Person) -> Advice:
    return Advice(
        BAD,
        _(
            "“%(subject)s” was refused: %(reply)s",
            subject=_subject(it),
            reply=it.reply or delivery_reason(it.reason),
        ),
        _("What the server said tells whether the address is wrong or our mail was not welcome."),
        _("To the reader"),
        _page(person),
    )


def _not_sent(it: Answer, _person: Person) -> Advice:
    reason = delivery_reason(it.reason) if it.reason else ""
    return Advice(
        WARN,
        " ".join((_("“%(subject)s” was not sent to this reader.", subject=_subject(it)), reason)).strip(),
        "",
        _("To the issue"),
        _issue(it),
    )


def _resend(tone: str, what: str, person: Person, do: str = "") -> Advice:
    return Advice(
        tone,
        what,
        do or _("If the reader asks for it, send it once more."),
        _("Send the confirmation mail once more"),
        url_for("desk.send_confirmation", reader_id=person.subscriber.id),
        posts=True,
    )


def _subject(it: Answer) -> str:
    return it.issue.subject if it.issue else ""


def _issue(it: Answer) -> str:
    return url_for("desk.issue", issue_id=it.issue.id) if it.issue else ""


def _page(person: Person) -> str:
    return url_for("desk.reader", reader_id=person.subscriber.id)


WORDS = {
    Why.STOPPED: _stopped,
    Why.HELD: _held,
    Why.NO_SERVER: _no_server,
    Why.TOO_MANY: _too_many,
    Why.MAIL_UNDER_WAY: _mail_under_way,
    Why.MAIL_REFUSED: _mail_refused,
    Why.NO_MAIL: _no_mail,
    Why.NOT_OPENED: _not_opened,
    Why.NOT_CONFIRMED: _not_confirmed,
    Why.LEFT: _left,
    Why.PAUSED: _paused,
    Why.UNREACHABLE: _unreachable,
    Why.COMPLAINED: _complained,
    Why.NOTHING_SENT: _nothing_sent,
    Why.DIGEST: _digest,
    Why.JOINED_LATER: _joined_later,
    Why.TAKEN: _taken,
    Why.IN_DOUBT: _in_doubt,
    Why.WAITING: _waiting,
    Why.REFUSED: _refused,
    Why.NOT_SENT: _not_sent,
}
