"""What a reader once told us in a form: they may change it or take it back, question by question."""

from flask import flash
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from newsletters import context
from newsletters.subscribers import answers
from newsletters.web.public import preferences
from newsletters.web.public.door import blueprint
from newsletters.web.public.preferences_forms import told_form


@blueprint.post("/preferences/<token>/told")
def change_told(token: str) -> ResponseReturnValue:
    """Take other answers, or none."""
    with context.transaction() as db:
        reader = preferences.let_in(db, token)
        form = told_form(answers.told(db, reader), is_posted=True)
        if not form.validate():
            return preferences.show(db, reader, token, told=form), 422
        for asked in form.questions:
            answers.change(reader, asked, form.answers.get(asked.key))
    flash(_("Saved."), "good")
    return preferences.back_to_page(token)
