"""The link that was mailed to a reader's new address: looking changes nothing, the button does."""

from flask import render_template
from flask.typing import ResponseReturnValue

from newsletters import context
from newsletters.subscribers import address_change
from newsletters.subscribers.address_change import Changed, ChangeDone, ChangeExpired, ChangeOffer
from newsletters.subscribers.links import LinkBroken, LinkForeign
from newsletters.web.public import languages, trouble
from newsletters.web.public.door import blueprint, by_token


@blueprint.get("/change-address/<token>")
def change_address_page(token: str) -> ResponseReturnValue:
    """Show which address would take the place of which."""
    with context.reading() as db:
        found = address_change.offer_change(db, token, means=context.runtime(), now=context.now())
    match found:
        case ChangeOffer():
            languages.prefer(found.language)
            return render_template("public/change_address.html", offer=found, token=token)
        case _:
            return _answer(found)


@blueprint.post("/change-address/<token>")
@by_token
def change_address(token: str) -> ResponseReturnValue:
    """Write to the new address from now on."""
    runtime = context.runtime()
    with context.transaction() as db:
        done = address_change.change(db, token, means=runtime, now=context.now())
    runtime.engine.nudge("send_outbox", priority=100)
    return _answer(done)


def _answer(outcome: Changed | ChangeDone | ChangeExpired | LinkForeign | LinkBroken) -> ResponseReturnValue:
    match outcome:
        case Changed() | ChangeDone():
            languages.prefer(outcome.language)
            return render_template("public/address_changed.html", done=outcome)
        case ChangeExpired():
            languages.prefer(outcome.language)
            return render_template("public/change_expired.html"), 410
        case _:
            return trouble.answer(outcome)
