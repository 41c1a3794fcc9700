"""Why readers leave: what they said afterwards, for the newsroom or for one newsletter."""

from datetime import UTC, timedelta

from flask import render_template

from newsletters import context
from newsletters.publishing.newsletters import all_newsletters
from newsletters.reports.leaving import leaving
from newsletters.reports.plots import stacked_bar
from newsletters.web.admin.access import editors_only
from newsletters.web.admin.asking import asked_days, asked_number
from newsletters.web.admin.door import blueprint
from newsletters.web.reason_words import REASON_WORDS

PERIODS = (30, 90, 365)
USUAL_DAYS = 90


@blueprint.get("/readers/leaving")
@editors_only
def why_readers_leave() -> str:
    """Show the reasons as parts of a whole, and what was written beside them."""
    days = asked_days(PERIODS, usual=USUAL_DAYS)
    newsletter_id = asked_number("newsletter")
    since = context.now().astimezone(UTC).date() - timedelta(days=days - 1)
    with context.reading() as session:
        newsletters = list(all_newsletters(session))
        told = leaving(session, since=since, newsletter_id=newsletter_id)
    names = {reason: str(words) for reason, words in REASON_WORDS.items()}
    return render_template(
        "desk/readers/leaving.html",
        told=told,
        bar=stacked_bar(told.parts(names)),
        reason_words=names,
        days=days,
        periods=PERIODS,
        newsletter_id=newsletter_id,
        newsletters=newsletters,
        names={newsletter.id: newsletter.name for newsletter in newsletters},
    )
