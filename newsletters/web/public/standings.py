"""Joining, leaving and pausing one newsletter, and its rhythm, in the preferences; joining on the welcome."""

from flask import abort, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import format_date
from flask_babel import gettext as _
from sqlalchemy.orm import Session

from newsletters import context
from newsletters.kernel.row_numbers import read_number
from newsletters.publishing.archive import newsletter_by_slug
from newsletters.publishing.models import Newsletter
from newsletters.subscribers import preferences
from newsletters.subscribers.errors import MailForbidden, UnknownNewsletter
from newsletters.web.public.door import blueprint
from newsletters.web.public.preferences import back_to_page, let_in, show
from newsletters.web.public.preferences_forms import PauseForm, RhythmForm


@blueprint.post("/preferences/<token>/join/<slug>")
def join(token: str, slug: str) -> ResponseReturnValue:
    """Subscribe; the token has proved the address, so no further mail is needed."""
    runtime = context.runtime()
    with context.transaction() as db:
        reader, newsletter = let_in(db, token), _newsletter(db, slug)
        try:
            preferences.join(
                db,
                reader,
                newsletter.id,
                page=runtime.urls.preferences_request(),
                wording_id=read_number(request.form.get("wording", "")),
                means=runtime,
                now=context.now(),
            )
        except UnknownNewsletter:
            flash(_("%(name)s takes no new readers.", name=newsletter.name), "warn")
            return _back(token)
        except MailForbidden:
            flash(
                _("Mail to this address was stopped after a complaint. Please write to us to open it again."),
                "bad",
            )
            return _back(token)
    flash(_("You are subscribed to %(name)s.", name=newsletter.name), "good")
    return _back(token)


@blueprint.post("/preferences/<token>/leave/<slug>")
def leave(token: str, slug: str) -> ResponseReturnValue:
    """Unsubscribe, at once."""
    with context.transaction() as db:
        reader, newsletter = let_in(db, token), _newsletter(db, slug)
        preferences.leave(db, reader, newsletter.id, now=context.now())
    flash(_("You are unsubscribed from %(name)s.", name=newsletter.name), "good")
    return back_to_page(token)


@blueprint.post("/preferences/<token>/pause/<slug>")
def pause(token: str, slug: str) -> ResponseReturnValue:
    """Send nothing until a day the reader names."""
    with context.transaction() as db:
        reader, newsletter = let_in(db, token), _newsletter(db, slug)
        form = PauseForm.for_newsletter(newsletter)
        if not form.accepts(now=context.now()):
            return show(db, reader, token, pause=form), 422
        preferences.pause(db, reader, newsletter.id, until=form.ends_at, now=context.now())
    until = format_date(form.until.data, "d MMMM y")
    flash(_("%(name)s is paused until %(until)s.", name=newsletter.name, until=until), "good")
    return back_to_page(token)


@blueprint.post("/preferences/<token>/resume/<slug>")
def resume(token: str, slug: str) -> ResponseReturnValue:
    """End a pause."""
    with context.transaction() as db:
        reader, newsletter = let_in(db, token), _newsletter(db, slug)
        preferences.resume(db, reader, newsletter.id, now=context.now())
    flash(_("%(name)s comes to you again.", name=newsletter.name), "good")
    return back_to_page(token)


@blueprint.post("/preferences/<token>/rhythm/<slug>")
def change_rhythm(token: str, slug: str) -> ResponseReturnValue:
    """Each issue, or a digest of a day or a week where the newsletter offers it."""
    chosen = RhythmForm.for_newsletter(slug).chosen or abort(400)
    with context.transaction() as db:
        reader, newsletter = let_in(db, token), _newsletter(db, slug)
        preferences.choose_rhythm(db, reader, newsletter.id, chosen, now=context.now())
    flash(_("Saved."), "good")
    return back_to_page(token)


def _newsletter(db: Session, slug: str) -> Newsletter:
    return newsletter_by_slug(db, slug) or abort(404)


def _back(token: str) -> ResponseReturnValue:
    """To the page whose button was pressed."""
    if request.form.get("from") == "welcome":
        return redirect(url_for("public.welcome", token=token), 303)
    return back_to_page(token)
