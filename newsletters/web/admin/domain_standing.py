"""How the sending domain of a newsletter stands, for every page that has something to say of it."""

from dataclasses import dataclass

from flask import request
from sqlalchemy.orm import Session

from newsletters import context
from newsletters.mail.domains.checks import Pair, Standing, standing
from newsletters.mail.domains.sending import is_rehearsal, pair_of
from newsletters.mail.server import SmtpServer
from newsletters.publishing.models import Newsletter
from newsletters.web.admin.access import current_editor
from newsletters.web.tongue import _

LONGEST_REASON = 300


@dataclass(frozen=True, slots=True)
class DomainView:
    """What a page says of one newsletter's sender."""

    pair: Pair
    standing: Standing
    is_rehearsal: bool

    @property
    def is_waiting(self) -> bool:
        return self.standing.is_waiting and not self.is_rehearsal


@dataclass(frozen=True, slots=True)
class DomainGate:
    """What a sender's state means for sending to many: shut, and whether this editor may open it."""

    is_shut: bool
    is_checked: bool
    may_open: bool

    @property
    def is_final(self) -> bool:
        return self.is_shut and not self.may_open

    def problem(self) -> str | None:
        """What the form lacks to open the gate, None where it is open."""
        if not self.is_shut or self.reason():
            return None
        return _("Please say why it goes out all the same; it is kept in the audit log.")

    def reason(self) -> str:
        """The owner's reason as it was posted."""
        return " ".join(request.form.get("domain_reason", "").split())[:LONGEST_REASON]


def domain_view(session: Session, newsletter: Newsletter) -> DomainView:
    """What is known of a newsletter's sender."""
    config = context.runtime().config
    pair = pair_of(newsletter.sender_email, newsletter.reply_to)
    servers = SmtpServer.from_urls(config.smtp_url)
    rehearsal = is_rehearsal(pair, servers, sink_port=config.sink_smtp_port)
    return DomainView(pair, standing(session, pair), rehearsal)


def domain_gate(session: Session, newsletter: Newsletter, *, is_large: bool) -> DomainGate:
    """Whether a newsletter's sender is good enough for an audience of this size."""
    view = domain_view(session, newsletter)
    is_checked = view.standing.level is not None
    is_shut = is_large and not view.is_rehearsal and (view.standing.is_broken or not is_checked)
    return DomainGate(is_shut, is_checked, current_editor().is_owner)
