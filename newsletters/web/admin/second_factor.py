"""An editor's own second factor: turned on, moved to another app, turned off; new recovery codes.

Whatever shows a secret or takes protection away asks for the password, and for a code where there is one.
Recovery codes are on the page that answers, once, and never again.
"""

from collections.abc import Callable

from flask import Response as TextResponse
from flask import abort, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from newsletters import context
from newsletters.accounts import factor_proof, house, recovery, second_step
from newsletters.accounts import second_factor as factors
from newsletters.accounts.errors import FactorRequired, NothingOffered, WrongCode
from newsletters.accounts.models import Editor
from newsletters.kernel import totp
from newsletters.web.admin import qr
from newsletters.web.admin.access import before_factor, current_editor, current_session_hash, editors_only
from newsletters.web.admin.door import blueprint
from newsletters.web.admin.factor_forms import (
    CHANGES,
    CONFIRMATIONS,
    BeginForm,
    CodeForm,
    GuardedForm,
    password_is_right,
    proof_in,
    within_limit,
    wrong_code,
)
from newsletters.web.admin.letterhead import letterhead

Answer = Response | tuple[str, int] | str
MOST_CHARACTERS = 1000  # of a sheet that is to be written into a file


@blueprint.get("/account/second-factor")
@editors_only
@before_factor
def second_factor() -> str:
    """Show how it stands, or the secret that waits to be taken up."""
    return _page(_guard(empty=True))


@blueprint.post("/account/second-factor/begin")
@editors_only
@before_factor
def begin_factor() -> Answer:
    """Offer a secret; whoever has one already needs its code to move it."""
    form = _guard()
    if not _knows_password(form) or not _acts(form, _offer):
        return _page(form), 422
    return _back()


@blueprint.post("/account/second-factor/withdraw")
@editors_only
@before_factor
def withdraw_factor() -> Response:
    """Forget the secret that is offered."""
    with context.transaction() as session:
        factors.withdraw_offer(session, session.get_one(Editor, current_editor().id))
    return _back()


@blueprint.post("/account/second-factor/confirm")
@editors_only
@before_factor
def confirm_factor() -> Answer:
    """Turn it on once the app has shown that it has the secret; the recovery codes are on the answer."""
    form, editor = CodeForm(), current_editor()
    if not form.validate() or not within_limit(form, editor, CONFIRMATIONS):
        return _page(form), 422
    sheet = recovery.new_sheet()
    try:
        with context.transaction() as session:
            factors.turn_on(
                session,
                session.get_one(Editor, editor.id),
                form.code.data,
                sheet=sheet,
                sealer=context.runtime().sealer,
                change=_change(),
            )
    except NothingOffered:
        flash(_("That took longer than half an hour. Please begin again."), "info")
        return _back()
    except WrongCode:
        form.code.errors = [wrong_code()]
        return _page(form), 422
    context.runtime().engine.nudge("send_outbox", priority=100)
    return render_template("desk/factor/codes.html", codes=sheet.codes, is_new=True)


@blueprint.post("/account/second-factor/codes")
@editors_only
def renew_codes() -> Answer:
    """Give out ten new recovery codes; the answer shows them."""
    if not current_editor().has_second_factor:
        return _back()
    form = GuardedForm()
    if not _knows_password(form):
        return _page(form), 422
    sheet = recovery.new_sheet()
    if not _acts(
        form, lambda session, editor: factors.renew_codes(session, editor, sheet=sheet, change=_change())
    ):
        return _page(form), 422
    return render_template("desk/factor/codes.html", codes=sheet.codes, is_new=False)


@blueprint.post("/account/second-factor/off")
@editors_only
def turn_factor_off() -> Answer:
    """Let the password do again, unless the house wants more."""
    if not current_editor().has_second_factor:
        return _back()
    form = GuardedForm()
    try:
        is_off = _knows_password(form) and _acts(
            form, lambda session, editor: factors.turn_off(session, editor, change=_change())
        )
    except FactorRequired:
        flash(_("It cannot be turned off: an owner requires it of everybody here."), "bad")
        return _back()
    if not is_off:
        return _page(form), 422
    flash(_("It is turned off. Your password alone lets you in."), "good")
    return _back()


@blueprint.post("/account/second-factor/codes.txt")
@editors_only
def download_codes() -> TextResponse:
    """Hand the codes that the page shows back as a file: nobody but the page has them any more."""
    codes = request.form.get("codes", "")[:MOST_CHARACTERS].split()
    if not codes or not all(recovery.PATTERN.fullmatch(code) for code in codes):
        abort(400)
    head = _("Recovery codes for %(newsroom)s", newsroom=context.runtime().config.newsroom)
    lines = [head, current_editor().email, context.now().strftime("%Y-%m-%d"), "", *codes, ""]
    answer = TextResponse("\r\n".join(lines), mimetype="text/plain")
    answer.headers["Content-Disposition"] = "attachment; filename=recovery-codes.txt"
    return answer


def _guard(*, empty: bool = False) -> BeginForm:
    """The form that asks for as much as there is to ask for."""
    kind = GuardedForm if current_editor().has_second_factor else BeginForm
    return kind(formdata=None) if empty else kind()


def _knows_password(form: BeginForm) -> bool:
    """Whether the form can be acted upon; what is wrong with it is said in it."""
    editor = current_editor()
    if not form.validate() or not within_limit(form, editor, CHANGES):
        return False
    return password_is_right(form, editor)


def _acts(form: BeginForm, act: Callable[[Session, Editor], None]) -> bool:
    """Act for somebody who gives a code, where there is a second factor already."""
    editor = current_editor()
    proof = proof_in(form, editor) if isinstance(form, GuardedForm) else None
    with context.transaction() as session:
        known = session.get_one(Editor, editor.id)
        if known.has_second_factor and not factor_proof.claim(
            session,
            known,
            proof,
            letterhead=letterhead(),
            sealer=context.runtime().sealer,
            now=context.now(),
        ):
            second_step.turn_code_away(session, known, now=context.now())
            form.form_errors.append(wrong_code())
            return False
        act(session, known)
    context.runtime().engine.nudge("send_outbox", priority=100)
    return True


def _offer(session: Session, editor: Editor) -> None:
    factors.offer(session, editor, sealer=context.runtime().sealer, now=context.now())


def _change() -> factors.Change:
    return factors.Change(letterhead(), current_session_hash(), context.now())


def _back() -> Response:
    return redirect(url_for("desk.second_factor"), 303)


def _page(form: BeginForm | CodeForm) -> str:
    editor = current_editor()
    with context.reading() as session:
        secret = factors.offered(session, editor, sealer=context.runtime().sealer, now=context.now())
        left = recovery.left(session, editor.id)
        required_at = house.factor_required_at(session)
    if secret is not None and not isinstance(form, CodeForm):
        form = CodeForm(formdata=None)
    if secret is None and isinstance(form, CodeForm):
        form = _guard(empty=True)
    return render_template(
        "desk/factor/page.html", form=form, offer=_shown(secret, editor), left=left, required_at=required_at
    )


def _shown(secret: bytes | None, editor: Editor) -> dict[str, object] | None:
    """What an app takes the secret from: a picture, an address, letters in groups of four."""
    if secret is None:
        return None
    address = totp.uri(secret, issuer=context.runtime().config.newsroom, account=editor.email)
    letters = totp.as_letters(secret)
    groups = [letters[at : at + 4] for at in range(0, len(letters), 4)]
    return {"picture": qr.drawn(address), "address": address, "groups": groups}
