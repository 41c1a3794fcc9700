"""Where sign-ups come from and where they are lost, for the newsroom or for one newsletter."""

from datetime import UTC, timedelta

from flask import render_template
from flask_babel import lazy_gettext as _l

from newsletters import context
from newsletters.publishing.newsletters import all_newsletters
from newsletters.reports import funnel
from newsletters.reports.funnel import By
from newsletters.reports.plots import line_plot
from newsletters.subscribers.funnel import Step
from newsletters.web.admin.access import editors_only
from newsletters.web.admin.asking import asked_days, asked_number
from newsletters.web.admin.door import blueprint

PERIODS = (7, 30, 90, 365)
USUAL_DAYS = 30
STEP_WORDS = {
    Step.SHOWN: _l("Form shown"),
    Step.SUBMITTED: _l("Form sent"),
    Step.MAILED: _l("Mail accepted"),
    Step.OPENED: _l("Page opened"),
    Step.CONFIRMED: _l("Confirmed"),
}
PROVIDER_WORDS = {
    "gmail": "Gmail",
    "outlook": "Outlook",
    "yahoo": "Yahoo",
    "icloud": "iCloud",
    "proton": "Proton",
    "gmx": "GMX, web.de",
    "other": _l("All others"),
}


@blueprint.get("/readers/funnel")
@editors_only
def signup_funnel() -> str:
    """Show the way from the form to the confirmed reader."""
    days = asked_days(PERIODS, usual=USUAL_DAYS)
    newsletter_id = asked_number("newsletter")
    until = context.now().astimezone(UTC).date()
    since = until - timedelta(days=days - 1)
    with context.reading() as session:
        newsletters = list(all_newsletters(session))
        apart = {by: funnel.told_apart(session, by, since=since, newsletter_id=newsletter_id) for by in By}
        whole = funnel.whole(session, since=since, newsletter_id=newsletter_id)
        left = funnel.unconfirmed(session, since=since, newsletter_id=newsletter_id)
        names = {step: str(words) for step, words in STEP_WORDS.items()}
        series = funnel.by_day(session, since=since, until=until, names=names, newsletter_id=newsletter_id)
    return render_template(
        "desk/readers/funnel.html",
        whole=whole,
        unconfirmed=left,
        apart=apart,
        by=By,
        days=days,
        periods=PERIODS,
        newsletter_id=newsletter_id,
        newsletters=newsletters,
        names={newsletter.id: newsletter.name for newsletter in newsletters},
        step_words=STEP_WORDS,
        provider_words=PROVIDER_WORDS,
        plot=line_plot(series),
    )
