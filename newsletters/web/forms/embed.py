"""``POST /embed/subscribe``: a sign-up form that stands in an article on another site.

Posted by the browser itself it is answered with a page of ours; posted by embed.js, which asks for JSON,
with the same words as data. Invalid: 422, the error beside its field, and what was typed is still there.
Too many posts from one place: 429, and the same.
"""

from collections.abc import Sequence
from dataclasses import asdict
from urllib.parse import urlsplit

from flask import Response, g, jsonify, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import get_locale, refresh
from flask_babel import gettext as _
from flask_wtf import FlaskForm

from newsletters import context
from newsletters.kernel.i18n import LANGUAGES
from newsletters.subscribers.browser import remember
from newsletters.subscribers.errors import DeadDomain, TooManyPosts
from newsletters.subscribers.form_models import SavedForm
from newsletters.web.forms import too_often
from newsletters.web.forms.answer import RESEND_AFTER_SECONDS, next_steps
from newsletters.web.forms.asked import AskedForm, posted_form
from newsletters.web.forms.code import EmbeddedCodeForm
from newsletters.web.forms.door import blueprint, without_cookies
from newsletters.web.forms.offers import Offers, open_offers
from newsletters.web.forms.origins import may_post, not_here
from newsletters.web.forms.place import article_address
from newsletters.web.forms.proof import wants_json
from newsletters.web.forms.signup import sign_up

PLACE = ("form", "page", "language")  # what every form after this one repeats
LONGEST_COUNT = 9  # digits of a fill time in seconds that is still a number worth reading


@blueprint.post("/embed/subscribe")
@without_cookies
def embed_subscribe() -> ResponseReturnValue:
    """Take a sign-up from anywhere."""
    offers = open_offers()
    saved = offers.forms.get(request.form.get("saved", ""))
    wanted = request.form.get("language") or (saved.language if saved else "")
    speak_language_of(request.form.getlist("newsletter"), offers, wanted=wanted)
    if saved and not may_post(saved):
        return not_here(saved, offers)
    form = posted_form(saved)
    form.offer(offers)
    article = form.page.data = article_address(form.page.data or "")
    if not form.validate():
        return _refused(form, offers, saved), 422
    try:
        receipt = sign_up(
            form,
            offers,
            form_name=saved.name if saved else form.form.data or "embedded form",
            page=article,
            filled_in_seconds=_seconds(form.took.data or ""),
        )
    except DeadDomain as error:
        form.say_dead(error)
        return _refused(form, offers, saved), 422
    except TooManyPosts as error:
        too_often.say(form, error)
        return too_often.answer(_refused(form, offers, saved), error)
    token = remember(context.runtime(), form.request.data, receipt.request_id, now=context.now())
    return _accepted(form, offers, token)


def speak_language_of(slugs: list[str], offers: Offers, *, wanted: str = "") -> None:
    """Answer in the form's own language, or in the newsletter's, where the form is about one."""
    languages = {wanted} & set(LANGUAGES) or {
        offers.newsletters[slug].language for slug in slugs if slug in offers.newsletters
    }
    if len(languages) == 1 and languages <= set(LANGUAGES):
        g.language = languages.pop()
        refresh()  # forms ask for the locale when they are made


def answer_page(
    form: EmbeddedCodeForm,
    offers: Offers,
    *,
    again: bool = False,
    repeated: Sequence[tuple[str, str]] = (),
) -> str:
    """The neutral answer as a page; everything it needs stands in its own fields.

    ``repeated`` is what goes with the same sign-up for another address.
    """
    slugs = [slug for slug in form.newsletter.data or [] if slug in offers.newsletters]
    place = [(name, form[name].data or "") for name in PLACE]
    known = [("request", form.request.data or ""), ("email", form.email.data or "")]
    urls = context.runtime().urls
    return render_template(
        "public/subscribed.html",
        form=form,
        email=form.email.data,
        slugs=slugs,
        names=[offers.names[slug] for slug in slugs],
        steps=next_steps(form.email.data, slugs, offers),
        back=form.page.data,
        back_label=_back_label(form.page.data or ""),
        code_action=urls.embed_code(),
        again_action=urls.embed_again(),
        more_action=urls.embed_subscribe(),
        hidden=[*known, *place, *(("newsletter", slug) for slug in slugs)],
        hidden_more=[*known, *place, *(("also", slug) for slug in slugs)],
        hidden_meant=[*place, *repeated, *(("newsletter", slug) for slug in slugs)],
        resend_after=RESEND_AFTER_SECONDS,
        sent_again=again,
    )


def in_words(form: FlaskForm) -> dict[str, list[str]]:
    """What is wrong with ``form``, by field, in the page's language; what is no field's fault as "form"."""
    return {name or "form": [str(error) for error in errors] for name, errors in form.errors.items()}


def _seconds(took: str) -> float | None:
    return float(took) if took.isdecimal() and len(took) <= LONGEST_COUNT else None


def _refused(form: AskedForm, offers: Offers, saved: SavedForm | None) -> Response | str:
    if wants_json():
        return jsonify(errors=in_words(form), language=str(get_locale()))
    return render_template(
        "public/embedded.html",
        form=form,
        offers=offers.of(saved),
        wordings=offers.worded(saved),
        back_label=_back_label(form.page.data),
    )


def _back_label(page: str) -> str:
    return _("Back to %(site)s", site=urlsplit(page).hostname) if page else ""


def _accepted(form: AskedForm, offers: Offers, token: str) -> Response | str:
    email = form.email.data.strip()
    asked = dict.fromkeys((*(form.also.data or []), *form.newsletter.data))
    slugs = [slug for slug in asked if slug in offers.newsletters]
    if wants_json():
        return jsonify(**_as_data(email, slugs, offers), request=token)
    place = {name: form[name].data for name in PLACE}
    data = {"request": token, "email": email, "newsletter": slugs, **place}
    return answer_page(EmbeddedCodeForm(formdata=None, data=data), offers, repeated=form.repeated)


def _as_data(email: str, slugs: list[str], offers: Offers) -> dict[str, object]:
    """The same answer for the script: every word that it shows, and where its forms post."""
    urls = context.runtime().urls
    steps = next_steps(email, slugs, offers)
    mailbox, meant = steps.mailbox, steps.meant
    return {
        "title": _("Successfully subscribed"),
        "text": _("Thank you for signing up for this newsletter. We've sent you a confirmation email."),
        "sent_to": f"{', '.join(offers.names[slug] for slug in slugs)} · {email}",
        "language": str(get_locale()),
        "email": email,
        "newsletters": slugs,
        "meant": {"email": meant, "button": _("Did you mean %(email)s?", email=meant)} if meant else None,
        "mailbox": {"url": mailbox.url, "text": _("Open %(mailbox)s", mailbox=mailbox.name)}
        if mailbox
        else None,
        "code": {
            "action": urls.embed_code(),
            "label": str(EmbeddedCodeForm(formdata=None).code.label.text),
            "button": _("Confirm"),
        },
        "again": {
            "action": urls.embed_again(),
            "button": _("Send the mail again"),
            "wait_seconds": RESEND_AFTER_SECONDS,
            "waiting": _("possible in %(seconds)s s", seconds="{seconds}"),
            "early": _("The mail may still be on its way. Please give it a minute."),
            "ready": _("No mail yet? You can have it sent again now."),
        },
        "change": {"button": _("Use another address")},
        "others": {
            "title": _("The same mail can confirm more"),
            "button": _("Add %(name)s", name="{name}"),
            "added": _("Added: %(name)s", name="{name}"),
            "newsletters": [asdict(other) for other in steps.others],
        },
    }
