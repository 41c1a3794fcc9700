"""The page after confirming: the newest issue, when the next comes, and the other newsletters, one tap each.

The address was confirmed a moment ago by its owner, so joining another newsletter needs no second mail. The
page is reached by the same short-lived token as the preferences, so that it can be loaded again.
"""

from flask import redirect, render_template, url_for
from flask.typing import ResponseReturnValue

from newsletters import context
from newsletters.publishing.archive import latest_issues
from newsletters.subscribers import mails, preferences
from newsletters.subscribers.confirm import Confirmed
from newsletters.subscribers.lifecycle import ONGOING
from newsletters.subscribers.models import Subscriber
from newsletters.web.public import languages
from newsletters.web.public.door import blueprint


def lead_to(confirmed: Confirmed) -> ResponseReturnValue:
    """Go on to the welcome page of the reader who has just confirmed."""
    with context.reading() as db:
        subscriber = db.get_one(Subscriber, confirmed.subscriber_id)
        token = mails.preferences_token(context.runtime(), subscriber, now=context.now())
    return redirect(url_for("public.welcome", token=token), 303)


@blueprint.get("/welcome/<token>")
def welcome(token: str) -> str:
    """Show what comes next."""
    with context.reading() as db:
        reader = preferences.enter(db, token, means=context.runtime(), now=context.now())
        standing = preferences.standing(db, reader)
        here = [line.newsletter for line in standing.subscriptions if line.subscription.state in ONGOING]
        latest = latest_issues(db, [newsletter.id for newsletter in (*here, *standing.offered)])
    languages.prefer(reader.language)
    return render_template(
        "public/welcome.html",
        newsletters=here,
        offered=standing.offered,
        wordings=standing.wordings,
        latest=latest,
        token=token,
    )
