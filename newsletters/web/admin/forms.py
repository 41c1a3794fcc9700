"""The room of sign-up forms for other sites: the list, making one, and its code with previews."""

from flask import Response as FlaskResponse
from flask import abort, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from newsletters import context
from newsletters.publishing import newsletters as publishing
from newsletters.publishing.archive import listed_newsletters
from newsletters.publishing.models import Newsletter
from newsletters.subscribers import saved_forms
from newsletters.subscribers.form_models import SavedForm
from newsletters.subscribers.saved_forms import FormRefused
from newsletters.web.admin.access import current_editor, editors_only
from newsletters.web.admin.asking import asked_number
from newsletters.web.admin.door import blueprint
from newsletters.web.admin.embedding import preview, ways
from newsletters.web.admin.forms_making import MakingForm
from newsletters.web.admin.forms_shown import shown_form
from newsletters.web.forms.choices import choices_of
from newsletters.web.forms.offers import open_offers

Answer = Response | tuple[str, int] | str


@blueprint.get("/forms")
@editors_only
def forms() -> str:
    """List every form with what it offers and where it may stand."""
    with context.reading() as session:
        listed = saved_forms.all_forms(session)
        names = {newsletter.id: newsletter.name for newsletter in publishing.all_newsletters(session)}
    return render_template("desk/forms/list.html", forms=listed, names=names)


@blueprint.get("/forms/new")
@editors_only
def new_form() -> str:
    """Show an empty form on which ``newsletter`` is offered, or one like the form named in ``like``."""
    number = asked_number("like")
    with context.reading() as session:
        like = _form_or_404(session, number) if number else None
        data = shown_form(like, listed_newsletters(session), is_copy=True)
    chosen = str(asked_number("newsletter") or "")
    for line in data["newsletters"]:
        line["offered"] |= line["number"] == chosen
    return _page(MakingForm(formdata=None, data=data))


@blueprint.post("/forms/new")
@editors_only
def create_form() -> Answer:
    """Keep a new form, or show it again with one question more or in another order."""
    return _keep(None)


@blueprint.get("/forms/<int:form_id>")
@editors_only
def edit_form(form_id: int) -> str:
    """Show a form as it is kept."""
    with context.reading() as session:
        saved = _form_or_404(session, form_id)
        data = shown_form(saved, _to_choose(session, saved))
    return _page(MakingForm(formdata=None, data=data), saved)


@blueprint.post("/forms/<int:form_id>")
@editors_only
def save_form(form_id: int) -> Answer:
    """Keep what was changed. Pasted code that is no frame stays as it was until it is pasted again."""
    with context.reading() as session:
        saved = _form_or_404(session, form_id)
    return _keep(saved)


@blueprint.post("/forms/<int:form_id>/delete")
@editors_only
def delete_form(form_id: int) -> Response:
    """Take a form off the list."""
    with context.transaction() as session:
        gone = _form_or_404(session, form_id)
        saved_forms.delete(session, gone, actor=current_editor(), now=context.now())
    flash(
        _(
            "%(name)s is deleted. Code of it that still stands somewhere goes on as a plain form.",
            name=gone.name,
        ),
        "good",
    )
    return redirect(url_for("desk.forms"), 303)


@blueprint.get("/forms/<int:form_id>/code")
@editors_only
def form_code(form_id: int) -> str:
    """The three ways to paste it, with previews."""
    with context.reading() as session:
        saved = _form_or_404(session, form_id)
    offers = open_offers()
    choices = choices_of(saved, offers)
    return render_template(
        "desk/forms/code.html",
        saved=saved,
        ways=ways(choices, offers),
        choices=choices,
        preview_href=url_for("desk.form_preview", form_id=form_id),
    )


@blueprint.get("/forms/<int:form_id>/preview")
@editors_only
def form_preview(form_id: int) -> FlaskResponse:
    """The plain form on a page without any style; it can be sent nowhere."""
    with context.reading() as session:
        saved = _form_or_404(session, form_id)
    offers = open_offers()
    return preview(choices_of(saved, offers), offers)


def _keep(saved: SavedForm | None) -> Answer:
    form = MakingForm()
    if "more" in request.form:
        return _page(form, saved)
    if moved := form.moved(request.form):
        return _page(moved[0], saved, moved_to=moved[1])
    if not form.validate():
        return _page(form, saved), 422
    try:
        with context.transaction() as session:
            kept = saved_forms.save(
                session,
                form.made,
                form_id=saved.id if saved else None,
                actor=current_editor(),
                now=context.now(),
            )
    except FormRefused as refused:
        form.tell(refused.problems)
        return _page(form, saved), 422
    flash(_("Saved. Below is the code to paste."), "good")
    return redirect(url_for("desk.form_code", form_id=kept.id), 303)


def _page(form: MakingForm, saved: SavedForm | None = None, *, moved_to: int | None = None) -> str:
    with context.reading() as session:
        newsletters = {str(newsletter.id): newsletter for newsletter in _to_choose(session, saved)}
        wordings = {one.id: publishing.wordings(session, one.id) for one in newsletters.values()}
    form.offer(wordings)
    form.ask_one_more()
    return render_template(
        "desk/forms/edit.html", form=form, saved=saved, newsletters=newsletters, moved_to=moved_to
    )


def _to_choose(session: Session, saved: SavedForm | None) -> list[Newsletter]:
    """The open newsletters, and those of the form that have closed since."""
    kept = {line["id"] for line in saved.newsletters} if saved else set()
    found = publishing.all_newsletters(session)
    return [newsletter for newsletter in found if not newsletter.is_retired or newsletter.id in kept]


def _form_or_404(session: Session, form_id: int) -> SavedForm:
    found = session.get(SavedForm, form_id)
    if found is None:
        abort(404)
    return found
