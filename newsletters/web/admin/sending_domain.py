"""The sending domain of a newsletter: what was found out about it, and a fresh look.

Nothing here asks the DNS: a worker does, and these pages show what it found.
"""

from flask import Response as FlaskResponse
from flask import jsonify, redirect, render_template, url_for
from werkzeug.wrappers import Response

from newsletters import context
from newsletters.mail.domains.checks import ask
from newsletters.mail.domains.sending import pair_of
from newsletters.web import domain_words
from newsletters.web.admin.access import editors_only, wants_json
from newsletters.web.admin.domain_standing import domain_view
from newsletters.web.admin.door import blueprint
from newsletters.web.admin.newsletters import newsletter_or_404


@blueprint.get("/newsletters/<int:newsletter_id>/sending-domain")
@editors_only
def sending_domain(newsletter_id: int) -> str | FlaskResponse:
    """What was found; a script asks for the part that changes."""
    with context.reading() as session:
        shown = newsletter_or_404(session, newsletter_id)
        view = domain_view(session, shown)
    values = {"newsletter": shown, "domain": view, "words": domain_words}
    if wants_json():
        html = render_template("desk/sending_domain/_findings.html", **values)
        return jsonify(waiting=view.is_waiting, html=html)
    return render_template("desk/sending_domain/page.html", **values)


@blueprint.post("/newsletters/<int:newsletter_id>/sending-domain")
@editors_only
def check_domain(newsletter_id: int) -> Response:
    """Have a worker look again."""
    with context.transaction() as session:
        shown = newsletter_or_404(session, newsletter_id)
        ask(session, pair_of(shown.sender_email, shown.reply_to), now=context.now())
    context.runtime().engine.nudge("look_at_domains")
    return redirect(url_for("desk.sending_domain", newsletter_id=newsletter_id), 303)
