"""What became of an issue: the outcomes with their readers, what it brought, and how it compares."""

from collections.abc import Iterator, Sequence

from flask import Response, abort, render_template, request, url_for
from sqlalchemy.orm import Session

from newsletters import context
from newsletters.accounts.queries import entries_about
from newsletters.bounces.rates import alerts_of
from newsletters.delivery.models import DeliveryState
from newsletters.delivery.queries import Reached, excluded, progress, reasons, recipients
from newsletters.publishing.models import Issue, Newsletter
from newsletters.reports import issue_report
from newsletters.reports.plots import Series, line_plot, small_multiples, stacked_bar
from newsletters.reports.readers_csv import rows_as_csv
from newsletters.reports.replies import gist
from newsletters.reports.returned import returned_over_time
from newsletters.web.admin.access import editors_only, owners_only
from newsletters.web.admin.acts import record_act
from newsletters.web.admin.audit_words import action_words
from newsletters.web.admin.door import blueprint
from newsletters.web.admin.issues import words
from newsletters.web.admin.issues.reply_words import gist_words
from newsletters.web.admin.issues.shelves import issue_or_404
from newsletters.web.admin.quarantine_words import alert_words, returned_names
from newsletters.web.tongue import _

CSV_PAGE = 2000
# In the order of the sum: prepared = accepted + bounced + failed + unknown + waiting + cancelled
OUTCOMES = (
    DeliveryState.ACCEPTED,
    DeliveryState.BOUNCED,
    DeliveryState.FAILED,
    DeliveryState.UNKNOWN,
    DeliveryState.WAITING,
    DeliveryState.CANCELLED,
)


@blueprint.get("/issues/<int:issue_id>/report")
@editors_only
def report(issue_id: int) -> str:
    """The report, also of an issue that is still going out."""
    with context.reading() as session:
        shown = issue_or_404(session, issue_id)
        if shown.started_at is None:
            abort(404)
        return report_page(session, shown)


def report_page(session: Session, shown: Issue) -> str:
    """Everything there is to say about an issue that has begun to go out."""
    newsletter = session.get_one(Newsletter, shown.newsletter_id)
    found = progress(session, shown.id, now=context.now())
    counts = [(state, words.outcome_words(state), getattr(found, state.value)) for state in OUTCOMES]
    page = context.runtime().urls.issue(newsletter.slug, shown.slug)
    others = issue_report.compared(session, shown)
    accepted = issue_report.accepted_over_time(session, shown, name=_("Accepted"))
    leaving = issue_report.leaving_over_time(session, shown, name=_("Unsubscribed"))
    returned = returned_over_time(session, shown, names=returned_names())
    return render_template(
        "desk/issues/report.html",
        issue=shown,
        newsletter=newsletter,
        progress=found,
        counts=counts,
        links={name: _readers_url(shown, state) for state, name, readers in counts if readers},
        bar=stacked_bar(issue_report.outcome_parts(counts)),
        reasons=[one for one in reasons(session, shown.id) if one.reason],
        excluded=excluded(session, shown.id),
        effects=issue_report.effects(session, shown, page=page),
        accepted=line_plot([accepted.told_in(newsletter.zone)]),
        leaving=line_plot([leaving.told_in(newsletter.zone)]),
        returned=line_plot([one.told_in(newsletter.zone) for one in returned]),
        alerts=alerts_of(session, shown.id),
        alert_words=alert_words,
        compared=others,
        shares=small_multiples(_shares(others), shared_scale=False) if len(others) > 1 else (),
        audit=entries_about(session, "issue", shown.id),
        audit_words=action_words,
        words=words,
    )


@blueprint.get("/issues/<int:issue_id>/readers/<state>")
@editors_only
def issue_readers(issue_id: int, state: str) -> str:
    """The readers behind one number, a page at a time."""
    chosen = _state_or_404(state)
    with context.reading() as session:
        shown = issue_or_404(session, issue_id)
        page = recipients(session, issue_id, state=chosen, after=request.args.get("after"))
        return render_template(
            "desk/issues/readers.html",
            issue=shown,
            newsletter=session.get_one(Newsletter, shown.newsletter_id),
            state=chosen,
            page=page,
            total=getattr(progress(session, issue_id, now=context.now()), chosen.value),
            gist=lambda reply: gist_words(gist(reply)),
            words=words,
        )


@blueprint.get("/issues/<int:issue_id>/readers/<state>.csv")
@owners_only
def issue_readers_csv(issue_id: int, state: str) -> Response:
    """The same as a file; addresses leave the house, so it is for owners and written into the log."""
    chosen = _state_or_404(state)
    with context.transaction() as session:
        issue_or_404(session, issue_id)
        record_act(session, "readers.exported", "issue", issue_id, detail=chosen.value)
    head = [_("Address"), _("State"), _("Reason"), _("Meaning"), _("Attempts"), _("When"), _("Reply")]
    lines = list(rows_as_csv(head, (_cells(row) for row in _all(issue_id, chosen))))
    response = Response("".join(lines), content_type="text/csv; charset=utf-8")
    name = f"issue-{issue_id}-{chosen.value}.csv"
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def _all(issue_id: int, state: DeliveryState) -> Iterator[Reached]:
    """Every reader with one outcome, read a page at a time."""
    after: str | None = None
    while True:
        with context.reading() as session:
            page = recipients(session, issue_id, state=state, after=after, size=CSV_PAGE)
        yield from page.rows
        after = page.after
        if after is None:
            return


def _cells(row: Reached) -> tuple[object, ...]:
    at = row.settled_at.isoformat(timespec="seconds") if row.settled_at else ""
    meaning = gist_words(gist(row.reply))
    return (row.email, row.state.value, row.reason, meaning, row.attempts, at, row.reply)


def _state_or_404(state: str) -> DeliveryState:
    try:
        return DeliveryState(state)
    except ValueError:
        abort(404)


def _readers_url(shown: Issue, state: DeliveryState) -> str:
    return url_for("desk.issue_readers", issue_id=shown.id, state=state.value)


def _shares(others: Sequence[issue_report.Compared]) -> list[Series]:
    """Shares over the newsletter's last issues, the oldest first."""
    dated = [(one.issue.started_at or one.issue.edited_at, one) for one in reversed(others)]
    return [
        Series(_("Accepted"), [(at, one.accepted_share) for at, one in dated], "good"),
        Series(_("Bounced"), [(at, one.bounced_share) for at, one in dated], "bad"),
        Series(_("Unsubscribed"), [(at, one.unsubscribed_share) for at, one in dated], "warn"),
    ]
