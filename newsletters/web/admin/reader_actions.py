"""What editors do for or to a reader: stop and allow mail, send a link, hand out or erase their data."""

import json

from flask import Response as FlaskResponse
from flask import flash, redirect, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from newsletters import context
from newsletters.kernel.addresses import InvalidAddress, parse_address
from newsletters.reports.own_data import everything
from newsletters.subscribers import erasure
from newsletters.subscribers.mails import queue_preferences
from newsletters.subscribers.models import Subscriber
from newsletters.subscribers.suppression import FINAL, lift, reason_for, suppress
from newsletters.subscribers.suppression_models import SuppressionReason
from newsletters.web.admin.access import current_editor, editors_only, owners_only
from newsletters.web.admin.acts import record_act
from newsletters.web.admin.door import blueprint
from newsletters.web.admin.reader_forms import EraseForm, LiftForm, SuppressForm
from newsletters.web.admin.readers import person_or_404, reader_page

Answer = Response | tuple[str, int] | str


@blueprint.post("/readers/<int:reader_id>/suppress")
@editors_only
def suppress_reader(reader_id: int) -> Answer:
    """Stop all mail to a reader."""
    form = SuppressForm()
    if not form.validate():
        return reader_page(reader_id, suppress_form=form), 422
    with context.transaction() as session:
        person = person_or_404(session, reader_id)
        suppress(
            session,
            address_hash=person.subscriber.address_hash,
            reason=SuppressionReason.EDITOR,
            detail=form.reason.data.strip(),
            actor=current_editor().name,
            now=context.now(),
        )
        record_act(session, "suppression.added", "reader", reader_id, detail=form.reason.data)
    flash(_("Nothing is sent to this reader any more. You can lift it below."), "good")
    return _back(reader_id)


@blueprint.post("/readers/<int:reader_id>/lift")
@editors_only
def lift_suppression(reader_id: int) -> Answer:
    """Allow mail to a reader again, for a reason."""
    form = LiftForm()
    if not form.validate():
        return reader_page(reader_id, lift_form=form), 422
    with context.transaction() as session:
        person = person_or_404(session, reader_id)
        was_lifted = lift(
            session,
            address_hash=person.subscriber.address_hash,
            reason=form.reason.data.strip(),
            actor=current_editor().name,
            now=context.now(),
        )
        if was_lifted:
            record_act(session, "suppression.lifted", "reader", reader_id, detail=form.reason.data)
    flash(_("Mail to this reader is allowed again."), "good")
    return _back(reader_id)


@blueprint.post("/readers/<int:reader_id>/link")
@editors_only
def send_link(reader_id: int) -> Response:
    """Mail a reader the way to their preferences, unless mail to them is forbidden."""
    runtime = context.runtime()
    with context.transaction() as session:
        reader = person_or_404(session, reader_id).subscriber
        is_forbidden = reason_for(session, reader.address_hash) in FINAL
        if not is_forbidden:
            queue_preferences(session, reader, means=runtime, now=context.now())
            record_act(session, "reader.link_sent", "reader", reader_id)
    if is_forbidden:
        flash(_("All mail to this reader is stopped, so the link was not sent."), "warn")
        return _back(reader_id)
    runtime.engine.nudge("send_outbox", priority=100)
    flash(_("The preferences link is on its way to this reader."), "good")
    return _back(reader_id)


@blueprint.post("/readers/<int:reader_id>/data")
@owners_only
def export_reader(reader_id: int) -> Response:
    """Hand out everything we hold about a reader (GDPR Art. 15 and 20)."""
    with context.transaction() as session:
        reader = person_or_404(session, reader_id).subscriber
        data = everything(session, reader, now=context.now())
        record_act(session, "reader.exported", "reader", reader_id)
    response = FlaskResponse(
        json.dumps(data, ensure_ascii=False, indent=2) + "\n", mimetype="application/json"
    )
    response.headers["Content-Disposition"] = f'attachment; filename="reader-{reader_id}.json"'
    return response


@blueprint.post("/readers/<int:reader_id>/erase")
@owners_only
def erase_reader(reader_id: int) -> Answer:
    """Erase a reader whose address was typed once more (GDPR Art. 17)."""
    form = EraseForm()
    with context.transaction() as session:
        reader = person_or_404(session, reader_id).subscriber
        is_confirmed = form.validate() and _is_address_of(reader, form.address.data)
        if is_confirmed:
            erasure.erase(session, reader, means=context.runtime(), now=context.now())
            record_act(session, "reader.erased", "reader", reader_id)
    if not is_confirmed:
        form.address.errors = [_("This is not this reader’s address, so nothing was erased.")]
        return reader_page(reader_id, erase_form=form), 422
    flash(_("The reader is erased. Only a keyed hash is kept, so that no import brings them back."), "good")
    return redirect(url_for("desk.readers_list"), 303)


def _is_address_of(reader: Subscriber, typed: str | None) -> bool:
    try:
        return parse_address(typed or "").key == reader.email_key
    except InvalidAddress:
        return False


def _back(reader_id: int) -> Response:
    return redirect(url_for("desk.reader", reader_id=reader_id), 303)
