"""The opt-in words of a newsletter: all versions, the next one, and how form and mail look with it.

A preview is an ordinary form post into a named, sandboxed frame: it works without scripts, and with them
it follows the typing.
"""

from flask import Response as FlaskResponse
from flask import flash, g, make_response, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from newsletters import context
from newsletters.accounts.queries import editor_names
from newsletters.kernel.i18n import supported
from newsletters.mail.render import MailTemplates
from newsletters.publishing import newsletters as publishing
from newsletters.publishing.models import Newsletter
from newsletters.publishing.newsletter_fields import NewsletterRefused, WordingFields
from newsletters.publishing.palette import accent
from newsletters.web.admin.access import current_editor, editors_only, owners_only
from newsletters.web.admin.asking import asked_number
from newsletters.web.admin.door import blueprint
from newsletters.web.admin.newsletter_forms import (
    NewsletterForm,
    WordingForm,
    given_fields,
    given_wording,
    tell_problems,
)
from newsletters.web.admin.newsletters import newsletter_or_404

Answer = Response | tuple[str, int] | str
FRAME_POLICY = (
    "default-src 'none'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; base-uri 'none';"
    " form-action 'none'; frame-ancestors 'self'; sandbox"
)
PREVIEWED = ("name", "tagline", "cadence", "byline", "language", "accent", "description", "sample")


@blueprint.get("/newsletters/<int:newsletter_id>/wording")
@editors_only
def wording(newsletter_id: int) -> str:
    """Show every version; owners can write the next."""
    with context.reading() as session:
        newsletter_or_404(session, newsletter_id)
        now_shown = publishing.current_wording(session, newsletter_id)
    return _page(newsletter_id, WordingForm(formdata=None, obj=now_shown))


@blueprint.post("/newsletters/<int:newsletter_id>/wording")
@owners_only
def add_wording(newsletter_id: int) -> Answer:
    """Make the next version; the same words again make none."""
    form = WordingForm()
    if not form.validate():
        return _page(newsletter_id, form), 422
    try:
        with context.transaction() as session:
            added = publishing.add_wording(
                session,
                newsletter_or_404(session, newsletter_id),
                given_wording(form),
                actor=current_editor(),
                now=context.now(),
            )
    except NewsletterRefused as refused:
        tell_problems(form, refused)
        return _page(newsletter_id, form), 422
    flash(
        _("Version %(version)d is in force for whoever signs up from now on.", version=added.version), "good"
    )
    return redirect(url_for("desk.wording", newsletter_id=newsletter_id), 303)


@blueprint.post("/newsletters/preview/form")
@owners_only
def preview_form() -> Response:
    """The sign-up form as readers would see it."""
    newsletter, words = _typed()
    g.language = supported(newsletter.language)
    page = render_template("desk/newsletters/preview_form.html", newsletter=newsletter, wording=words)
    return _framed(page)


@blueprint.post("/newsletters/preview/mail")
@owners_only
def preview_confirmation_mail() -> Response:
    """The confirmation mail as readers would get it; its links lead nowhere."""
    newsletter, words = _typed()
    config, shade = context.runtime().config, accent(newsletter.accent)
    params = {
        "newsletters": [newsletter.name],
        "confirm_url": "#",
        "canary_url": "#",
        "code": "123456",
        "days": 7,
        "subject": words.mail_subject,
        "intro": words.mail_intro,
        "accent": shade.light,
        "accent_dark": shade.dark,
        "brand": newsletter.name,
    }
    templates = MailTemplates(newsroom=config.newsroom, public_url=config.public_url)
    return _framed(templates.render("confirm", language=supported(newsletter.language), params=params).html)


def _typed() -> tuple[Newsletter, WordingFields]:
    """The newsletter and words of the page that asks: what is stored, under what is typed over it."""
    newsletter, words = Newsletter(), WordingFields("")
    newsletter_id = asked_number("newsletter_id")
    if newsletter_id is not None:
        with context.reading() as session:
            newsletter = newsletter_or_404(session, newsletter_id)
            kept = publishing.current_wording(session, newsletter_id)
            words = WordingFields(kept.consent_text, kept.mail_subject, kept.mail_intro)
    if "name" in request.form:
        typed = given_fields(NewsletterForm())
        newsletter = Newsletter(**{name: getattr(typed, name) for name in PREVIEWED})
    if "consent_text" in request.form:
        words = given_wording(WordingForm())
    return newsletter, words


def _framed(html: str) -> FlaskResponse:
    """For a frame of our own pages only; nothing in it runs, and nothing leaves it."""
    response = make_response(html)
    response.headers["Content-Security-Policy"] = FRAME_POLICY
    return response


def _page(newsletter_id: int, form: WordingForm) -> str:
    with context.reading() as session:
        shown = newsletter_or_404(session, newsletter_id)
        versions = publishing.wordings(session, newsletter_id)
        authors = editor_names(session, (row.created_by_id for row in versions if row.created_by_id))
    return render_template(
        "desk/newsletters/wording.html", form=form, newsletter=shown, versions=versions, authors=authors
    )
