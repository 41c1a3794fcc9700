"""A reader's own data: everything we hold as one JSON file, and its erasure (GDPR Art. 15, 17 and 20)."""

from flask import Response, json, render_template, session
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from newsletters import context
from newsletters.delivery.queries import deliveries_to
from newsletters.publishing.models import Issue
from newsletters.subscribers import download, erasure
from newsletters.web.public.door import blueprint
from newsletters.web.public.preferences import let_in
from newsletters.web.public.preferences_forms import EraseForm

ALL_ISSUES = 100_000


@blueprint.get("/preferences/<token>/download")
def download_data(token: str) -> Response:
    """Answer with a file."""
    with context.reading() as db:
        reader = let_in(db, token)
        data = download.download(db, reader, deliveries=_deliveries(db, reader.id), now=context.now())
    body = json.dumps(data, ensure_ascii=False, indent=2, sort_keys=False)
    response = Response(body, content_type="application/json; charset=utf-8")
    response.headers["Content-Disposition"] = 'attachment; filename="my-newsletters.json"'
    return response


@blueprint.route("/preferences/<token>/erase", methods=["GET", "POST"])
def erase(token: str) -> ResponseReturnValue:
    """Say what goes and what stays; erase once the reader is sure."""
    form = EraseForm()
    with context.transaction() as db:
        reader = let_in(db, token)
        if not form.is_submitted():
            return render_template("public/erase.html", form=form, token=token)
        if not form.validate():
            return render_template("public/erase.html", form=form, token=token), 422
        erasure.erase(db, reader, means=context.runtime(), now=context.now())
    session.clear()  # the page after a sign-up repeats the address from there
    return render_template("public/erased.html")


def _deliveries(db: Session, subscriber_id: int) -> list[dict[str, object]]:
    rows = deliveries_to(db, subscriber_id, limit=ALL_ISSUES)
    subjects = {row.issue_id: db.get(Issue, row.issue_id) for row in rows}
    return [
        {
            "issue": issue.subject if (issue := subjects[row.issue_id]) else None,
            "state": row.state.value,
            "settled_at": row.settled_at.isoformat() if row.settled_at else None,
            "attempts": row.attempts,
            "reply": row.reply,
        }
        for row in rows
    ]
