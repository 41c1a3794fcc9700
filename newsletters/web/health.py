"""``GET /healthz``: whether this process can do its work, for load balancers and the supervisor.

Only the database decides. An engine that is away costs a second's wait, so it is told and takes no web
server out of service: all of them would leave at once. So would they where the database's disk is full:
what can be read still is, and who posts is told to come again.
"""

import logging
from collections.abc import Callable

from flask import Blueprint, Response, jsonify

from newsletters import context
from newsletters.kernel import roster

blueprint = Blueprint("health", __name__)
CSRF_EXEMPT: tuple[Callable[..., object], ...] = ()

log = logging.getLogger(__name__)


@blueprint.get("/healthz")
def healthz() -> tuple[Response, int]:
    """200 when this process can work, 503 when not; what is not well is named in either case."""
    runtime = context.runtime()
    parts = {
        "web": "ok",
        "database": _state(runtime.db.ping, "database"),
        "engine": _state(runtime.engine.ping, "engine"),
    }
    if parts["database"] != "ok":
        return jsonify(status="unwell", **parts), 503
    parts["disk"] = "full" if disk_is_full() else "ok"
    if parts["disk"] != "ok":
        return jsonify(status="full", **parts), 200
    return jsonify(status="ok" if parts["engine"] == "ok" else "slow", **parts), 200


def disk_is_full() -> bool:
    """Whether this process or a worker finds no room for what is to be written. Asks the database."""
    if context.runtime().db.space.is_full():
        return True
    with context.reading() as session:
        return roster.lacks_room(session, now=context.now())


def _state(ping: Callable[[], object], part: str) -> str:
    try:
        ping()
    except Exception:
        log.exception("the %s is not well", part)
        return "unreachable"
    return "ok"
