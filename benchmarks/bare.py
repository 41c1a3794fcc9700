"""The yardstick for a sign-up: a bare Flask view with the same form and one insert, and nothing else.

The form has our form's fields, its CSRF token and the check of the address by email-validator; the insert is
on the disk when the answer leaves, as ours is. It limits nobody, mails nobody and proves nothing.
"""

import os
from datetime import UTC, datetime

from flask import Flask, redirect, render_template_string
from flask.typing import ResponseReturnValue
from flask_wtf import FlaskForm
from sqlalchemy import text
from wtforms import EmailField, HiddenField, SelectMultipleField, StringField
from wtforms.validators import Email, InputRequired

from newsletters.kernel.db import Database

PAGE = """<form method="post">{{ form.csrf_token }}{{ form.email }}{{ form.newsletter }}
<button>Subscribe</button></form>"""
INSERT = text("INSERT INTO bare (email, newsletter, at) VALUES (:email, :newsletter, :at)")

app = Flask(__name__)
app.secret_key = os.environ["SECRET_KEY"]
db = Database(os.environ["DATABASE_URL"])


class SubscribeForm(FlaskForm):  # type: ignore[misc]
    """The fields of the real form."""

    email = EmailField(validators=[InputRequired(), Email()])
    newsletter = SelectMultipleField(choices=[("explaining", "Explaining Ukraine")])
    homepage = StringField()
    wording = SelectMultipleField(validate_choice=False)
    started = HiddenField()


@app.route("/newsletters/explaining", methods=["GET", "POST"])
def subscribe() -> ResponseReturnValue:
    """Show the form, or take it."""
    form = SubscribeForm()
    if not form.validate_on_submit():
        return render_template_string(PAGE, form=form)
    row = {"email": form.email.data, "newsletter": form.newsletter.data[0], "at": datetime.now(UTC)}
    with db.transaction() as session:
        session.execute(INSERT, row)
    return redirect("/subscribed", 303)
