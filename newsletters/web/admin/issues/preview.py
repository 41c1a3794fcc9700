"""What readers will see, shown in a frame that can run nothing and reach nothing.

The frame's content is the message itself. It has its own policy: no script, no form, an origin of nobody,
and only our own pages may frame it.
"""

import re

from flask import Response, make_response, render_template, request

from newsletters import context
from newsletters.publishing.models import Newsletter
from newsletters.web.admin.access import current_editor, editors_only
from newsletters.web.admin.door import blueprint
from newsletters.web.admin.issues.mail import message_for, part
from newsletters.web.admin.issues.shelves import issue_or_404

VIEWS = ("desktop", "phone", "dark", "text")
_BY_NIGHT = re.compile(r"@media\s*\(prefers-color-scheme:\s*dark\)")


@blueprint.get("/issues/<int:issue_id>/preview")
@editors_only
def preview(issue_id: int) -> str:
    """The preview on a page of its own; it needs no script."""
    view = request.args.get("view", "desktop")
    with context.reading() as session:
        shown = issue_or_404(session, issue_id)
        message = message_for(session, shown, current_editor())
        return render_template(
            "desk/issues/preview.html",
            issue=shown,
            newsletter=session.get_one(Newsletter, shown.newsletter_id),
            view=view if view in VIEWS else "desktop",
            subject=str(message["Subject"]),
            text=part(message, "plain"),
            size=len(message.as_bytes()),
        )


@blueprint.get("/issues/<int:issue_id>/preview/mail")
@editors_only
def preview_mail(issue_id: int) -> Response:
    """The HTML part, for a sandboxed frame.

    ?theme=dark shows it as a dark inbox would; ?line= gives the block on that line the id "here".
    """
    line = request.args.get("line", type=int)
    with context.reading() as session:
        shown = issue_or_404(session, issue_id)
        html = part(message_for(session, shown, current_editor(), line=line), "html")
    theme = "all" if request.args.get("theme") == "dark" else "not all"
    return _framed(_BY_NIGHT.sub(f"@media {theme}", html), "text/html")


@blueprint.get("/issues/<int:issue_id>/preview/text")
@editors_only
def preview_text(issue_id: int) -> Response:
    """The plain text part."""
    with context.reading() as session:
        shown = issue_or_404(session, issue_id)
        return _framed(part(message_for(session, shown, current_editor()), "plain"), "text/plain")


def _framed(content: str, content_type: str) -> Response:
    response = make_response(content)
    response.content_type = f"{content_type}; charset=utf-8"
    here = request.host_url.rstrip("/")
    base = context.runtime().urls.base
    response.headers["Content-Security-Policy"] = (
        f"sandbox; default-src 'none'; img-src {base} {here} data:; style-src 'unsafe-inline'; "
        f"base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
    )
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Cross-Origin-Resource-Policy"] = "same-origin"
    return response
