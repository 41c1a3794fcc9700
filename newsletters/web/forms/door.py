"""The embed door's blueprint: forms on other people's pages post here.

No view here reads or sets a cookie, so nothing of a visitor can be forged or borrowed and none needs a CSRF
token; what they change is at most a pending request, or what a code from the mail proves. Any page may read
the answers, which say the same to everybody.
"""

from collections.abc import Callable
from typing import Any, TypeVar

from flask import Blueprint, Response

from newsletters.subscribers.errors import ProofWanted
from newsletters.web.forms.proof import one_moment

View = TypeVar("View", bound=Callable[..., Any])

blueprint = Blueprint("embed", __name__)
CSRF_EXEMPT: list[Callable[..., Any]] = []

blueprint.register_error_handler(ProofWanted, one_moment)


def without_cookies(view: View) -> View:
    """Mark a view that has no use for a cookie."""
    CSRF_EXEMPT.append(view)
    return view


@blueprint.after_request
def open_to_all(response: Response) -> Response:
    """Let scripts of any origin read the answer (Fetch standard, CORS protocol; no credentials)."""
    response.headers["Access-Control-Allow-Origin"] = "*"
    response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    response.headers.setdefault("Cache-Control", "no-store")
    return response
