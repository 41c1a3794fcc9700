"""The front page: every open newsletter, several to tick, one address to type."""

from flask import render_template, request
from flask.typing import ResponseReturnValue

from newsletters import context
from newsletters.publishing.archive import latest_issues
from newsletters.subscribers.errors import DeadDomain, TooManyPosts
from newsletters.web.forms import too_often
from newsletters.web.forms.fields import SubscribeForm
from newsletters.web.forms.offers import Offers, open_offers
from newsletters.web.forms.shown import note_page
from newsletters.web.public import signup
from newsletters.web.public.door import blueprint, checks_csrf_itself


@blueprint.route("/", methods=["GET", "POST"])
@checks_csrf_itself
def front() -> ResponseReturnValue:
    """Show what can be subscribed to, and take a sign-up."""
    offers = open_offers()
    form = SubscribeForm()
    form.offer(offers)
    if form.validate_on_submit():
        try:
            return signup.accept(form, offers, form_name="front page", page=context.runtime().urls.front())
        except DeadDomain as error:
            form.say_dead(error)
        except TooManyPosts as error:
            too_often.say(form, error)
            return too_often.answer(_page(form, offers), error)
    if request.method != "POST" and "again" in request.args:
        signup.recall(form)
    return _page(form, offers), 422 if request.method == "POST" else 200


def _page(form: SubscribeForm, offers: Offers) -> str:
    with context.reading() as db:
        latest = latest_issues(db, [newsletter.id for newsletter in offers.newsletters.values()])
    signup.begin(form)
    note_page(offers.newsletters.values(), form="front page", page=context.runtime().urls.front())
    return render_template("public/front.html", form=form, offers=offers, latest=latest)
