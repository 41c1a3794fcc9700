"""``/embed.js``: the one script tag that lets embedded forms answer in place."""

from pathlib import Path

from flask import Response, send_file

import newsletters
from newsletters.web.forms.door import blueprint

SCRIPT = Path(newsletters.__file__).parent / "static/js/embed.js"
FRESH_SECONDS = 3600  # its address never changes, so a new version reaches every page within the hour


@blueprint.get("/embed.js")
def script() -> Response:
    """Answer with the script; an unchanged one is answered with 304."""
    response = send_file(SCRIPT, mimetype="text/javascript", conditional=True)
    response.headers["Cache-Control"] = f"public, max-age={FRESH_SECONDS}"
    return response
