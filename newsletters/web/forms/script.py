"""``/embed.js``: the one script tag that lets embedded forms answer in place."""

from functools import cache
from pathlib import Path

from flask import Response, request

import newsletters
from newsletters.web.forms.door import blueprint

SCRIPT = Path(newsletters.__file__).parent / "static/js/embed.js"
FRESH_SECONDS = 3600  # its address never changes, so a new version reaches every page within the hour


@blueprint.get("/embed.js")
def script() -> Response:
    """Answer with the script; an unchanged one is answered with 304."""
    response = Response(_source(), mimetype="text/javascript")
    response.headers["Cache-Control"] = f"public, max-age={FRESH_SECONDS}"
    response.add_etag()
    return response.make_conditional(request)  # type: ignore[return-value]


@cache
def _source() -> bytes:
    return SCRIPT.read_bytes()
