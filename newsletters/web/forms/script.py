"""``/embed.js``, the one script tag that lets embedded forms answer in place, and what it loads then."""

from functools import cache
from pathlib import Path

from flask import Response, request

import newsletters
from newsletters.web.forms.door import blueprint

SCRIPTS = Path(newsletters.__file__).parent / "static/js"
FRESH_SECONDS = 3600  # their addresses never change, so a new version reaches every page within the hour


@blueprint.get("/embed.js")
def script() -> Response:
    """Answer with the script of every embedded form."""
    return answer_script("embed.js")


@blueprint.get("/embed/challenge.js")
def challenge_script() -> Response:
    """Answer with what solves a challenge; loaded only where one was set."""
    return answer_script("challenge.js")


def answer_script(name: str) -> Response:
    """A script; an unchanged one is answered with 304."""
    response = Response(_source(name), mimetype="text/javascript")
    response.headers["Cache-Control"] = f"public, max-age={FRESH_SECONDS}"
    response.add_etag()
    return response.make_conditional(request)  # type: ignore[return-value]


@cache
def _source(name: str) -> bytes:
    return (SCRIPTS / name).read_bytes()
