"""After the sign-up on our own pages: the neutral answer, the six-digit code, and the mail once more.

Every address gets the same answer. What the page repeats (the address as it was typed, the newsletters'
names) comes from this browser's own session, never from the database, so it tells nobody anything.
"""

from typing import Any
from urllib.parse import urlencode

from flask import redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_babel import get_locale
from werkzeug.wrappers import Response as BaseResponse

from newsletters import context
from newsletters.subscribers import signals
from newsletters.subscribers.campaign import PARAMETERS
from newsletters.subscribers.codes import confirm_by_code
from newsletters.subscribers.confirm import AlreadyConfirmed, Confirmed, WrongCode
from newsletters.subscribers.errors import DeadDomain, TooManyPosts
from newsletters.subscribers.models import FormKind
from newsletters.web.forms import signup as forms_signup
from newsletters.web.forms import too_often
from newsletters.web.forms.answer import RESEND_AFTER_SECONDS, next_steps
from newsletters.web.forms.code import WRONG_CODE, CodeForm
from newsletters.web.forms.fields import SubscribeForm
from newsletters.web.forms.offers import Offers, open_offers
from newsletters.web.public import browser, languages, welcome
from newsletters.web.public.door import blueprint, personal

SIGNED_UP = "signed_up"
NEWSLETTER_PAGE, ISSUE_PAGE = "newsletter page", "issue page"


def begin(form: SubscribeForm) -> None:
    """Put the signed time of showing into a form that is about to be shown."""
    if request.method == "GET":
        form.campaign.data = urlencode(
            [pair for pair in request.args.items(multi=True) if pair[0] in PARAMETERS]
        )
    form.started.data = signals.fill_token(context.runtime(), now=context.now())


def accept(form: SubscribeForm, offers: Offers, *, form_name: str, page: str) -> BaseResponse:
    """Take a valid form and lead to the neutral answer."""
    seconds = signals.filled_in_seconds(context.runtime(), form.started.data or "", now=context.now())
    receipt = forms_signup.sign_up(form, offers, form_name=form_name, page=page, filled_in_seconds=seconds)
    email = form.email.data.strip()
    before: dict[str, Any] = session.get(SIGNED_UP, {})
    asked = dict.fromkeys((*(before["slugs"] if before.get("email") == email else ()), *form.newsletter.data))
    slugs = [slug for slug in asked if slug in offers.newsletters]
    session[SIGNED_UP] = {
        "email": email,
        "names": [offers.newsletters[slug].name for slug in slugs],
        "slugs": slugs,
        "page": page,
        "form": form_name,
        "language": str(get_locale()),
    }
    response = redirect(url_for("public.subscribed"), 303)
    browser.remember(response, receipt.request_id)
    return response


def recall(form: SubscribeForm) -> None:
    """Put back what was ticked in this browser, for a reader who mistyped the address."""
    form.newsletter.data = session.get(SIGNED_UP, {}).get("slugs", [])


@blueprint.get("/subscribed")
@personal
def subscribed() -> ResponseReturnValue:
    """Say that a mail is on its way, and take the code from it."""
    if SIGNED_UP not in session:
        return redirect(url_for("public.front"), 303)
    _speak_as_before()
    return _answer(CodeForm())


@blueprint.post("/subscribed")
@personal
def subscribed_more() -> ResponseReturnValue:
    """Take one newsletter more for the same address, or the same for the address that was meant."""
    if SIGNED_UP not in session:
        return redirect(url_for("public.front"), 303)
    _speak_as_before()
    said: dict[str, Any] = session[SIGNED_UP]
    offers, form, answer = open_offers(), SubscribeForm(), CodeForm(formdata=None)
    form.offer(offers)
    if not form.validate():
        return _answer(_blamed(answer, form)), 422
    try:
        return accept(form, offers, form_name=said.get("form", ""), page=said["page"])
    except DeadDomain as error:
        form.say_dead(error)
        return _answer(_blamed(answer, form)), 422
    except TooManyPosts as error:
        too_often.say(answer, error)
        return too_often.answer(_answer(answer), error)


@blueprint.post("/subscribed/code")
@personal
def subscribed_code() -> ResponseReturnValue:
    """Confirm with the six digits from the mail."""
    if SIGNED_UP not in session:
        return redirect(url_for("public.front"), 303)
    _speak_as_before()
    form = CodeForm()
    if not form.validate():
        return _answer(form), 422
    try:
        with context.transaction() as db:
            outcome = confirm_by_code(
                db,
                browser.requests_here(),
                form.code.data,
                means=context.runtime(),
                client=context.client_address(),
                now=context.now(),
            )
    except TooManyPosts as error:
        too_often.say(form, error)
        return too_often.answer(_answer(form), error)
    match outcome:
        case Confirmed():
            return welcome.lead_to(outcome)
        case AlreadyConfirmed():
            return render_template("public/confirmed.html", newsletters=outcome.newsletters)
        case WrongCode():
            form.code.errors = [str(WRONG_CODE)]
            return _answer(form), 422


@blueprint.post("/subscribed/again")
@personal
def subscribed_again() -> ResponseReturnValue:
    """Send the mail once more, as far as the limits allow."""
    if SIGNED_UP not in session:
        return redirect(url_for("public.front"), 303)
    _speak_as_before()
    try:
        forms_signup.ask_by_mail(FormKind.AGAIN, session[SIGNED_UP]["email"])
    except TooManyPosts as error:
        form = CodeForm(formdata=None)
        too_often.say(form, error)
        return too_often.answer(_answer(form), error)
    return redirect(url_for("public.subscribed", sent="again"), 303)


def _blamed(answer: CodeForm, form: SubscribeForm) -> CodeForm:
    """The answer's form with what is wrong with a sign-up, which has no fields of its own there."""
    answer.form_errors += [str(error) for errors in form.errors.values() for error in errors]
    return answer


def _speak_as_before() -> None:
    """Go on in the language of the page with the form, which may have been its newsletter's."""
    languages.prefer(session[SIGNED_UP].get("language", ""))


def _answer(form: CodeForm) -> str:
    said: dict[str, Any] = session[SIGNED_UP]
    return render_template(
        "public/subscribed.html",
        form=form,
        email=said["email"],
        slugs=said["slugs"],
        names=said["names"],
        steps=next_steps(said["email"], said["slugs"], open_offers()),
        back=f"{said['page']}?again=1",
        code_action=url_for("public.subscribed_code"),
        again_action=url_for("public.subscribed_again"),
        more_action=url_for("public.subscribed_more"),
        hidden=[],
        hidden_more=[("email", said["email"])],
        hidden_meant=[("newsletter", slug) for slug in said["slugs"]],
        resend_after=RESEND_AFTER_SECONDS,
    )
