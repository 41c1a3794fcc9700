"""Which sites may use a saved form: where it names some, a post from anywhere else is refused aloud.

It keeps other sites from passing a newsroom's form off as theirs; it is no defence against programs, which
say what they like and may use the open form anyway. Our own pages repeat a form and count as its site.
"""

from flask import Response, jsonify, make_response, render_template, request
from flask_babel import get_locale
from flask_babel import gettext as _

from newsletters import context
from newsletters.subscribers.form_models import SavedForm
from newsletters.web.forms.offers import Offers
from newsletters.web.forms.place import origin_of
from newsletters.web.forms.proof import wants_json


def may_post(saved: SavedForm | None) -> bool:
    """Whether the site that posts may use the form. One that the browser does not tell may not."""
    if saved is None or not saved.origins:
        return True
    said = request.headers.get("Origin") or origin_of(request.referrer or "")
    return said in (*saved.origins, origin_of(context.runtime().urls.base))


def not_here(saved: SavedForm, offers: Offers) -> Response:
    """403, and where the reader can subscribe all the same."""
    newsletters = offers.of(saved).newsletters.values()
    words = _("This form belongs to another site, so nothing was sent. You can subscribe on our own page.")
    if wants_json():
        answer = jsonify(errors={"form": [words]}, language=str(get_locale()))
    else:
        page = render_template("public/not_here.html", words=words, newsletters=newsletters)
        answer = make_response(page)
    answer.status_code = 403
    return answer
