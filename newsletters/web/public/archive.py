"""The archive: every issue that was sent, for everybody, without anybody's tokens in it."""

from flask import abort, render_template, request

from newsletters import context
from newsletters.publishing import archive
from newsletters.publishing.web import issue_html
from newsletters.web.forms.fields import SubscribeForm
from newsletters.web.forms.offers import Offers, open_offers
from newsletters.web.forms.shown import note_page
from newsletters.web.public import languages, signup
from newsletters.web.public.door import blueprint


@blueprint.get("/newsletters/<slug>/archive")
def archive_index(slug: str) -> str:
    """List a newsletter's issues, newest first, a page at a time."""
    cursor = request.args.get("after")
    with context.reading() as db:
        newsletter = archive.newsletter_by_slug(db, slug) or abort(404)
        page = archive.archive_page(db, newsletter.id, cursor=cursor)
    languages.prefer(newsletter.language)
    return render_template("public/archive.html", newsletter=newsletter, page=page, is_first=not cursor)


@blueprint.get("/newsletters/<slug>/issues/<issue_slug>")
def issue(slug: str, issue_slug: str) -> str:
    """Show an issue as everybody may read it."""
    runtime = context.runtime()
    with context.reading() as db:
        newsletter = archive.newsletter_by_slug(db, slug) or abort(404)
        shown = archive.public_issue(db, newsletter.id, issue_slug) or abort(404)
        body = issue_html(db, shown, newsletter, urls=runtime.urls)
        older, newer = archive.neighbours(db, shown)
    offers = open_offers()
    languages.prefer(newsletter.language)
    if not newsletter.is_retired:
        note_page([newsletter], form=signup.ISSUE_PAGE, page=runtime.urls.issue(slug, issue_slug))
    return render_template(
        "public/issue.html",
        newsletter=newsletter,
        issue=shown,
        body=body,
        older=older,
        newer=newer,
        form=_form(offers.only([newsletter.slug])),
        wording=offers.wordings.get(newsletter.id),
    )


def _form(offers: Offers) -> SubscribeForm:
    form = SubscribeForm()
    form.offer(offers)
    signup.begin(form)
    return form
