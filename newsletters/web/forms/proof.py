"""What a form brings when many posts come in, and what its reader is shown meanwhile: one moment, please.

The post is sent again by the reader's own browser, with everything that was in it and a proof beside it
(subscribers/proofs.py). Without a script the page's button does it, after a short wait.
"""

import logging
from typing import Final

from flask import Response, jsonify, make_response, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import get_locale
from flask_babel import gettext as _

from newsletters import context
from newsletters.subscribers import breaker, guard, proofs
from newsletters.subscribers.errors import ProofWanted
from newsletters.subscribers.proofs import Asked, Proof
from newsletters.web.forms.pace import Pace

ANSWER, TICKET = "altcha", "ticket"
NOTED_EVERY_SECONDS: Final = 5.0

log = logging.getLogger(__name__)


def brought() -> Proof:
    """The proof in the form that was posted."""
    return Proof(request.form.get(ANSWER, ""), request.form.get(TICKET, ""))


def wants_json() -> bool:
    """Whether embed.js asks, and not a browser."""
    return request.accept_mimetypes.best == "application/json"


def one_moment(error: ProofWanted) -> ResponseReturnValue:
    """Ask for a proof: 429, for it is about how much comes in, and when to come back (RFC 6585 section 4)."""
    if error.is_attack:
        _note_attack()
    runtime, now = context.runtime(), context.now()
    asked = proofs.ask(runtime, is_attack=error.is_attack, now=now)
    left = proofs.seconds_to_wait(runtime, brought().ticket, now=now)
    if left:
        asked = Asked(asked.challenge, brought().ticket, left)
    response = make_response(_as_data(asked) if wants_json() else _as_page(asked, has_waited=bool(left)))
    response.status_code = 429
    response.headers["Retry-After"] = str(asked.wait_seconds)
    response.headers["Cache-Control"] = "no-store"
    return response


def _as_data(asked: Asked) -> Response:
    return jsonify(
        moment={
            "text": _("One moment, please: your browser does a short piece of work that keeps robots out."),
            "challenge": asked.challenge,
            "script": context.runtime().urls.embed_challenge(),
            "ticket": asked.ticket,
            "wait_seconds": asked.wait_seconds,
        },
        language=str(get_locale()),
    )


def _as_page(asked: Asked, *, has_waited: bool) -> str:
    posted = [pair for pair in request.form.items(multi=True) if pair[0] not in (ANSWER, TICKET)]
    return render_template("public/one_moment.html", asked=asked, posted=posted, has_waited=has_waited)


def _note_attack() -> None:
    """Have it written that a crowd is at the forms: now and then, since each of its posts ends here."""
    if not context.once("attacks noted", lambda: Pace(NOTED_EVERY_SECONDS)).may_go():
        return
    runtime = context.runtime()
    with context.transaction() as session:
        bound = guard.easy_per_minute(runtime.config.signups_per_minute)
        is_news = breaker.trip(session, bound=bound, now=context.now())
    if is_news:
        log.warning("more sign-ups come in than usual: everybody is asked for a proof")
        runtime.engine.nudge("send_outbox")
