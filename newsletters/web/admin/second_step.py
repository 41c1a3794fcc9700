"""The second step of signing in: the code, or a recovery code. Without it there is no session."""

from flask import flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import ngettext
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from newsletters import context
from newsletters.accounts import factor_proof, recovery
from newsletters.accounts import second_step as steps
from newsletters.accounts.models import Editor
from newsletters.accounts.signin import Attempt
from newsletters.web.admin.access import cookie_name, everybody
from newsletters.web.admin.door import blueprint
from newsletters.web.admin.factor_forms import RecoveryForm, StepForm, proof_in, wrong_code
from newsletters.web.admin.letterhead import letterhead
from newsletters.web.admin.signin import BROWSER_COOKIE, STEP_COOKIE, forget_cookie, landing, welcome

Answer = Response | tuple[str, int] | str
Form = StepForm | RecoveryForm


@blueprint.get("/sign-in/code")
@everybody
def second_step() -> Answer:
    """Ask for the code of the app, or for a recovery code where ``recovery`` is asked for."""
    if context.signed_in_editor():
        return redirect(landing(request.args.get("next", "")), 303)
    with context.reading() as session:
        editor = _whose(session)
    if editor is None:
        return _begin_again()
    kind = RecoveryForm if "recovery" in request.args else StepForm
    return _page(kind(formdata=None, data={"next": request.args.get("next", "")}))


@blueprint.post("/sign-in/code")
@everybody
def take_code() -> Answer:
    """Let somebody in whose code is right, unless too many were tried."""
    if context.signed_in_editor():
        return redirect(landing(request.form.get("next", "")), 303)
    form: Form = RecoveryForm() if "recovery" in request.form else StepForm()
    with context.reading() as session:
        editor = _whose(session)
    if editor is None:
        return _begin_again()
    if not form.validate():
        return _page(form), 422
    if not _may_try(editor.id):
        form.form_errors.append(
            _(
                "There were too many wrong codes. Wait a quarter of an hour and begin again, or ask an owner"
                " to reset your second step."
            )
        )
        return _page(form), 429
    left = _let_through(form, editor)
    if left is None:
        form.code.errors = [wrong_code() if isinstance(form, StepForm) else _not_a_recovery_code()]
        return _page(form), 422
    if isinstance(form, RecoveryForm):
        _tell_how_many(left)
    response = welcome(redirect(landing(form.next.data), 303), editor.id)
    return forget_cookie(response, cookie_name(STEP_COOKIE))


def _let_through(form: Form, editor: Editor) -> int | None:
    """Use the code and the step up; the recovery codes that are left, None when the code was wrong."""
    proof = proof_in(form, editor)
    with context.transaction() as session:
        known = session.get_one(Editor, editor.id)
        good = factor_proof.claim(
            session,
            known,
            proof,
            letterhead=letterhead(),
            sealer=context.runtime().sealer,
            now=context.now(),
        )
        if not good or not steps.end_step(session, _cookie()):
            steps.turn_code_away(session, known, now=context.now())
            return None
        return recovery.left(session, editor.id)


def _may_try(editor_id: int) -> bool:
    attempt = Attempt("", context.client_address(), request.cookies.get(cookie_name(BROWSER_COOKIE), ""))
    with context.transaction() as session:
        return steps.may_try_code(
            session,
            session.get_one(Editor, editor_id),
            attempt,
            cookie=_cookie(),
            digester=context.runtime().digester,
            letterhead=letterhead(),
            now=context.now(),
        )


def _whose(session: Session) -> Editor | None:
    return steps.find_step(session, _cookie(), now=context.now())


def _cookie() -> str:
    return request.cookies.get(cookie_name(STEP_COOKIE), "")


def _begin_again() -> Response:
    flash(_("That took longer than five minutes. Please begin again with your password."), "info")
    return redirect(url_for("desk.sign_in", next=request.values.get("next") or None), 303)


def _tell_how_many(left: int) -> None:
    context.runtime().engine.nudge("send_outbox", priority=100)
    words = ngettext(
        "You used a recovery code. %(num)s is left.", "You used a recovery code. %(num)s are left.", left
    )
    more = _("Make new ones in “Your account”.") if left <= recovery.FEW else ""
    flash(f"{words} {more}".strip(), "warn")


def _not_a_recovery_code() -> str:
    return str(_("This is none of your unused recovery codes. Each is good once, and new ones void the old."))


def _page(form: Form) -> str:
    return render_template("desk/signin/code.html", form=form, is_recovery=isinstance(form, RecoveryForm))
