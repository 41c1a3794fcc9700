"""The public door's blueprint: every module of views in this folder hangs its routes on it.

CSRF means that a browser adds a credential of its own accord. Two kinds of POST stand outside the
application-wide check: views whose only credential is a signed token in their own address, which a foreign
page cannot know (they must work without any cookie, RFC 8058 section 3.2), and sign-up forms, which check
their CSRF token themselves, so that a stale page comes back with what was typed and not as an error.

Whatever a token opens is kept out of caches, search engines and Referer headers.
"""

from collections.abc import Callable
from typing import Any, TypeVar

from flask import Blueprint, Response, request

View = TypeVar("View", bound=Callable[..., Any])

blueprint = Blueprint("public", __name__)
CSRF_EXEMPT: list[Callable[..., Any]] = []
PERSONAL: set[str] = set()


def by_token(view: View) -> View:
    """Mark a view whose credential is the token in its address."""
    CSRF_EXEMPT.append(view)
    return view


def checks_csrf_itself(view: View) -> View:
    """Mark a view whose form is a FlaskForm that it validates before anything happens."""
    CSRF_EXEMPT.append(view)
    return view


def only_reads(view: View) -> View:
    """Mark a view whose form changes nothing, for whoever posts it: it needs no cookie to be answered."""
    CSRF_EXEMPT.append(view)
    return view


def personal(view: View) -> View:
    """Mark a view that shows something of one reader without a token in its address."""
    PERSONAL.add(f"{blueprint.name}.{view.__name__}")
    return view


@blueprint.after_request
def keep_private(response: Response) -> Response:
    """Pages of one reader leave no trace outside that reader's browser."""
    if "token" in (request.view_args or {}) or request.endpoint in PERSONAL:
        response.headers["Cache-Control"] = "no-store"
        response.headers["Referrer-Policy"] = "no-referrer"
        response.headers["X-Robots-Tag"] = "noindex"
    elif response.mimetype == "text/html":
        response.headers.setdefault("Cache-Control", "private, no-cache")
    return response
