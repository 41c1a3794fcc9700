"""The shelves of issues, and beginning a new one."""

from flask import abort, flash, redirect, render_template, request, url_for
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response
from wtforms import RadioField, SelectField
from wtforms.fields.choices import SelectChoice

from newsletters import context
from newsletters.accounts.queries import editor_names
from newsletters.publishing.archive import listed_newsletters
from newsletters.publishing.drafts import NotEditable, discard, last_issue, new_issue
from newsletters.publishing.issue_queries import Shelf, last_newsletter_of, shelf_counts, shelf_page
from newsletters.publishing.models import Issue, Newsletter
from newsletters.web.admin.access import current_editor, editors_only
from newsletters.web.admin.acts import record_act
from newsletters.web.admin.asking import asked_number
from newsletters.web.admin.door import blueprint
from newsletters.web.admin.issues import words
from newsletters.web.tongue import _


class NewIssueForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF carries no types
    """For which newsletter, and from what to start."""

    newsletter = SelectField(_l("Newsletter"), coerce=int)
    start = RadioField(_l("Begin with"), default="empty")

    def offer(self, newsletters: list[Newsletter]) -> None:
        self.newsletter.choices = [SelectChoice(one.id, one.name) for one in newsletters]
        self.start.choices = [
            SelectChoice("empty", _("An empty page")),
            SelectChoice("last", _("The text of the newsletter’s last issue")),
        ]


@blueprint.get("/issues")
@editors_only
def issues() -> str:
    """Show one shelf, of all newsletters or of one."""
    shelf = _shelf()
    newsletter_id = asked_number("newsletter")
    with context.reading() as session:
        page = shelf_page(session, shelf, newsletter_id=newsletter_id, cursor=request.args.get("after"))
        return render_template(
            "desk/issues/list.html",
            shelf=shelf,
            shelves=[(one, words.shelf_words(one)) for one in Shelf],
            counts=shelf_counts(session, newsletter_id=newsletter_id),
            newsletters=listed_newsletters(session),
            newsletter_id=newsletter_id,
            page=page,
            authors=editor_names(session, {row.issue.author_id or 0 for row in page.rows}),
            words=words,
        )


@blueprint.get("/issues/new")
@editors_only
def new_issue_form() -> str:
    """Ask which newsletter the issue is for."""
    with context.reading() as session:
        chosen = asked_number("newsletter")
        form = _form(session)
        form.newsletter.data = chosen or last_newsletter_of(session, current_editor().id)
    return render_template("desk/issues/new.html", form=form)


@blueprint.post("/issues/new")
@editors_only
def begin_issue() -> Response | tuple[str, int]:
    """Begin a draft and open it."""
    with context.transaction() as session:
        form = _form(session)
        if not form.validate():
            return render_template("desk/issues/new.html", form=form), 422
        newsletter = session.get_one(Newsletter, form.newsletter.data)
        like = last_issue(session, newsletter.id) if form.start.data == "last" else None
        issue = new_issue(session, newsletter, author_id=current_editor().id, now=context.now(), like=like)
        record_act(session, "issue.created", "issue", issue.id)
    return redirect(url_for("desk.issue", issue_id=issue.id), 303)


@blueprint.get("/issues/<int:issue_id>/discard")
@editors_only
def ask_discard(issue_id: int) -> str:
    """Ask whether a draft is to be thrown away."""
    with context.reading() as session:
        return render_template("desk/issues/discard.html", issue=issue_or_404(session, issue_id))


@blueprint.post("/issues/<int:issue_id>/discard")
@editors_only
def discard_issue(issue_id: int) -> Response:
    """Throw a draft away."""
    try:
        with context.transaction() as session:
            issue = issue_or_404(session, issue_id)
            discard(session, issue)
            record_act(session, "issue.deleted", "issue", issue_id)
    except NotEditable:
        flash(_("This issue is no draft any more, so it was kept."), "warn")
        return redirect(url_for("desk.issue", issue_id=issue_id), 303)
    flash(_("The draft is thrown away."), "good")
    return redirect(url_for("desk.issues"), 303)


def issue_or_404(session: Session, issue_id: int) -> Issue:
    """The issue, or the page that says that there is none."""
    issue = session.get(Issue, issue_id)
    if issue is None:
        abort(404)
    return issue


def _shelf() -> Shelf:
    try:
        return Shelf(request.args.get("shelf", Shelf.DRAFTS))
    except ValueError:
        return Shelf.DRAFTS


def _form(session: Session) -> NewIssueForm:
    form = NewIssueForm()
    form.offer(list(listed_newsletters(session)))
    return form
