"""What the desk says about issues: the words for every state, finding, reason and outcome, in one place."""

from flask_babel import format_decimal

from newsletters.delivery.models import DeliveryState
from newsletters.publishing.checks import Field, Finding, Kind, Severity
from newsletters.publishing.issue_queries import Shelf
from newsletters.publishing.models import IssueRevision, IssueState, PauseReason
from newsletters.publishing.pictures import PictureProblem
from newsletters.publishing.revisions import Note
from newsletters.web.tongue import _, ngettext


def shelf_words(shelf: Shelf) -> str:
    """The name of a list of issues."""
    return {
        Shelf.DRAFTS: _("Drafts"),
        Shelf.SCHEDULED: _("Scheduled"),
        Shelf.SENDING: _("Going out"),
        Shelf.SENT: _("Sent"),
        Shelf.CANCELLED: _("Cancelled"),
    }[shelf]


def state_words(state: IssueState) -> str:
    """Where an issue is."""
    return {
        IssueState.DRAFT: _("Draft"),
        IssueState.SCHEDULED: _("Scheduled"),
        IssueState.MISSED: _("Missed its time"),
        IssueState.SENDING: _("Going out"),
        IssueState.PAUSED: _("Paused"),
        IssueState.SENT: _("Sent"),
        IssueState.CANCELLED: _("Cancelled"),
    }[state]


def outcome_words(state: DeliveryState) -> str:
    """What became of an issue for some readers."""
    return {
        DeliveryState.ACCEPTED: _("Accepted"),
        DeliveryState.BOUNCED: _("Bounced"),
        DeliveryState.FAILED: _("Failed"),
        DeliveryState.UNKNOWN: _("Unknown"),
        DeliveryState.WAITING: _("Waiting"),
        DeliveryState.CANCELLED: _("Cancelled"),
    }[state]


def outcome_meaning(state: DeliveryState) -> str:
    """The same in a sentence."""
    return {
        DeliveryState.ACCEPTED: _("The readers’ mail servers took the message."),
        DeliveryState.BOUNCED: _("The mail server said that this address does not take our mail."),
        DeliveryState.FAILED: _("We could not get the message through; the address itself may be fine."),
        DeliveryState.UNKNOWN: _("The connection broke before the server said whether it took the message."),
        DeliveryState.WAITING: _("Not yet tried, or to be tried again."),
        DeliveryState.CANCELLED: _("Not sent, because sending was stopped or the reader had left by then."),
    }[state]


def reason_words(reason: str) -> str:
    """Why a delivery ended as it did; a reason we have no words for is shown as it is."""
    return {
        "": _("no particular reason"),
        "hard": _("the address does not exist"),
        "soft": _("the mailbox does not take mail now"),
        "policy": _("the server refuses our mail by its rules"),
        "expired": _("tried again and again until time ran out"),
        "invalid_address": _("the address cannot be written to"),
        "needs_smtputf8": _("the server does not know international addresses"),
        "in_doubt": _("may have arrived twice"),
        "unsubscribed": _("unsubscribed before their turn"),
        "suppressed": _("on the suppression list"),
        "paused": _("paused by the reader"),
        "bounced": _("bounced before"),
        "complained": _("called our mail spam"),
        "erased": _("erased at the reader’s wish"),
        "merged": _("one reader with another address of theirs, and served there"),
        "cancelled": _("sending was stopped"),
    }.get(reason, reason.replace("_", " "))


def exclusion_words(reason: str, readers: int) -> str:
    """Why some readers are left out, with their number."""
    number = format_decimal(readers)
    words = {
        "paused": ngettext("%(number)s has paused", "%(number)s have paused", readers, number=number),
        "digest": ngettext(
            "%(number)s reads it in digests", "%(number)s read it in digests", readers, number=number
        ),
        "suppressed": ngettext(
            "%(number)s is on the suppression list",
            "%(number)s are on the suppression list",
            readers,
            number=number,
        ),
        "bounced": ngettext(
            "%(number)s has an address that bounced",
            "%(number)s have addresses that bounced",
            readers,
            number=number,
        ),
        "complained": ngettext(
            "%(number)s called our mail spam", "%(number)s called our mail spam", readers, number=number
        ),
    }
    return words.get(reason, f"{number}: {reason_words(reason)}")


def pause_words(reason: PauseReason | None) -> str:
    """Why a send stands still."""
    if reason is PauseReason.SERVER:
        return _("The mail server does not answer. Sending goes on by itself as soon as it does.")
    if reason is PauseReason.COMPLAINTS:
        return _("Too many readers called this issue spam. Please look into it before it goes on.")
    if reason is PauseReason.CONTENT:
        return _(
            "The newsletter or the issue was changed after sending began. "
            "Going on means that the rest get it as it is now."
        )
    if reason is PauseReason.RESTORED:
        return _(
            "The database was put back from a copy that was made while this issue was on its way. "
            "Some of those who wait here may have it. Going on sends it to all of them; "
            "cancelling sends it to none of them."
        )
    return _("An editor paused it. Nobody else gets the issue until it goes on.")


