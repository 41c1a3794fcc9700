"""Sign-ups that wait for an editor: let through or left, with what was noticed about each."""

from flask import flash, redirect, render_template, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from werkzeug.wrappers import Response

from newsletters import context
from newsletters.subscribers import held
from newsletters.subscribers.answering import Hold
from newsletters.subscribers.signals import HELD_FROM, Signal
from newsletters.web.admin.access import editors_only
from newsletters.web.admin.acts import record_act
from newsletters.web.admin.door import blueprint

WHY = {
    Hold.ROLE: _l("An office, not a person"),
    Hold.MACHINE: _l("Looks like a machine"),
}
NOTICED = {
    Signal.TRAP: _l("filled in a field that no person sees"),
    Signal.FAST: _l("was sent faster than a person types"),
    Signal.LINK: _l("has a link where the name should be"),
    Signal.THROWAWAY: _l("is a throw-away address"),
    Signal.CROWD: _l("came while very many were coming in"),
}


@blueprint.get("/readers/held")
@editors_only
def held_signups() -> str:
    """Show what waits."""
    with context.reading() as session:
        waiting = held.held(session)
        number = held.how_many(session)
    return render_template(
        "desk/readers/held.html", waiting=waiting, number=number, why=WHY, noticed=NOTICED, most=HELD_FROM
    )


@blueprint.post("/readers/held/<int:request_id>/let-through")
@editors_only
def let_through(request_id: int) -> Response:
    """Send the confirmation mail after all."""
    with context.transaction() as session:
        is_sent = held.let_through(session, request_id, means=context.runtime(), now=context.now())
        if is_sent:
            record_act(session, "signup.let_through", "signup", request_id)
    if is_sent:
        context.runtime().engine.nudge("send_outbox")
        flash(_("The confirmation mail is on its way. Nothing is sent before it is confirmed."), "good")
    else:
        flash(_("There was nothing left to confirm here."), "info")
    return redirect(url_for("desk.held_signups"), 303)


@blueprint.post("/readers/held/<int:request_id>/leave")
@editors_only
def leave_held(request_id: int) -> Response:
    """Take it off the list without a mail."""
    with context.transaction() as session:
        if held.leave(session, request_id):
            record_act(session, "signup.left", "signup", request_id)
    flash(_("Taken off the list. No mail was sent."), "info")
    return redirect(url_for("desk.held_signups"), 303)
