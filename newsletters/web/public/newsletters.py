"""A newsletter's own page: what it is, its sign-up form and the newest of its archive."""

from flask import abort, render_template, request
from flask.typing import ResponseReturnValue

from newsletters import context
from newsletters.publishing.archive import archive_page, newsletter_by_slug, public_issue
from newsletters.publishing.models import Newsletter
from newsletters.subscribers.errors import DeadDomain, TooManyPosts
from newsletters.web.forms import too_often
from newsletters.web.forms.fields import SubscribeForm
from newsletters.web.forms.offers import Offers, open_offers
from newsletters.web.forms.shown import note_page
from newsletters.web.public import languages, signup
from newsletters.web.public.door import blueprint, checks_csrf_itself

NEWEST = 6


@blueprint.route("/newsletters/<slug>", methods=["GET", "POST"])
@checks_csrf_itself
def newsletter(slug: str) -> ResponseReturnValue:
    """Show one newsletter, and take a sign-up for it."""
    offers = open_offers().only([slug])
    shown = offers.newsletters.get(slug) or _closed(slug)
    languages.prefer(shown.language)
    form = SubscribeForm()
    form.offer(offers)
    if not shown.is_retired and form.validate_on_submit():
        form_name, page = _place(shown)
        try:
            return signup.accept(form, offers, form_name=form_name, page=page)
        except DeadDomain as error:
            form.say_dead(error)
        except TooManyPosts as error:
            too_often.say(form, error)
            return too_often.answer(_page(shown, form, offers), error)
    if request.method != "POST" and "again" in request.args:
        signup.recall(form)
    return _page(shown, form, offers), 422 if request.method == "POST" else 200


def _closed(slug: str) -> Newsletter:
    """A newsletter that takes no more readers still has its page."""
    with context.reading() as db:
        return newsletter_by_slug(db, slug) or abort(404)


def _place(shown: Newsletter) -> tuple[str, str]:
    """Which form it was and where it stood: an issue's own page, if the form says one that is there."""
    urls, slug = context.runtime().urls, request.form.get("issue", "")
    if not slug:
        return signup.NEWSLETTER_PAGE, urls.newsletter(shown.slug)
    with context.reading() as db:
        issue = public_issue(db, shown.id, slug)
    if issue is None:
        return signup.NEWSLETTER_PAGE, urls.newsletter(shown.slug)
    return signup.ISSUE_PAGE, urls.issue(shown.slug, issue.slug)


def _page(shown: Newsletter, form: SubscribeForm, offers: Offers) -> str:
    with context.reading() as db:
        issues = archive_page(db, shown.id, size=NEWEST)
    signup.begin(form)
    if not shown.is_retired:
        note_page([shown], form=signup.NEWSLETTER_PAGE, page=context.runtime().urls.newsletter(shown.slug))
    return render_template(
        "public/newsletter.html",
        newsletter=shown,
        form=form,
        wording=offers.wordings.get(shown.id),
        issues=issues.rows,
        has_more=issues.after is not None,
    )