def severity_words(severity: Severity) -> str:
    """How much a finding matters."""
    return {
        Severity.BLOCKING: _("Must be put right"),
        Severity.WARNING: _("Please look"),
        Severity.HINT: _("Hint"),
    }[severity]


def place_words(finding: Finding) -> str:
    """Where a finding is."""
    if finding.line is not None:
        return _("Line %(line)s", line=finding.line)
    return {
        Field.SUBJECT: _("Subject"),
        Field.PREHEADER: _("Preheader"),
        Field.BODY: _("Text"),
        Field.NEWSLETTER: _("Newsletter"),
    }[finding.field]


def finding_words(finding: Finding) -> str:
    """What was found, and what to do about it."""
    detail = finding.detail if len(finding.detail) <= 120 else f"{finding.detail[:117]}…"
    kind = finding.kind
    return _inbox_words(kind, detail) or _link_words(kind, detail) or _text_words(kind, detail)


def _inbox_words(kind: Kind, detail: str) -> str:
    return {
        Kind.SUBJECT_EMPTY: _("The subject is empty."),
        Kind.SUBJECT_LONG: _("The subject has %(n)s characters; inboxes cut it after about 60.", n=detail),
        Kind.PREHEADER_EMPTY: _(
            "The preheader is empty: inboxes will show the first words of the text instead."
        ),
        Kind.PREHEADER_LONG: _(
            "The preheader has %(n)s characters; many inboxes cut it after 100.", n=detail
        ),
        Kind.POSTAL_ADDRESS_MISSING: _(
            "The newsletter has no postal address, which the law of many countries asks for."
        ),
    }.get(kind, "")


def _link_words(kind: Kind, detail: str) -> str:
    return {
        Kind.LINK_EMPTY: _("A link has no words or no address: %(link)s", link=detail),
        Kind.LINK_RELATIVE: _("“%(link)s” is no whole address. In a mail it leads nowhere.", link=detail),
        Kind.LINK_LOCAL: _("“%(link)s” works on our own machines only.", link=detail),
        Kind.LINK_SHORTENED: _("“%(link)s” is a shortened link; spam filters mistrust those.", link=detail),
        Kind.LINK_DEAD: _("This link seems to be dead: %(link)s", link=_dead_words(detail)),
    }.get(kind, "")


def _dead_words(detail: str) -> str:
    href, _space, problem = detail.rpartition(" ")
    words = {
        "(no_host)": _("there is no such site"),
        "(no_answer)": _("no answer"),
        "(certificate)": _("its certificate is not valid"),
        "(not_public)": _("not on the public internet"),
        "(unreadable)": _("the address cannot be read"),
    }.get(problem, problem.strip("()"))
    return f"{href} ({words})"


def _text_words(kind: Kind, detail: str) -> str:
    return {
        Kind.BODY_EMPTY: _("There is no text yet."),
        Kind.PLACEHOLDER_UNKNOWN: _("“%(what)s” is not a placeholder we know.", what=detail),
        Kind.TO_COME: _("“TK”: something was still to come here."),
        Kind.ALT_MISSING: _("A picture has no description for those who do not see it."),
        Kind.PICTURE_FOREIGN: _(
            "A picture is on another site (%(src)s). Upload it, or it may not show.", src=detail
        ),
        Kind.PICTURE_WITHOUT_SIZE: _(
            "The size of a picture is not known (%(src)s): is it one that was uploaded here?", src=detail
        ),
        Kind.ATTACHMENT: _("The text says “%(word)s”, but issues carry no attachments.", word=detail),
        Kind.HTML: _("“%(tag)s” is shown as it is: HTML does not work here, Markdown does.", tag=detail),
        Kind.CLIPPED: _(
            "The mail is %(size)s kB long. Gmail cuts it off after 102 kB, and the unsubscribe link with it.",
            size=int(detail) // 1024 if detail.isdigit() else 0,
        ),
    }.get(kind, detail)


def picture_words(problem: PictureProblem) -> str:
    """Why an upload was refused."""
    return {
        PictureProblem.TOO_BIG: _("This file is larger than 10 MB. Please make it smaller."),
        PictureProblem.TOO_MANY_PIXELS: _("This picture has too many pixels. Please make it smaller."),
        PictureProblem.NOT_A_PICTURE: _(
            "This is not a picture we can read. Please use PNG, JPEG, GIF or WebP."
        ),
    }[problem]


def note_words(revision: IssueRevision) -> str:
    """Why a revision exists."""
    return {
        Note.AUTOSAVED.value: _("Saved while writing"),
        Note.BEGUN.value: _("Begun"),
        Note.SAVED.value: _("Saved"),
        Note.RESTORED.value: _("An earlier revision brought back"),
        Note.APART.value: _("Kept apart: somebody else had saved first"),
    }.get(revision.note, revision.note)


def span_words(seconds: int) -> str:
    """A stretch of time as one says it, no more exact than it is known."""
    if seconds < 90:
        return ngettext("%(num)s second", "%(num)s seconds", seconds)
    minutes = round(seconds / 60)
    if minutes < 90:
        return ngettext("%(num)s minute", "%(num)s minutes", minutes)
    return ngettext("%(num)s hour", "%(num)s hours", round(minutes / 60))
