"""``POST /embed/subscribe``: a sign-up form that stands in an article on another site.

Posted by the browser itself it is answered with a page of ours; posted by embed.js, which asks for JSON,
with the same words as data. Invalid: 422, the error beside its field, and what was typed is still there.
Too many posts from one place: 429, and the same.
"""

from urllib.parse import urlsplit

from flask import Response, g, jsonify, render_template
from flask.typing import ResponseReturnValue
from flask_babel import get_locale, refresh
from flask_babel import gettext as _
from flask_wtf import FlaskForm

from newsletters import context
from newsletters.kernel.i18n import LANGUAGES
from newsletters.subscribers.browser import remember
from newsletters.subscribers.errors import TooManyPosts
from newsletters.web.forms import too_often
from newsletters.web.forms.code import EmbeddedCodeForm
from newsletters.web.forms.door import blueprint, without_cookies
from newsletters.web.forms.fields import EmbeddedForm
from newsletters.web.forms.offers import Offers, open_offers
from newsletters.web.forms.place import article_address
from newsletters.web.forms.proof import wants_json
from newsletters.web.forms.signup import sign_up

LONGEST_COUNT = 9  # digits of a fill time in seconds that is still a number worth reading


@blueprint.post("/embed/subscribe")
@without_cookies
def embed_subscribe() -> ResponseReturnValue:
    """Take a sign-up from anywhere."""
    offers = open_offers()
    form = EmbeddedForm()
    form.offer(offers)
    speak_language_of(form.newsletter.data or [], offers)
    if not form.validate():
        return _refused(form, offers), 422
    article = article_address(form.page.data or "")
    try:
        receipt = sign_up(
            form,
            offers,
            form_name=form.form.data or "embedded form",
            page=article,
            filled_in_seconds=_seconds(form.took.data or ""),
        )
    except TooManyPosts as error:
        too_often.say(form, error)
        return too_often.answer(_refused(form, offers), error)
    token = remember(context.runtime(), None, receipt.request_id, now=context.now())
    return _accepted(form, offers, article, token)


def speak_language_of(slugs: list[str], offers: Offers) -> None:
    """Answer in the newsletter's language, where the form is about one."""
    languages = {offers.newsletters[slug].language for slug in slugs if slug in offers.newsletters}
    if len(languages) == 1 and languages <= set(LANGUAGES):
        g.language = languages.pop()
        refresh()  # forms ask for the locale when they are made


def answer_page(form: EmbeddedCodeForm, *, names: list[str], article: str = "", again: bool = False) -> str:
    """The neutral answer as a page; everything it needs stands in its own fields."""
    hidden = [("request", form.request.data or ""), ("email", form.email.data or "")]
    hidden += [("newsletter", slug) for slug in form.newsletter.data or []]
    urls = context.runtime().urls
    return render_template(
        "public/subscribed.html",
        form=form,
        email=form.email.data,
        names=names,
        back=article,
        back_label=_("Back to %(site)s", site=urlsplit(article).hostname),
        code_action=urls.embed_code(),
        again_action=urls.embed_again(),
        hidden=hidden,
        sent_again=again,
    )


def in_words(form: FlaskForm) -> dict[str, list[str]]:
    """What is wrong with ``form``, by field, in the page's language; what is no field's fault as "form"."""
    return {name or "form": [str(error) for error in errors] for name, errors in form.errors.items()}


def _seconds(took: str) -> float | None:
    return float(took) if took.isdecimal() and len(took) <= LONGEST_COUNT else None


def _refused(form: EmbeddedForm, offers: Offers) -> Response | str:
    if wants_json():
        return jsonify(errors=in_words(form), language=str(get_locale()))
    return render_template("public/embedded.html", form=form, offers=offers)


def _accepted(form: EmbeddedForm, offers: Offers, article: str, token: str) -> Response | str:
    names = [offers.newsletters[slug].name for slug in form.newsletter.data]
    email = form.email.data.strip()
    if not wants_json():
        data = {"request": token, "email": email, "newsletter": form.newsletter.data}
        return answer_page(EmbeddedCodeForm(formdata=None, data=data), names=names, article=article)
    urls = context.runtime().urls
    return jsonify(
        title=_("Successfully subscribed"),
        text=_("Thank you for signing up for this newsletter. We've sent you a confirmation email."),
        sent_to=f"{', '.join(names)} · {email}",
        language=str(get_locale()),
        request=token,
        email=email,
        code={
            "action": urls.embed_code(),
            "label": str(EmbeddedCodeForm(formdata=None).code.label.text),
            "button": _("Confirm"),
        },
        again={"action": urls.embed_again(), "button": _("Send the mail again")},
        change={"button": _("Use another address")},
    )
