"""A fresh confirmation link for whoever holds only a piece of theirs: by address, neutral, limited."""

from flask import render_template, request
from flask.typing import ResponseReturnValue

from newsletters.subscribers.errors import TooManyPosts
from newsletters.subscribers.models import FormKind
from newsletters.web.forms import signup as forms_signup
from newsletters.web.forms import too_often
from newsletters.web.public.door import blueprint
from newsletters.web.public.preferences_forms import AddressForm


@blueprint.route("/confirm/again", methods=["GET", "POST"])
def new_link() -> ResponseReturnValue:
    """Mail what waits for confirmation once more; the answer does not say whether anything does."""
    form = AddressForm()
    if not form.validate_on_submit():
        page = render_template("public/new_link.html", form=form)
        return page, 422 if request.method == "POST" else 200
    try:
        forms_signup.ask_by_mail(FormKind.AGAIN, form.email.data)
    except TooManyPosts as error:
        too_often.say(form, error)
        return too_often.answer(render_template("public/new_link.html", form=form), error)
    return render_template("public/new_link.html", form=form, is_sent=True)
