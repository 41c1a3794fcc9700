"""Who may use which view of the desk: each says so by a mark, and one without a mark is closed to all.

The check runs before every request of the desk's blueprint, so a view cannot forget it and a path written
with another case or slash reaches no view at all.
"""

import logging
from collections.abc import Callable
from enum import StrEnum
from typing import ParamSpec, TypeVar, cast

from flask import Response, abort, current_app, flash, g, redirect, request, url_for
from flask_babel import gettext as _
from sqlalchemy.exc import DBAPIError
from werkzeug.wrappers import Response as AnyResponse

from newsletters import context
from newsletters.accounts import house, sessions
from newsletters.accounts.models import Editor
from newsletters.kernel.outage import is_outage
from newsletters.web.admin.door import blueprint

P = ParamSpec("P")
R = TypeVar("R")
SAFE_METHODS = ("GET", "HEAD", "OPTIONS")

log = logging.getLogger(__name__)


class Access(StrEnum):
    """Who a view is for."""

    EVERYBODY = "everybody"
    EDITORS = "editors"
    OWNERS = "owners"


MARK = "desk_access"
BEFORE_FACTOR = "desk_before_factor"


def everybody(view: Callable[P, R]) -> Callable[P, R]:
    """Open to people who are not signed in: the sign-in page and the links we mail."""
    return _mark(view, Access.EVERYBODY)


def editors_only(view: Callable[P, R]) -> Callable[P, R]:
    """For everybody who is signed in."""
    return _mark(view, Access.EDITORS)


def owners_only(view: Callable[P, R]) -> Callable[P, R]:
    """For owners."""
    return _mark(view, Access.OWNERS)


def before_factor(view: Callable[P, R]) -> Callable[P, R]:
    """Open too to those who must set a second factor up before anything else."""
    setattr(view, BEFORE_FACTOR, True)
    return view


def _mark(view: Callable[P, R], access: Access) -> Callable[P, R]:
    setattr(view, MARK, access)
    return view


def access_of(endpoint: str) -> Access | None:
    """The mark of an endpoint of this application, None where there is none."""
    return cast("Access | None", getattr(current_app.view_functions[endpoint], MARK, None))


def current_editor() -> Editor:
    """Who this request is from; only for views behind ``editors_only`` or ``owners_only``."""
    editor = context.signed_in_editor()
    if editor is None:
        abort(403)
    return editor


def current_session_hash() -> str:
    """The hash that names this request's session."""
    return cast(str, g.get("desk_session", ""))


def cookie_name(plain: str) -> str:
    """``__Host-`` binds a cookie to this host and to HTTPS (RFC 6265bis section 4.1.3.2)."""
    return f"__Host-{plain}" if context.runtime().config.is_https else plain


def session_cookie_name() -> str:
    """The name of the cookie that holds a session."""
    return cookie_name("desk")


@blueprint.before_request
def check_access() -> AnyResponse | None:
    """Let a request through to its view, or answer it here."""
    if request.endpoint is None:
        return None
    _recognise()
    access = access_of(request.endpoint)
    editor = context.signed_in_editor()
    if access is None:
        log.error("the desk view %s has no mark", request.endpoint)
        abort(403)
    if access is Access.EVERYBODY:
        return None
    if editor is None:
        return _ask_to_sign_in()
    if g.owes_factor and not hasattr(current_app.view_functions[request.endpoint], BEFORE_FACTOR):
        return _lead_to_factor()
    if access is Access.OWNERS and not editor.is_owner:
        abort(403)
    return None


@blueprint.after_request
def keep_private(response: Response) -> Response:
    """What is on the desk stays out of caches, and a link with a token out of the Referer."""
    response.headers.setdefault("Cache-Control", "no-store")
    if request.view_args and "token" in request.view_args:
        response.headers["Referrer-Policy"] = "no-referrer"
    return response


def _recognise() -> None:
    """Find out who the request is from, and note now and then that the session is in use."""
    context.remember_editor(None)
    cookie = request.cookies.get(session_cookie_name())
    if not cookie:
        return
    with context.reading() as session:
        found = sessions.find_session(session, cookie, now=context.now())
        if found is not None:
            g.owes_factor = house.owes_factor(session, found.editor, signed_in_at=found.row.created_at)
    if found is None:
        return
    if found.is_stale:
        _note_use(found.row.token_hash)
    context.remember_editor(found.editor)
    g.desk_session = found.row.token_hash


def _note_use(token_hash: str) -> None:
    """While nothing can be written, whoever is signed in may still look."""
    try:
        with context.transaction() as session:
            sessions.note_use(session, token_hash, now=context.now())
    except DBAPIError as error:
        if not is_outage(error):
            raise
        log.warning("the use of a session could not be noted")


def _ask_to_sign_in() -> AnyResponse:
    """A page leads to the sign-in form and back; a program gets the bare truth."""
    if wants_json():
        abort(401)
    path = request.full_path.rstrip("?") if request.method in SAFE_METHODS else ""
    if session_cookie_name() in request.cookies:
        flash(_("You have been signed out because you were away for long. Please sign in again."), "info")
    return redirect(url_for("desk.sign_in", next=path or None), 303)


def _lead_to_factor() -> AnyResponse:
    """The house wants a second factor of everybody: nothing else is open until it is set up."""
    if wants_json():
        abort(403)
    return redirect(url_for("desk.second_factor"), 303)


def wants_json() -> bool:
    """Whether a script of ours asks rather than a person's click."""
    best = request.accept_mimetypes.best_match(["text/html", "application/json"], "text/html")
    return best == "application/json" or "X-Requested-With" in request.headers
