"""A newsletter's readers as a CSV file, for owners; each export is written into the audit log first."""

from collections.abc import Iterator

from flask import Response as FlaskResponse
from flask import render_template, stream_with_context
from werkzeug.wrappers import Response

from newsletters import context
from newsletters.accounts import audit
from newsletters.subscribers.exporting import csv_head, csv_lines, export_piece
from newsletters.subscribers.queries import counts
from newsletters.web.admin.access import current_editor, owners_only
from newsletters.web.admin.door import blueprint
from newsletters.web.admin.newsletters import newsletter_or_404
from newsletters.web.admin.reader_forms import ExportForm

BYTE_ORDER_MARK = "\ufeff"  # without it, spreadsheets take UTF-8 for something else


@blueprint.get("/newsletters/<int:newsletter_id>/export")
@owners_only
def export_page(newsletter_id: int) -> str:
    """Say what the file will hold, and for whom."""
    with context.reading() as session:
        shown = newsletter_or_404(session, newsletter_id)
        readers = sum(counts(session).get(newsletter_id, {}).values())
    return render_template(
        "desk/readers/export.html", newsletter=shown, readers=readers, form=ExportForm(formdata=None)
    )


@blueprint.post("/newsletters/<int:newsletter_id>/export")
@owners_only
def export_readers(newsletter_id: int) -> Response:
    """Stream the file, safe for spreadsheets unless asked otherwise."""
    raw = bool(ExportForm().raw.data)
    with context.transaction() as session:
        shown = newsletter_or_404(session, newsletter_id)
        audit.record(
            session,
            current_editor(),
            "readers.exported",
            now=context.now(),
            subject="newsletter",
            subject_id=newsletter_id,
            detail="raw" if raw else "",
        )
    response = FlaskResponse(
        stream_with_context(_pieces(newsletter_id, raw=raw)), mimetype="text/csv; charset=utf-8"
    )
    name = f"{shown.slug}-readers-{context.now():%Y-%m-%d}.csv"
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def _pieces(newsletter_id: int, *, raw: bool) -> Iterator[str]:
    yield csv_head() if raw else BYTE_ORDER_MARK + csv_head()
    after = 0
    while True:
        with context.reading() as session:
            rows = export_piece(session, newsletter_id, after=after)
        if not rows:
            return
        yield csv_lines(rows, raw=raw)
        after = rows[-1][0].id
