"""``GET /embed/words``: what embed.js says to a reader who leaves the address field.

The script gets the words and the table of well-known domains and looks for a slip by itself: nothing that
was typed leaves the browser before the reader presses the button.
"""

from flask import Response, jsonify, request
from flask_babel import get_locale
from flask_babel import gettext as _

from newsletters.subscribers.mailboxes import ENDINGS, GUESSED, LARGE, LONGEST_GUESSED, NO_SLIPS
from newsletters.web.forms.door import blueprint
from newsletters.web.forms.embed import speak_language_of
from newsletters.web.forms.offers import open_offers
from newsletters.web.forms.script import FRESH_SECONDS


@blueprint.get("/embed/words")
def embed_words() -> Response:
    """Answer in the language of the newsletters the form is about."""
    wanted = request.args.get("language", "")
    speak_language_of(request.args.getlist("newsletter"), open_offers(), wanted=wanted)
    response = jsonify(
        language=str(get_locale()),
        wrong=_("Please, enter correct email address"),
        meant=_("Did you mean %(email)s?", email="{email}"),
        slips={
            "known": GUESSED,
            "large": sorted(LARGE),
            "left": sorted(NO_SLIPS),
            "endings": ENDINGS,
            "longest": LONGEST_GUESSED,
        },
    )
    response.headers["Cache-Control"] = f"public, max-age={FRESH_SECONDS}"
    response.headers["Vary"] = "Accept-Language"
    return response
