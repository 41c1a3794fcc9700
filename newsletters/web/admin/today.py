"""The desk's first page: what goes out, what waits, what is being written, and how the readership grows."""

from collections.abc import Sequence

from flask import render_template
from sqlalchemy.orm import Session

from newsletters import context
from newsletters.accounts.queries import editor_names
from newsletters.delivery.queries import Progress, progress
from newsletters.publishing.issue_queries import Listed, in_states, last_sent
from newsletters.publishing.models import ON_ITS_WAY, IssueState
from newsletters.reports.growth import readerships
from newsletters.reports.plots import small_multiples
from newsletters.subscribers import breaker, held
from newsletters.web.admin.access import editors_only
from newsletters.web.admin.door import blueprint
from newsletters.web.admin.issues import words
from newsletters.web.health import disk_is_full


@blueprint.get("")
@editors_only
def today() -> str:
    """Show the newsroom at a glance."""
    with context.reading() as session:
        drafts = in_states(session, IssueState.DRAFT, most=6)
        readers = readerships(session, now=context.now())
        return render_template(
            "desk/today.html",
            missed=in_states(session, IssueState.MISSED),
            going_out=_with_progress(session, in_states(session, *ON_ITS_WAY)),
            scheduled=in_states(session, IssueState.SCHEDULED),
            drafts=drafts,
            authors=editor_names(session, {listed.issue.author_id or 0 for listed in drafts}),
            sent=_with_progress(session, last_sent(session, most=6)),
            readers=readers,
            held=held.how_many(session),
            is_crowded=breaker.is_tripped(session),
            disk_is_full=disk_is_full(),
            growth=small_multiples([one.series for one in readers], shared_scale=False),
            words=words,
        )


def _with_progress(session: Session, issues: Sequence[Listed]) -> list[tuple[Listed, Progress]]:
    return [(listed, progress(session, listed.issue.id, now=context.now())) for listed in issues]
