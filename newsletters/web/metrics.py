"""``GET /metrics``: how the newsroom fares, for Prometheus and whatever reads its text format (0.0.4).

Closed until ``METRICS_TOKEN`` is set; then whoever shows it as a bearer token (RFC 6750) may read. Any web
server tells the same: the numbers are those of all machines.
"""

import hmac
from collections.abc import Callable, Iterator

from flask import Blueprint, Response, abort, request

from newsletters import context
from newsletters.reports.metrics import Gauge, gauges

blueprint = Blueprint("metrics", __name__)
CSRF_EXEMPT: tuple[Callable[..., object], ...] = ()
FORMAT = "text/plain; version=0.0.4; charset=utf-8"


@blueprint.get("/metrics")
def metrics() -> Response:
    """Every number; 404 while closed, 401 without the token."""
    token = context.runtime().config.metrics_token
    if not token:
        abort(404)
    given = request.headers.get("Authorization", "").removeprefix("Bearer ")
    if not hmac.compare_digest(given.encode(), token.encode()):
        return Response("A bearer token is needed.\n", 401, {"WWW-Authenticate": "Bearer"}, "text/plain")
    with context.reading() as session:
        lines = [line for gauge in gauges(session, now=context.now()) for line in _lines(gauge)]
    return Response("\n".join(lines) + "\n", content_type=FORMAT)


def _lines(gauge: Gauge) -> Iterator[str]:
    name = f"newsletters_{gauge.name}"
    yield f"# HELP {name} {gauge.help}"
    yield f"# TYPE {name} gauge"
    for labels, value in gauge.samples:
        told = ",".join(f'{label}="{_escaped(said)}"' for label, said in labels.items())
        yield f"{name}{{{told}}} {float(value):.15g}" if told else f"{name} {float(value):.15g}"


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
