"""Signing in and out, and the page for a forgotten password.

The form says the same of a wrong password, an unknown address and a disabled account.
"""

from urllib.parse import urlsplit

from flask import flash, redirect, render_template, request, url_for
from flask import session as page_session
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from werkzeug.wrappers import Response
from wtforms import EmailField, HiddenField, PasswordField
from wtforms.validators import DataRequired, Length

from newsletters import context
from newsletters.accounts import passwords, second_step, sessions, signin
from newsletters.accounts.editors import editor_by_address
from newsletters.accounts.models import Editor
from newsletters.web.admin.access import (
    before_factor,
    cookie_name,
    editors_only,
    everybody,
    session_cookie_name,
)
from newsletters.web.admin.door import blueprint

BROWSER_COOKIE = "desk-browser"
STEP_COOKIE = "desk-step"


class SignInForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF carries no types
    """An address and a password; nothing says which of them was wrong."""

    email = EmailField(
        _l("Your e-mail address"), [DataRequired(_l("Please enter your address.")), Length(max=320)]
    )
    password = PasswordField(_l("Password"), [DataRequired(_l("Please enter your password."))])
    next = HiddenField()


@blueprint.get("/sign-in")
@everybody
def sign_in() -> Response | str:
    """Show the form; whoever is signed in already goes on."""
    if context.signed_in_editor():
        return redirect(landing(request.args.get("next", "")), 303)
    return _form(SignInForm(formdata=None, data={"next": request.args.get("next", "")}))


@blueprint.post("/sign-in")
@everybody
def enter() -> Response | tuple[str, int] | str:
    """Let somebody in who knows the password, unless too many have guessed."""
    form = SignInForm()
    if not form.validate():
        return _form(form), 422
    attempt = signin.Attempt(
        form.email.data, context.client_address(), request.cookies.get(cookie_name(BROWSER_COOKIE), "")
    )
    if not _may_try(attempt):
        form.form_errors.append(
            _(
                "There were too many attempts for this account from here. Wait a quarter of an hour, or use"
                " “Forgotten your password?” to get in by mail."
            )
        )
        return _form(form), 429
    with context.reading() as session:
        editor = editor_by_address(session, attempt.email)
    right = passwords.matches(editor.password_hash if editor else None, form.password.data)
    if editor is None or not right or editor.disabled_at is not None:
        with context.transaction() as session:
            signin.turn_away(session, editor, now=context.now())
        form.form_errors.append(_("This address and this password do not belong together."))
        return _form(form), 422
    if editor.has_second_factor:
        return _ask_for_code(editor.id, password=form.password.data, wanted=form.next.data)
    return welcome(redirect(landing(form.next.data), 303), editor.id, password=form.password.data)


@blueprint.post("/sign-out")
@editors_only
@before_factor
def sign_out() -> Response:
    """End this session; the browser stays known."""
    with context.transaction() as session:
        sessions.close_session(session, request.cookies.get(session_cookie_name(), ""))
    flash(_("You are signed out."), "good")
    response = redirect(url_for("desk.sign_in"), 303)
    return forget_cookie(response, session_cookie_name())


def welcome(response: Response, editor_id: int, *, password: str | None = None) -> Response:
    """Begin a session for ``editor_id`` on the way out; an older one of this browser ends.

    The CSRF token changes with it: one that was planted before is worth nothing afterwards.
    """
    page_session.pop("csrf_token", None)
    with context.transaction() as session:
        sessions.close_session(session, request.cookies.get(session_cookie_name(), ""))
        editor = session.get_one(Editor, editor_id)
        cookie = signin.let_in(
            session,
            editor,
            password=password,
            user_agent=request.headers.get("User-Agent", ""),
            now=context.now(),
        )
    set_cookie(response, session_cookie_name(), cookie, max_age=sessions.ABSOLUTE.total_seconds())
    return make_known(response, editor)


def make_known(response: Response, editor: Editor) -> Response:
    """Give the browser the mark that strangers' guesses cannot spend the attempts of."""
    token = signin.browser_cookie(editor, signer=context.runtime().signer, now=context.now())
    lasting = signin.BROWSER_IS_KNOWN_FOR.total_seconds()
    return set_cookie(response, cookie_name(BROWSER_COOKIE), token, max_age=lasting)


def set_cookie(response: Response, name: str, value: str, *, max_age: float) -> Response:
    """A cookie as all of the desk's are: for this host, for HTTP only, not sent along by other sites."""
    response.set_cookie(
        name, value, max_age=int(max_age), path="/", secure=_is_https(), httponly=True, samesite="Lax"
    )
    return response


def forget_cookie(response: Response, name: str) -> Response:
    """Take a cookie of the desk's away."""
    response.delete_cookie(name, path="/", secure=_is_https(), httponly=True, samesite="Lax")
    return response


def landing(wanted: str | None) -> str:
    """Where to go after signing in: a path of the desk, never another site."""
    try:
        parts = urlsplit(wanted or "")
    except ValueError:
        return "/desk"
    is_ours = parts.path == "/desk" or parts.path.startswith("/desk/")
    if parts.scheme or parts.netloc or not is_ours or "\\" in (wanted or ""):
        return "/desk"
    return wanted or "/desk"


def _ask_for_code(editor_id: int, *, password: str, wanted: str | None) -> Response:
    """Lead to the second step. There is no session yet, only the proof that the password was right."""
    with context.transaction() as session:
        editor = session.get_one(Editor, editor_id)
        cookie = second_step.begin_step(session, editor, password=password, now=context.now())
    to = landing(wanted)
    response = redirect(url_for("desk.second_step", next=to if to != "/desk" else None), 303)
    lasting = second_step.GOOD_FOR.total_seconds()
    return set_cookie(response, cookie_name(STEP_COOKIE), cookie, max_age=lasting)


def _may_try(attempt: signin.Attempt) -> bool:
    runtime = context.runtime()
    with context.transaction() as session:
        return signin.may_try(
            session, attempt, digester=runtime.digester, signer=runtime.signer, now=context.now()
        )


def _form(form: SignInForm) -> str:
    return render_template("desk/signin/signin.html", form=form)


def _is_https() -> bool:
    return context.runtime().config.is_https
