"""Below an embedded form, after the sign-up: type the code from the mail, or ask for the mail again."""

from flask import Response, abort, jsonify, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import get_locale
from flask_babel import gettext as _

from newsletters import context
from newsletters.kernel.addresses import InvalidAddress, parse_address
from newsletters.subscribers import mails
from newsletters.subscribers.browser import remembered
from newsletters.subscribers.codes import confirm_by_code
from newsletters.subscribers.confirm import AlreadyConfirmed, Confirmed, WrongCode
from newsletters.subscribers.errors import TooManyPosts
from newsletters.subscribers.models import FormKind, Subscriber
from newsletters.web.forms import too_often
from newsletters.web.forms.code import WRONG_CODE, EmbeddedCodeForm
from newsletters.web.forms.door import blueprint, without_cookies
from newsletters.web.forms.embed import answer_page, in_words, speak_language_of
from newsletters.web.forms.offers import Offers, open_offers
from newsletters.web.forms.place import article_address
from newsletters.web.forms.proof import wants_json
from newsletters.web.forms.signup import ask_by_mail


@blueprint.post("/embed/code")
@without_cookies
def embed_code() -> ResponseReturnValue:
    """Confirm with the six digits from the mail."""
    form, offers = _received()
    if not form.validate():
        return _refused(form, offers), 422
    runtime, now = context.runtime(), context.now()
    try:
        with context.transaction() as db:
            outcome = confirm_by_code(
                db,
                remembered(runtime, form.request.data, now=now),
                form.code.data,
                means=runtime,
                client=context.client_address(),
                now=now,
            )
    except TooManyPosts as error:
        too_often.say(form, error)
        return too_often.answer(_refused(form, offers), error)
    match outcome:
        case WrongCode():
            form.code.errors = [str(WRONG_CODE)]
            return _refused(form, offers), 422
        case Confirmed() | AlreadyConfirmed():
            return _confirmed(outcome)


@blueprint.post("/embed/again")
@without_cookies
def embed_again() -> ResponseReturnValue:
    """Send the mail once more, as far as the limits allow."""
    form, offers = _received()
    try:
        ask_by_mail(FormKind.AGAIN, form.email.data)
    except TooManyPosts as error:
        too_often.say(form, error)
        return too_often.answer(_refused(form, offers), error)
    words = _("If the address can get mail from us, another one is on its way. It may take a few minutes.")
    if wants_json():
        return jsonify(text=words, language=str(get_locale()))
    return answer_page(form, offers, again=True)


def _received() -> tuple[EmbeddedCodeForm, Offers]:
    offers = open_offers()
    form = EmbeddedCodeForm()
    speak_language_of(form.newsletter.data or [], offers, wanted=form.language.data or "")
    form.page.data = article_address(form.page.data or "")
    try:
        parse_address(form.email.data or "")
    except InvalidAddress:
        abort(400)
    return form, offers


def _refused(form: EmbeddedCodeForm, offers: Offers) -> Response | str:
    if wants_json():
        return jsonify(errors=in_words(form), language=str(get_locale()))
    return answer_page(form, offers)


def _confirmed(outcome: Confirmed | AlreadyConfirmed) -> ResponseReturnValue:
    names = ", ".join(newsletter.name for newsletter in outcome.newsletters)
    if wants_json():
        return jsonify(
            title=_("Your subscription is confirmed"),
            text=_("From now on this comes to you: %(names)s.", names=names),
            language=str(get_locale()),
        )
    if isinstance(outcome, AlreadyConfirmed):
        return render_template("public/confirmed.html", newsletters=outcome.newsletters)
    with context.reading() as db:
        subscriber = db.get_one(Subscriber, outcome.subscriber_id)
        token = mails.preferences_token(context.runtime(), subscriber, now=context.now())
    return redirect(url_for("public.welcome", token=token), 303)
