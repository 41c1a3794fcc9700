"""The programs' door: its blueprint, and what holds for every request that comes through it.

No cookie is read or set here and no form token asked for: each view stands in a list by itself and proves
its caller by a signature or a secret of its own. Answers are a line of JSON, errors too.
"""

from collections.abc import Callable
from typing import Any, TypeVar

from flask import Blueprint, Response, jsonify, request
from werkzeug.exceptions import HTTPException

View = TypeVar("View", bound=Callable[..., Any])
LARGEST_BODY_BYTES = 2 * 1024 * 1024  # SendGrid's batches end at 768 kB, SNS messages at 256 kB

blueprint = Blueprint("webhooks", __name__, url_prefix="/webhooks")
CSRF_EXEMPT: list[Callable[..., Any]] = []


def signed_by_provider(view: View) -> View:
    """Mark a view whose caller's signature is checked by the view itself."""
    CSRF_EXEMPT.append(view)
    return view


@blueprint.url_value_preprocessor
def limit_body(_endpoint: str | None, _values: dict[str, Any] | None) -> None:
    """Refuse what no provider sends, before any of it is read."""
    request.max_content_length = LARGEST_BODY_BYTES


@blueprint.after_request
def keep_out_of_caches(response: Response) -> Response:
    response.headers["Cache-Control"] = "no-store"
    return response


@blueprint.errorhandler(HTTPException)
def answer_error(error: HTTPException) -> tuple[Response, int]:
    """The status and its name; nothing of what was posted."""
    return jsonify(status=error.name), error.code or 500
