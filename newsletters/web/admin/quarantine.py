"""Returned mail that waits for an editor: looked at as text, made an event by their word, or dropped.

Nothing of such a mail is ever HTML. The same room tells of domains where so many addresses came back dead
that their suppressions are held.
"""

from flask import abort, flash, redirect, render_template, request, url_for
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from newsletters import context
from newsletters.bounces import quarantine, rates, spikes
from newsletters.bounces.models import BounceSpike, SpikeVerdict
from newsletters.bounces.quarantine import NothingNamed
from newsletters.bounces.quarantined import QuarantinedMail
from newsletters.publishing.models import Issue
from newsletters.subscribers.models import Subscriber
from newsletters.web.admin import quarantine_words as words
from newsletters.web.admin.access import current_editor, editors_only
from newsletters.web.admin.acts import record_act
from newsletters.web.admin.door import blueprint
from newsletters.web.tongue import _

SPIKE_VERDICTS = {"forgive": SpikeVerdict.FORGIVEN, "condemn": SpikeVerdict.CONDEMNED}


@blueprint.app_template_global()
def returned_news() -> dict[str, object]:
    """What the desk's first page says about returned mail."""
    now = context.now()
    with context.reading() as session:
        alerts = rates.recent_alerts(session, now=now)
        return {
            "waiting": quarantine.how_many(session),
            "spikes": spikes.held(session),
            "alerts": [(alert, session.get(Issue, alert.issue_id)) for alert in alerts],
            "words": words,
        }


@blueprint.get("/quarantine")
@editors_only
def quarantined() -> str:
    """Show what waits, the newest first."""
    after = request.args.get("after")
    with context.reading() as session:
        page = quarantine.undecided(session, after=after)
        return render_template(
            "desk/quarantine/list.html",
            page=page,
            subjects=quarantine.headings(page.rows),
            spikes=spikes.held(session),
            is_first=after is None,
            words=words,
        )


@blueprint.get("/quarantine/<int:mail_id>")
@editors_only
def quarantined_mail(mail_id: int) -> str:
    """Show one mail as text, with what it seems to be."""
    with context.reading() as session:
        mail = _mail_or_404(session, mail_id)
        return render_template(
            "desk/quarantine/mail.html",
            shown=quarantine.shown(mail),
            mail=mail,
            about=quarantine.about_of(mail),
            reader=session.get(Subscriber, mail.subscriber_id) if mail.subscriber_id else None,
            issue=session.get(Issue, mail.issue_id) if mail.issue_id else None,
            words=words,
        )


@blueprint.post("/quarantine/<int:mail_id>/act")
@editors_only
def act_on_quarantined(mail_id: int) -> Response:
    """Let it be what the editor says it is."""
    kind = words.CHOICES.get(request.form.get("kind", ""))
    if kind is None:
        flash(_("Please choose what the mail says."), "bad")
        return redirect(url_for("desk.quarantined_mail", mail_id=mail_id), 303)
    editor, now = current_editor(), context.now()
    with context.transaction() as session:
        mail = _mail_or_404(session, mail_id, locked=True)
        try:
            quarantine.act(session, mail, kind, editor_id=editor.id, now=now)
        except NothingNamed:
            flash(_("Nobody knows which mail of ours this is about."), "bad")
            return redirect(url_for("desk.quarantined_mail", mail_id=mail_id), 303)
        record_act(session, "returned.acted", "returned mail", mail_id, detail=kind.value)
    flash(_("Done, and written into the reader’s history."), "good")
    return redirect(url_for("desk.quarantined"), 303)


@blueprint.post("/quarantine/<int:mail_id>/drop")
@editors_only
def drop_quarantined(mail_id: int) -> Response:
    """Throw its content away."""
    with context.transaction() as session:
        mail = _mail_or_404(session, mail_id, locked=True)
        quarantine.drop(mail, editor_id=current_editor().id, now=context.now())
        record_act(session, "returned.dropped", "returned mail", mail_id)
    flash(_("Dropped. Nothing follows from it."), "good")
    return redirect(url_for("desk.quarantined"), 303)


@blueprint.post("/quarantine/spikes/<int:spike_id>/<verdict>")
@editors_only
def end_hold(spike_id: int, verdict: str) -> Response:
    """Say whether a domain was out of order or its addresses are dead."""
    meant = SPIKE_VERDICTS.get(verdict) or abort(404)
    with context.transaction() as session:
        spike = session.get(BounceSpike, spike_id, with_for_update=True) or abort(404)
        if spike.verdict is None:
            spikes.close(session, spike, meant, editor_id=current_editor().id, now=context.now())
            record_act(session, f"returned.{meant.value}", "spike", spike_id, detail=spike.domain)
    flash(words.hold_ended(meant), "good")
    return redirect(url_for("desk.quarantined"), 303)


def _mail_or_404(session: Session, mail_id: int, *, locked: bool = False) -> QuarantinedMail:
    """A mail that nobody has decided about."""
    mail = session.get(QuarantinedMail, mail_id, with_for_update=locked)
    if mail is None or mail.decision is not None:
        abort(404)
    return mail
