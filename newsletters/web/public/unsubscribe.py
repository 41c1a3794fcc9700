"""Leaving: the link in every mail, and the button that mail programs show (RFC 8058).

One address for both. A GET shows where the reader stands and the next step, and changes nothing. A POST is
in force at once, needs no cookie, no Origin and no CSRF token; a mail program's is answered with 200 and no
redirect (RFC 8058 section 3.2), the page's own button leads back to the page, so that going back and
loading again are harmless. Afterwards the reader can take it back, leave everything, pause instead, and say
why, which is asked of nobody before. Who has paused can end the pause. The link works for ever, also when
its issue or its newsletter is gone.
"""

from typing import Final

from flask import redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from newsletters import context
from newsletters.subscribers import reasons, unsubscribe
from newsletters.subscribers.consent import Mechanism
from newsletters.subscribers.lifecycle import ENDED
from newsletters.subscribers.links import LinkBroken, LinkForeign
from newsletters.subscribers.models import SubscriptionState
from newsletters.subscribers.unsubscribe import (
    CannotUndo,
    Leaving,
    Left,
    NothingToLeave,
    Paused,
    Resumed,
    Undone,
    Unusable,
)
from newsletters.web.public import languages, trouble
from newsletters.web.public.door import blueprint, by_token
from newsletters.web.public.leaving_forms import WhyForm

ONE_CLICK: Final = ("List-Unsubscribe", "One-Click")
PAUSES: Final = {"14": 14, "30": 30, "90": 90}  # days
PAGES: Final = {
    SubscriptionState.PAUSED: "public/paused.html",
    SubscriptionState.ACTIVE: "public/undone.html",
}


@blueprint.get("/unsubscribe/<token>")
def unsubscribe_page(token: str) -> ResponseReturnValue:
    """Name the newsletter and show the next step; ``?done`` stands there after one was taken."""
    with context.reading() as db:
        found = unsubscribe.offer_leaving(db, token, means=context.runtime(), now=context.now())
    match found:
        case Leaving():
            languages.prefer(found.language)
            return _shown(_page(found.state), found, token)
        case _:
            return _without_newsletter(found)


@blueprint.post("/unsubscribe/<token>")
@by_token
def unsubscribe_now(token: str) -> ResponseReturnValue:
    """End the subscription: the page's button, or a mail program's one click."""
    name, value = ONE_CLICK
    mechanism = Mechanism.ONE_CLICK if request.form.get(name) == value else Mechanism.LINK
    with context.transaction() as db:
        done = unsubscribe.leave(db, token, means=context.runtime(), mechanism=mechanism, now=context.now())
    if isinstance(done, Left) and "from-page" not in request.form:
        languages.prefer(done.language)
        return _shown("public/left.html", done, token)
    return _after(done, token)


@blueprint.post("/unsubscribe/<token>/all")
@by_token
def leave_all(token: str) -> ResponseReturnValue:
    """End every subscription of this address."""
    with context.transaction() as db:
        done = unsubscribe.leave_all(db, token, means=context.runtime(), now=context.now())
    return _after(done, token)


@blueprint.post("/unsubscribe/<token>/undo")
@by_token
def undo(token: str) -> ResponseReturnValue:
    """Take it back."""
    with context.transaction() as db:
        done = unsubscribe.undo(db, token, means=context.runtime(), now=context.now())
    return _after(done, token)


@blueprint.post("/unsubscribe/<token>/pause")
@by_token
def pause_instead(token: str) -> ResponseReturnValue:
    """Keep the subscription, but send nothing for a while."""
    days = PAUSES.get(request.form.get("days", ""), PAUSES["30"])
    with context.transaction() as db:
        done = unsubscribe.pause(db, token, means=context.runtime(), days=days, now=context.now())
    return _after(done, token)


@blueprint.post("/unsubscribe/<token>/resume")
@by_token
def end_pause(token: str) -> ResponseReturnValue:
    """Send it again from now on."""
    with context.transaction() as db:
        done = unsubscribe.resume(db, token, means=context.runtime(), now=context.now())
    return _after(done, token)


@blueprint.post("/unsubscribe/<token>/why")
@by_token
def tell_why(token: str) -> ResponseReturnValue:
    """Take the answer of who has left, if there is one."""
    form = WhyForm()
    said, words = form.chosen, form.words.data or ""
    with context.transaction() as db:
        done = reasons.tell(db, token, reason=said, words=words, means=context.runtime(), now=context.now())
    if isinstance(done, Unusable):
        return _without_newsletter(done)
    return redirect(url_for("public.unsubscribe_page", token=token, done=1, _anchor="why"), 303)


Outcome = Left | Undone | CannotUndo | Paused | Resumed | NothingToLeave | LinkForeign | LinkBroken


def _shown(page: str, leaving: Leaving | Left, token: str) -> str:
    return render_template(
        page,
        leaving=leaving,
        others=leaving.others,
        token=token,
        pauses=list(PAUSES),
        why=WhyForm(formdata=None),
    )


def _page(state: SubscriptionState) -> str:
    if state in ENDED:
        return "public/left.html"
    if "done" in request.args and state in PAGES:
        return PAGES[state]
    return "public/unsubscribe.html"


def _after(outcome: Outcome, token: str) -> ResponseReturnValue:
    match outcome:
        case Left() | Undone() | Paused() | Resumed():
            return redirect(url_for("public.unsubscribe_page", token=token, done=1), 303)
        case CannotUndo():
            languages.prefer(outcome.language)
            return render_template("public/cannot_undo.html", newsletter=outcome.newsletter), 409
        case _:
            return _without_newsletter(outcome)


def _without_newsletter(outcome: NothingToLeave | LinkForeign | LinkBroken) -> ResponseReturnValue:
    match outcome:
        case NothingToLeave():
            return render_template("public/nothing_to_leave.html")
        case _:
            return trouble.answer(outcome)
