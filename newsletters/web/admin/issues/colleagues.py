"""Sending an issue to colleagues first: the readers' message with [TEST] before its subject."""

from datetime import timedelta

from flask import flash, redirect, render_template, url_for
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response
from wtforms import SelectMultipleField
from wtforms.fields.choices import SelectChoice

from newsletters import context
from newsletters.accounts.models import Editor
from newsletters.accounts.queries import active_editors
from newsletters.kernel.limits import Limit, hit
from newsletters.mail.outbox import COMPOSED, QueuedMail, composed, queue
from newsletters.publishing.layout import issue_spec
from newsletters.publishing.models import Issue, Newsletter
from newsletters.web.admin.access import current_editor, editors_only
from newsletters.web.admin.acts import record_act
from newsletters.web.admin.door import blueprint
from newsletters.web.admin.issues.mail import templates, values_for
from newsletters.web.admin.issues.shelves import issue_or_404
from newsletters.web.tongue import _, ngettext

TESTS = Limit("test mails", 60, timedelta(hours=1))
MARK = "[TEST]"


class TestForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF carries no types
    """Which colleagues get the test."""

    __test__ = False  # no test case, whatever its name says
    colleagues = SelectMultipleField(_l("Who gets the test"), coerce=int)


@blueprint.get("/issues/<int:issue_id>/test")
@editors_only
def test_form(issue_id: int) -> str:
    """Ask who is to get the test."""
    with context.reading() as session:
        form = _form(session)
        form.colleagues.data = [current_editor().id]
        return _page(session, issue_or_404(session, issue_id), form)


@blueprint.post("/issues/<int:issue_id>/test")
@editors_only
def send_test(issue_id: int) -> Response | tuple[str, int]:
    """Queue one mail for each chosen colleague; it leaves within seconds."""
    with context.transaction() as session:
        issue, form = issue_or_404(session, issue_id), _form(session)
        if not form.validate() or not form.colleagues.data:
            form.colleagues.errors = [_("Please choose at least one colleague.")]
            return _page(session, issue, form), 422
        chosen = [one for one in active_editors(session) if one.id in form.colleagues.data]
        now, key = context.now(), str(current_editor().id)
        if not all(hit(session, TESTS, key, now=now) for _one in chosen):
            form.colleagues.errors = [_("That were many tests. Please wait an hour.")]
            return _page(session, issue, form), 429
        for colleague in chosen:
            _queue(session, issue, colleague)
        record_act(session, "issue.test_sent", "issue", issue.id, detail=f"{len(chosen)} colleagues")
    context.runtime().engine.nudge("send_outbox", priority=100)
    flash(ngettext("The test is on its way.", "%(num)s tests are on their way.", len(chosen)), "good")
    return redirect(url_for("desk.issue", issue_id=issue_id), 303)


def _queue(session: Session, issue: Issue, colleague: Editor) -> None:
    newsletter = session.get_one(Newsletter, issue.newsletter_id)
    spec = issue_spec(session, issue, urls=context.runtime().urls, templates=templates())
    mail = QueuedMail(
        kind=COMPOSED,
        recipient=colleague.email,
        language=newsletter.language,
        sender_name=spec.from_name,
        params=composed(
            subject=" ".join((MARK, spec.subject or _("Untitled"))),
            text=spec.text,
            html=spec.html,
            sender_email=spec.from_email,
            reply_to=spec.reply_to,
            values=values_for(colleague, issue.id),
            headers=spec.headers,
        ),
    )
    queue(session, mail, now=context.now())


def _form(session: Session) -> TestForm:
    form = TestForm()
    form.colleagues.choices = [
        SelectChoice(one.id, f"{one.name} ({one.email})") for one in active_editors(session)
    ]
    return form


def _page(session: Session, issue: Issue, form: TestForm) -> str:
    newsletter = session.get_one(Newsletter, issue.newsletter_id)
    return render_template("desk/issues/test.html", issue=issue, newsletter=newsletter, form=form, mark=MARK)
