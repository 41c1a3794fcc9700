"""A reader's own data: what they agreed to, everything we hold, and its erasure (GDPR Art. 7, 15, 17 and 20).

The page and the file with everything are made of the same data, so neither says less than the other. Evidence
of consent is handed out with the very words that were agreed to, as a page and as a text that can be kept.
"""

from flask import Response, json, render_template, session
from flask.typing import ResponseReturnValue

from newsletters import context
from newsletters.reports.own_data import everything
from newsletters.subscribers import erasure
from newsletters.subscribers.download import consents
from newsletters.web.answer_words import told_words
from newsletters.web.public.clocks import Clocks
from newsletters.web.public.door import blueprint
from newsletters.web.public.preferences import let_in
from newsletters.web.public.preferences_forms import EraseForm
from newsletters.web.public.receipt_words import WORDS, noticed_words

blueprint.add_app_template_filter(noticed_words)


@blueprint.get("/preferences/<token>/receipts")
def consent_receipts(token: str) -> str:
    """What the reader agreed to: the words, the moment, the form and the page."""
    with context.reading() as db:
        reader = let_in(db, token)
        receipts, clocks = consents(db, reader), Clocks.of(db, reader)
    return render_template(
        "public/receipts.html", reader=reader, receipts=receipts, token=token, words=WORDS, clocks=clocks
    )


@blueprint.get("/preferences/<token>/receipts.txt")
def download_receipts(token: str) -> Response:
    """The same as a text to keep."""
    with context.reading() as db:
        reader = let_in(db, token)
        receipts, clocks = consents(db, reader), Clocks.of(db, reader)
    text = render_template(
        "public/receipts.txt",
        reader=reader,
        receipts=receipts,
        words=WORDS,
        clocks=clocks,
        now=context.now(),
    )
    return _file(text, "my-consent.txt", "text/plain")


@blueprint.get("/preferences/<token>/data")
def all_data(token: str) -> str:
    """Everything we hold, to be read."""
    with context.reading() as db:
        reader = let_in(db, token)
        data, told = everything(db, reader, now=context.now()), told_words(db, reader)
        clocks = Clocks.of(db, reader)
    return render_template("public/data.html", data=data, told=told, token=token, words=WORDS, clocks=clocks)


@blueprint.get("/preferences/<token>/download")
def download_data(token: str) -> Response:
    """Everything we hold, as a file that programs read."""
    with context.reading() as db:
        data = everything(db, let_in(db, token), now=context.now())
    body = json.dumps(data, ensure_ascii=False, indent=2, sort_keys=False)
    return _file(body, "my-newsletters.json", "application/json")


@blueprint.route("/preferences/<token>/erase", methods=["GET", "POST"])
def erase(token: str) -> ResponseReturnValue:
    """Say what goes and what stays; erase once the reader is sure."""
    form = EraseForm()
    with context.transaction() as db:
        reader = let_in(db, token)
        if not form.is_submitted():
            return render_template("public/erase.html", form=form, token=token)
        if not form.validate():
            return render_template("public/erase.html", form=form, token=token), 422
        erasure.erase(db, reader, means=context.runtime(), now=context.now())
    session.clear()  # the page after a sign-up repeats the address from there
    return render_template("public/erased.html")


def _file(body: str, name: str, mimetype: str) -> Response:
    response = Response(body, content_type=f"{mimetype}; charset=utf-8")
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response
