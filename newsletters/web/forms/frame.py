"""``GET /embed/frame``: a form in a frame, for sites that take neither a form nor a script of somebody else.

The only page of ours that another site may frame; where a saved form names its sites, only they may. It
reads and sets no cookie, so a page laid over it can borrow nothing of the reader's
(clickjacking): what it posts is what any embedded form posts. Its answer stands in place by embed.js; without
a script the form opens our own page in a new tab, which no site may frame.
"""

from urllib.parse import parse_qsl, urlencode, urlsplit

from flask import Response, abort, g, make_response, render_template, request
from flask_babel import refresh

from newsletters.subscribers.campaign import PARAMETERS
from newsletters.subscribers.form_models import SavedForm
from newsletters.web.forms.asked import options
from newsletters.web.forms.choices import read_choices
from newsletters.web.forms.door import blueprint
from newsletters.web.forms.offers import open_offers
from newsletters.web.forms.place import origin_of
from newsletters.web.forms.script import answer_script

FRAME_POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors "
)


@blueprint.get("/embed/frame")
def frame() -> Response:
    """Show the form that the address describes."""
    offers = open_offers()
    choices = read_choices(request.args, offers)
    if not choices.offered:
        abort(404)
    g.language = choices.language
    refresh()
    page, campaign = _framing_page()
    shown = render_template(
        "public/frame.html",
        choices=choices,
        newsletters=[offers.newsletters[slug] for slug in choices.offered],
        wordings=offers.worded(choices.saved),
        page=page,
        campaign=campaign,
        options=options,
    )
    response = make_response(shown)
    response.headers["Content-Security-Policy"] = FRAME_POLICY + _framers(choices.saved)
    response.headers["Vary"] = "Referer"
    return response


@blueprint.get("/embed/height.js")
def height_script() -> Response:
    """Answer with what a site may add so that its frames are as high as what stands in them."""
    return answer_script("frame-height.js")


def _framers(saved: SavedForm | None) -> str:
    """Who may frame it (CSP level 3): any site, or those that a saved form names, and our desk."""
    return " ".join(["'self'", *saved.origins]) if saved and saved.origins else "*"


def _framing_page() -> tuple[str, str]:
    """Where the frame stands, as the browser says it, and the campaign in that address."""
    referrer = request.referrer or ""
    if not origin_of(referrer):
        return "", ""
    parts = urlsplit(referrer)
    named = [pair for pair in parse_qsl(parts.query) if pair[0] in PARAMETERS]
    return parts._replace(query="", fragment="").geturl(), urlencode(named)
