"""The suppression list: whom we do not write to and why, searched by address, lifted with a reason."""

from flask import abort, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from newsletters import context
from newsletters.accounts import audit
from newsletters.kernel.addresses import InvalidAddress, parse_address
from newsletters.subscribers.models import Suppression
from newsletters.subscribers.suppressed import suppression_page, suppressions_of
from newsletters.subscribers.suppression import lift
from newsletters.web.admin.access import current_editor, editors_only
from newsletters.web.admin.door import blueprint
from newsletters.web.admin.reader_forms import LiftForm


@blueprint.get("/suppressions")
@editors_only
def suppressions() -> str:
    """Show the list, or what stands in it about one address."""
    search, after = request.args.get("search", "").strip(), request.args.get("after")
    found, is_address = [], True
    with context.reading() as session:
        page = suppression_page(session, after=after)
        if search:
            try:
                digest = context.runtime().digester.address(parse_address(search).key)
                found = list(suppressions_of(session, digest))
            except InvalidAddress:
                is_address = False
    return render_template(
        "desk/suppressions/list.html",
        page=page,
        search=search,
        found=found,
        is_address=is_address,
        is_first=after is None,
        form=LiftForm(formdata=None),
    )


@blueprint.post("/suppressions/<int:suppression_id>/lift")
@editors_only
def lift_entry(suppression_id: int) -> Response:
    """Allow mail again, for a reason that is kept."""
    form = LiftForm()
    if not form.validate():
        flash(_("Please say why; it is kept in the audit log."), "bad")
        return redirect(url_for("desk.suppressions"), 303)
    with context.transaction() as session:
        entry = session.get(Suppression, suppression_id)
        if entry is None:
            abort(404)
        editor, reason = current_editor(), form.reason.data.strip()
        if lift(
            session,
            address_hash=entry.address_hash,
            reason=reason,
            actor=editor.name,
            now=context.now(),
            scope=entry.scope,
        ):
            audit.record(
                session,
                editor,
                "suppression.lifted",
                now=context.now(),
                subject="suppression",
                subject_id=suppression_id,
                detail=reason,
            )
    flash(_("Mail to this address is allowed again."), "good")
    return redirect(url_for("desk.suppressions"), 303)
