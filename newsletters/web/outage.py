"""The answer while the database is away or locked: 503, and when to come again (RFC 9110 10.2.3).

It asks the database nothing, not even for the language: a form says in its own field which one it speaks.
"""

from typing import Final

from flask import Response, g, jsonify, make_response, render_template, request
from flask_babel import get_locale, refresh
from flask_babel import gettext as _
from werkzeug.exceptions import ServiceUnavailable

from newsletters.kernel.i18n import LANGUAGES
from newsletters.kernel.outage import RETRY_AFTER_SECONDS

SAFE_METHODS: Final = ("GET", "HEAD", "OPTIONS")


def answer() -> Response:
    """A calm page, or the same in JSON for a script or a program."""
    _speak_language_of_form()
    response = make_response(_as_data() if _wants_data() else _as_page())
    response.status_code = 503
    response.headers["Retry-After"] = str(RETRY_AFTER_SECONDS)
    response.headers["Cache-Control"] = "no-store"
    return response


def _speak_language_of_form() -> None:
    wanted = request.form.get("language")
    if wanted in LANGUAGES and "language" not in g:
        g.language = wanted
        refresh()


def _wants_data() -> bool:
    best = request.accept_mimetypes.best_match(["text/html", "application/json"], "text/html")
    return best == "application/json" or request.blueprint in ("webhooks", "health")


def _as_data() -> Response:
    """``errors`` stands beside the form of a script of ours, ``problem`` and ``status`` beside a desk's."""
    words = _(
        "We cannot take this just now: our records are out of reach for a moment. Please try again in a "
        "minute; what you typed is still here."
    )
    return jsonify(status=words, problem=words, errors={"form": [words]}, language=str(get_locale()))


def _as_page() -> str:
    return render_template(
        "errors/503.html", error=ServiceUnavailable(), was_sent=request.method not in SAFE_METHODS
    )
