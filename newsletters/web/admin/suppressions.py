"""The suppression list: whom we do not write to and why; added to and lifted for a reason.

Whatever is done here can be undone here, and stands in the audit log either way.
"""

from dataclasses import dataclass

from flask import abort, flash, redirect, render_template, request, url_for
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from newsletters import context
from newsletters.accounts import audit
from newsletters.kernel.addresses import InvalidAddress, parse_address
from newsletters.publishing.newsletters import all_newsletters
from newsletters.reports.plots import small_multiples
from newsletters.reports.suppressions import suppressed_by_month
from newsletters.subscribers import suppressed
from newsletters.subscribers.suppressed import Chosen, Suppressed
from newsletters.subscribers.suppression import EVERYTHING, lift, newsletter_scope, put_back, suppress
from newsletters.subscribers.suppression_models import Suppression, SuppressionReason
from newsletters.web.admin.access import current_editor, editors_only
from newsletters.web.admin.acts import record_act
from newsletters.web.admin.asking import asked_number
from newsletters.web.admin.door import blueprint
from newsletters.web.admin.reader_forms import LiftForm
from newsletters.web.admin.reader_words import reason_words
from newsletters.web.admin.suppression_forms import AddSuppressionForm
from newsletters.web.tongue import _

Answer = Response | tuple[str, int] | str


@dataclass(frozen=True, slots=True)
class Lookup:
    """What was asked about one address, and what stands there."""

    search: str
    is_address: bool
    found: tuple[Suppressed, ...]


@blueprint.get("/suppressions")
@editors_only
def suppressions() -> str:
    """Show the list, or what stands in it about one address."""
    return _page(AddSuppressionForm(formdata=None))


@blueprint.post("/suppressions")
@editors_only
def add_suppression() -> Answer:
    """Write no more to an address, for a reason that is kept."""
    form = AddSuppressionForm()
    with context.reading() as session:
        scopes = _scopes(session)
    form.offer(scopes)
    if not form.validate():
        return _page(form), 422
    scope = form.scope.data
    digest = context.runtime().digester.address(parse_address(form.address.data).key)
    with context.transaction() as session:
        was_listed = suppressed.is_in_force(session, digest, scope=scope)
        suppress(
            session,
            address_hash=digest,
            reason=SuppressionReason.EDITOR,
            detail=audit.clean(form.reason.data.strip()),
            actor=current_editor().name,
            scope=scope,
            now=context.now(),
        )
        session.flush()
        entry_id = suppressed.entry_id_of(session, digest, scope=scope)
        record_act(session, "suppression.added", "suppression", entry_id, detail=form.reason.data)
    if was_listed:
        flash(_("It was on the list already; the stronger reason stands."), "info")
    return redirect(url_for("desk.suppressions", done=None if was_listed else entry_id), 303)


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
        reason = audit.clean(form.reason.data.strip())
        if lift(
            session,
            address_hash=entry.address_hash,
            reason=reason,
            actor=current_editor().name,
            now=context.now(),
            scope=entry.scope,
        ):
            record_act(session, "suppression.lifted", "suppression", suppression_id, detail=reason)
    return redirect(url_for("desk.suppressions", done=suppression_id), 303)


@blueprint.post("/suppressions/<int:suppression_id>/put-back")
@editors_only
def put_back_entry(suppression_id: int) -> Response:
    """Undo a lifting."""
    with context.transaction() as session:
        if session.get(Suppression, suppression_id) is None:
            abort(404)
        if put_back(session, suppression_id):
            record_act(session, "suppression.put_back", "suppression", suppression_id)
    return redirect(url_for("desk.suppressions", done=suppression_id), 303)


def _page(form: AddSuppressionForm) -> str:
    after, done = request.args.get("after"), asked_number("done")
    chosen = _chosen()
    with context.reading() as session:
        scopes = _scopes(session)
        form.offer(scopes)
        values = {
            "page": suppressed.suppression_page(session, chosen=chosen, after=after),
            "lookup": _lookup(session, request.args.get("search", "").strip()),
            "done": suppressed.suppression(session, done) if done else None,
            "counts": suppressed.counts_by_reason(session),
            "oldest_at": suppressed.oldest_at(session),
            "actors": suppressed.actors(session),
            "plots": small_multiples(suppressed_by_month(session, now=context.now(), name=reason_words)),
        }
    return render_template(
        "desk/suppressions/list.html",
        **values,
        chosen=chosen,
        scopes=scopes,
        reasons=list(SuppressionReason),
        is_first=after is None,
        form=form,
    )


def _chosen() -> Chosen:
    asked = request.args
    reason = asked.get("reason", "")
    return Chosen(
        reason=SuppressionReason(reason) if reason in {one.value for one in SuppressionReason} else None,
        scope=asked.get("scope", "")[:40],
        actor=asked.get("actor", "")[:200],
        is_lifted=asked.get("state") == "lifted",
    )


def _scopes(session: Session) -> dict[str, str]:
    """What a suppression can be about, and what people call it."""
    named = {newsletter_scope(one.id): one.name for one in all_newsletters(session)}
    return {EVERYTHING: _("All our mail"), **named}


def _lookup(session: Session, search: str) -> Lookup | None:
    if not search:
        return None
    try:
        digest = context.runtime().digester.address(parse_address(search).key)
    except InvalidAddress:
        return Lookup(search, is_address=False, found=())
    return Lookup(search, is_address=True, found=tuple(suppressed.suppressions_of(session, digest)))
