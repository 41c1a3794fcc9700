"""A reader's preferences, opened by a mailed link that is good for a day and for its address alone.

Nothing here is reached by a number that a forwarded mail carries. Asking for the link gets one and the same
answer for every address. Each change is a POST under CSRF protection that lets the reader in anew.
"""

from datetime import timedelta
from typing import Final

from babel.dates import get_day_names
from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import force_locale, get_locale
from flask_babel import gettext as _
from sqlalchemy.orm import Session

from newsletters import context
from newsletters.kernel.tokens import Purpose
from newsletters.subscribers import address_change, answers, preferences
from newsletters.subscribers.errors import SameAddress, TooManyPosts
from newsletters.subscribers.models import FormKind, Subscriber, SubscriptionState
from newsletters.subscribers.preferences import Standing
from newsletters.web.forms import too_often
from newsletters.web.forms.signup import ask_by_mail
from newsletters.web.public import languages
from newsletters.web.public.door import blueprint
from newsletters.web.public.preferences_forms import (
    AboutYouForm,
    AddressForm,
    ChangeAddressForm,
    PauseForm,
    RhythmForm,
    ToldForm,
    told_form,
)

ASKED_WHY_FOR: Final = timedelta(hours=24)


@blueprint.route("/preferences", methods=["GET", "POST"])
def preferences_request() -> ResponseReturnValue:
    """Mail a reader the way in; the answer does not say whether the address is known."""
    form = AddressForm()
    if not form.validate_on_submit():
        page = render_template("public/preferences_request.html", form=form)
        return page, 422 if request.method == "POST" else 200
    try:
        ask_by_mail(FormKind.WAY_IN, form.email.data)
    except TooManyPosts as error:
        too_often.say(form, error)
        return too_often.answer(render_template("public/preferences_request.html", form=form), error)
    return render_template("public/preferences_sent.html", email=form.email.data.strip())


@blueprint.get("/preferences/<token>")
def preferences_page(token: str) -> str:
    """Show where the reader stands, and everything that can be changed."""
    with context.reading() as db:
        return show(db, let_in(db, token), token)


@blueprint.post("/preferences/<token>/about")
def change_about(token: str) -> ResponseReturnValue:
    """Take a new name or language."""
    form = AboutYouForm()
    with context.transaction() as db:
        reader = let_in(db, token)
        if not form.validate():
            return show(db, reader, token, about=form), 422
        preferences.rename(reader, form.name.data or "")
        preferences.speak(reader, form.language.data)
    languages.forget_choice()
    with force_locale(form.language.data):
        flash(_("Saved."), "good")
    return back_to_page(token)


@blueprint.post("/preferences/<token>/address")
def ask_for_address_change(token: str) -> ResponseReturnValue:
    """Mail a link to the new address; nothing changes before it is opened there."""
    form = ChangeAddressForm()
    runtime = context.runtime()
    with context.transaction() as db:
        reader = let_in(db, token)
        if not form.validate():
            return show(db, reader, token, change=form), 422
        try:
            address_change.ask(db, reader, form.email.data, means=runtime, now=context.now())
        except SameAddress:
            form.email.errors = [_("This is the address that we already write to")]
            return show(db, reader, token, change=form), 422
    runtime.engine.nudge("send_outbox", priority=100)
    flash(_("We have sent a link to the new address. Nothing changes before it is opened."), "info")
    return back_to_page(token)


def let_in(db: Session, token: str) -> Subscriber:
    """The reader whose token this is; what is wrong with it is answered by the door's table of errors."""
    reader = preferences.enter(db, token, means=context.runtime(), now=context.now())
    languages.prefer(reader.language)
    return reader


def show(
    db: Session,
    reader: Subscriber,
    token: str,
    *,
    about: AboutYouForm | None = None,
    change: ChangeAddressForm | None = None,
    pause: PauseForm | None = None,
    told: ToldForm | None = None,
) -> str:
    """The page, with the one form that was just refused where there is one."""
    standing = preferences.standing(db, reader)
    known = {line.newsletter.id for line in standing.subscriptions}
    return render_template(
        "public/preferences.html",
        standing=standing,
        offered=[newsletter for newsletter in standing.offered if newsletter.id not in known],
        reader=reader,
        token=token,
        about=about or AboutYouForm(formdata=None, data={"name": reader.name, "language": reader.language}),
        change=change or ChangeAddressForm(formdata=None),
        pause=pause,
        told=told or told_form(answers.told(db, reader)),
        pause_form=PauseForm,
        rhythm_form=RhythmForm,
        day_names=get_day_names(locale=get_locale()),
        whys=_whys(standing),
        now=context.now(),
    )


def _whys(standing: Standing) -> dict[int, str]:
    """Where whoever has just left a newsletter may say why."""
    runtime, since = context.runtime(), context.now() - ASKED_WHY_FOR
    return {
        line.newsletter.id: url_for(
            "public.unsubscribe_page", token=runtime.signer.sign(Purpose.UNSUBSCRIBE, line.subscription.id)
        )
        for line in standing.subscriptions
        if line.subscription.state is SubscriptionState.UNSUBSCRIBED
        and not line.subscription.told_why
        and line.subscription.ended_at is not None
        and line.subscription.ended_at > since
    }


def back_to_page(token: str) -> ResponseReturnValue:
    """Lead back to the page after a change."""
    return redirect(url_for("public.preferences_page", token=token), 303)
