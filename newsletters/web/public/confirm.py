"""The link in the confirmation mail. Looking at it changes nothing; confirming is a POST to the same address.

Mail scanners follow links and some run scripts, so what a GET shows is a page with one large button. In the
browser that signed up, a small script presses it: for the reader it was one click. The link works without a
cookie on any other device; confirming twice is not an error.
"""

import math

from flask import redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from newsletters import context
from newsletters.kernel.row_numbers import read_number
from newsletters.subscribers import confirm
from newsletters.subscribers.confirm import AlreadyConfirmed, Confirmed, HeldBack, LinkExpired, Offer
from newsletters.subscribers.links import LinkBroken, LinkForeign
from newsletters.web.public import browser, languages, trouble, welcome
from newsletters.web.public.door import blueprint, by_token


@blueprint.get("/confirm/<token>")
def confirm_page(token: str) -> ResponseReturnValue:
    """Show what would be confirmed."""
    with context.reading() as db:
        found = confirm.offer(
            db, token, means=context.runtime(), requests=browser.requests_here(), now=context.now()
        )
    match found:
        case Offer():
            languages.prefer(found.language)
            return render_template("public/confirm.html", offer=found, token=token)
        case _:
            return _otherwise(found, token)


@blueprint.post("/confirm/<token>")
@by_token
def confirm_now(token: str) -> ResponseReturnValue:
    """Confirm what the page showed."""
    shown = [number for each in request.form.getlist("newsletter") if (number := read_number(each))]
    with context.transaction() as db:
        done = confirm.confirm(
            db,
            token,
            means=context.runtime(),
            client=context.client_address(),
            requests=browser.requests_here(),
            newsletter_ids=shown or None,
            now=context.now(),
        )
    match done:
        case Confirmed():
            context.runtime().engine.nudge("send_outbox", priority=100)
            return welcome.lead_to(done)
        case HeldBack():
            return _held_back(done, token)
        case _:
            return _otherwise(done, token)


@blueprint.post("/confirm/<token>/opened")
@by_token
def confirm_opened(token: str) -> tuple[str, int]:
    """Count that the page is before somebody's eyes; its script says so."""
    with context.transaction() as db:
        confirm.note_opened(
            db, token, means=context.runtime(), client=context.client_address(), now=context.now()
        )
    return "", 204


@blueprint.post("/confirm/<token>/new")
@by_token
def send_new_link(token: str) -> ResponseReturnValue:
    """Mail a fresh link to the address that an expired one was for."""
    runtime = context.runtime()
    with context.transaction() as db:
        confirm.send_new_link(db, token, means=runtime, client=context.client_address(), now=context.now())
    runtime.engine.nudge("send_outbox", priority=100)
    return redirect(url_for("public.link_sent", token=token), 303)


@blueprint.get("/confirm/<token>/sent")
def link_sent(token: str) -> str:  # noqa: ARG001  (in the address, so that the page is kept private)
    """Say that a new link is on its way."""
    return render_template("public/link_sent.html")


def _held_back(held: HeldBack, token: str) -> ResponseReturnValue:
    """In minutes and not by the clock, for nobody knows which clocks the reader lives by."""
    seconds = max(1, math.ceil((held.until - context.now()).total_seconds()))
    page = render_template("public/held_back.html", minutes=math.ceil(seconds / 60), token=token)
    return page, 429, {"Retry-After": str(seconds)}


def _otherwise(
    outcome: AlreadyConfirmed | LinkExpired | LinkForeign | LinkBroken, token: str
) -> ResponseReturnValue:
    match outcome:
        case AlreadyConfirmed():
            languages.prefer(outcome.language)
            return render_template("public/confirmed.html", newsletters=outcome.newsletters)
        case LinkExpired():
            languages.prefer(outcome.language)
            page = render_template("public/expired.html", can_renew=outcome.can_renew, token=token)
            return page, 410
        case _:
            return trouble.answer(outcome)
