"""A newsletter's readers as a CSV or JSON file, for owners; each export is noted in the audit log first."""

from collections.abc import Iterator, Sequence

from flask import Response as FlaskResponse
from flask import render_template, request, stream_with_context
from werkzeug.wrappers import Response

from newsletters import context
from newsletters.subscribers.answers import known_fields
from newsletters.subscribers.exporting import Row, csv_head, csv_lines, export_piece, json_lines
from newsletters.subscribers.form_fields import Field
from newsletters.subscribers.queries import counts
from newsletters.web.admin.access import owners_only
from newsletters.web.admin.acts import record_act
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
    raw, is_json = bool(ExportForm().raw.data), request.form.get("format") == "json"
    with context.transaction() as session:
        shown = newsletter_or_404(session, newsletter_id)
        record_act(
            session,
            "readers.exported",
            "newsletter",
            newsletter_id,
            detail="json" if is_json else "raw" if raw else "",
        )
        asked = known_fields(session)
    pieces = _json_pieces(newsletter_id) if is_json else _csv_pieces(newsletter_id, asked, raw=raw)
    response = FlaskResponse(
        stream_with_context(pieces), mimetype="application/json" if is_json else "text/csv; charset=utf-8"
    )
    name = f"{shown.slug}-readers-{context.now():%Y-%m-%d}.{'json' if is_json else 'csv'}"
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def _csv_pieces(newsletter_id: int, asked: Sequence[Field], *, raw: bool) -> Iterator[str]:
    yield csv_head(asked) if raw else BYTE_ORDER_MARK + csv_head(asked)
    for rows in _pieces(newsletter_id):
        yield csv_lines(rows, asked, raw=raw)


def _json_pieces(newsletter_id: int) -> Iterator[str]:
    """One array, a reader a line."""
    before = "[\n"
    for rows in _pieces(newsletter_id):
        yield before + ",\n".join(json_lines(rows))
        before = ",\n"
    yield "[]\n" if before == "[\n" else "\n]\n"


def _pieces(newsletter_id: int) -> Iterator[Sequence[Row]]:
    after = 0
    while True:
        with context.reading() as session:
            rows = export_piece(session, newsletter_id, after=after)
        if not rows:
            return
        yield rows
        after = rows[-1][0].id
