"""``GET /healthz``: whether this process can do its work, for load balancers and the supervisor."""

import logging
from collections.abc import Callable

from flask import Blueprint, Response, jsonify

from newsletters import context

blueprint = Blueprint("health", __name__)
CSRF_EXEMPT: tuple[Callable[..., object], ...] = ()

log = logging.getLogger(__name__)


@blueprint.get("/healthz")
def healthz() -> tuple[Response, int]:
    """200 when web, database and engine are well, 503 with the names of those that are not."""
    runtime = context.runtime()
    parts = {
        "web": "ok",
        "database": _state(runtime.db.ping, "database"),
        "engine": _state(runtime.engine.ping, "engine"),
    }
    well = all(state == "ok" for state in parts.values())
    return jsonify(status="ok" if well else "unwell", **parts), 200 if well else 503


def _state(ping: Callable[[], object], part: str) -> str:
    try:
        ping()
    except Exception:
        log.exception("the %s is not well", part)
        return "unreachable"
    return "ok"
