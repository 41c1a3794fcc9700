"""The newsletters' room: the list, one newsletter, its settings, and retiring it."""

from flask import abort, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from newsletters import context
from newsletters.accounts.queries import editor_names, entries_about
from newsletters.publishing import newsletters as publishing
from newsletters.publishing.archive import latest_issue
from newsletters.publishing.models import Newsletter, Picture
from newsletters.publishing.newsletter_fields import NewsletterRefused
from newsletters.publishing.slugs import slugify
from newsletters.subscribers.models import SubscriptionState
from newsletters.subscribers.queries import counts
from newsletters.web import domain_words
from newsletters.web.admin.access import current_editor, editors_only, owners_only
from newsletters.web.admin.domain_standing import domain_view
from newsletters.web.admin.door import blueprint
from newsletters.web.admin.newsletter_forms import (
    LogoForm,
    NewNewsletterForm,
    NewsletterForm,
    given_fields,
    given_wording,
    shown_fields,
    tell_problems,
)

Answer = Response | tuple[str, int] | str


def newsletter_or_404(session: Session, newsletter_id: int) -> Newsletter:
    """The newsletter of that number."""
    newsletter = session.get(Newsletter, newsletter_id)
    if newsletter is None:
        abort(404)
    return newsletter


@blueprint.get("/newsletters")
@editors_only
def newsletters() -> str:
    """List all newsletters with their readers."""
    with context.reading() as session:
        listed = publishing.all_newsletters(session)
        readers = counts(session)
    active = {number: by_state.get(SubscriptionState.ACTIVE, 0) for number, by_state in readers.items()}
    return render_template("desk/newsletters/list.html", newsletters=listed, active=active)


@blueprint.get("/newsletters/new")
@owners_only
def new_newsletter() -> str:
    """Show an empty form with words to begin with."""
    form = NewNewsletterForm(
        formdata=None,
        data={
            "consent_text": _("Send me this newsletter by e-mail. I can leave at any time."),
            "sender_email": context.runtime().config.mail_from,
        },
    )
    return _new_page(form)


@blueprint.post("/newsletters/new")
@owners_only
def create_newsletter() -> Answer:
    """Found a newsletter; its address is made of its name where none was typed."""
    form = NewNewsletterForm()
    if not (form.slug.data or "").strip():
        form.slug.process_data(slugify(form.name.data or ""))
        form.slug.raw_data = [form.slug.data]
    if not form.validate():
        return _new_page(form), 422
    try:
        with context.transaction() as session:
            created = publishing.create(
                session,
                given_fields(form),
                wording=given_wording(form),
                actor=current_editor(),
                now=context.now(),
            )
    except NewsletterRefused as refused:
        tell_problems(form, refused)
        return _new_page(form), 422
    flash(_("%(name)s is founded. Its sign-up forms work from now on.", name=created.name), "good")
    return redirect(url_for("desk.newsletter", newsletter_id=created.id), 303)


@blueprint.get("/newsletters/<int:newsletter_id>")
@editors_only
def newsletter(newsletter_id: int) -> str:
    """One newsletter at a glance."""
    with context.reading() as session:
        shown = newsletter_or_404(session, newsletter_id)
        wordings = publishing.wordings(session, newsletter_id)
        by_state = counts(session).get(newsletter_id, {})
        logo = session.get(Picture, shown.logo_id) if shown.logo_id else None
        latest = latest_issue(session, newsletter_id)
        history = entries_about(session, "newsletter", newsletter_id, most=20)
        authors = editor_names(session, (row.created_by_id for row in wordings if row.created_by_id))
        domain = domain_view(session, shown)
    return render_template(
        "desk/newsletters/newsletter.html",
        newsletter=shown,
        next_day=publishing.day_in_zone(shown),
        wordings=wordings,
        by_state=by_state,
        logo=logo,
        latest=latest,
        history=history,
        authors=authors,
        domain=domain,
        domain_words=domain_words,
    )


@blueprint.get("/newsletters/<int:newsletter_id>/edit")
@owners_only
def edit_newsletter(newsletter_id: int) -> str:
    """Show the newsletter's settings."""
    with context.reading() as session:
        shown = newsletter_or_404(session, newsletter_id)
    return _edit_page(newsletter_id, NewsletterForm(formdata=None, data=shown_fields(shown)))


@blueprint.post("/newsletters/<int:newsletter_id>/edit")
@owners_only
def save_newsletter(newsletter_id: int) -> Answer:
    """Keep the settings, or say what is wrong with them."""
    form = NewsletterForm()
    if not form.validate():
        return _edit_page(newsletter_id, form), 422
    try:
        with context.transaction() as session:
            publishing.edit(
                session,
                newsletter_or_404(session, newsletter_id),
                given_fields(form),
                actor=current_editor(),
                now=context.now(),
            )
    except NewsletterRefused as refused:
        tell_problems(form, refused)
        return _edit_page(newsletter_id, form), 422
    flash(_("Saved."), "good")
    return redirect(url_for("desk.newsletter", newsletter_id=newsletter_id), 303)


@blueprint.post("/newsletters/<int:newsletter_id>/retire")
@owners_only
def retire_newsletter(newsletter_id: int) -> Response:
    """Close its forms."""
    with context.transaction() as session:
        retired = newsletter_or_404(session, newsletter_id)
        publishing.retire(session, retired, actor=current_editor(), now=context.now())
    flash(_("%(name)s is retired. You can restore it at any time.", name=retired.name), "good")
    return redirect(url_for("desk.newsletter", newsletter_id=newsletter_id), 303)


@blueprint.post("/newsletters/<int:newsletter_id>/restore")
@owners_only
def restore_newsletter(newsletter_id: int) -> Response:
    """Open it again."""
    with context.transaction() as session:
        restored = newsletter_or_404(session, newsletter_id)
        publishing.restore(session, restored, actor=current_editor(), now=context.now())
    flash(_("%(name)s is open again, with the readers it had.", name=restored.name), "good")
    return redirect(url_for("desk.newsletter", newsletter_id=newsletter_id), 303)


def _new_page(form: NewNewsletterForm) -> str:
    return render_template("desk/newsletters/new.html", form=form, path=request.path)


def _edit_page(newsletter_id: int, form: NewsletterForm) -> str:
    with context.reading() as session:
        shown = newsletter_or_404(session, newsletter_id)
        logo = session.get(Picture, shown.logo_id) if shown.logo_id else None
        is_fixed = publishing.slug_is_fixed(session, shown)
    return render_template(
        "desk/newsletters/edit.html",
        form=form,
        newsletter=shown,
        logo=logo,
        logo_form=LogoForm(formdata=None),
        slug_is_fixed=is_fixed,
    )
