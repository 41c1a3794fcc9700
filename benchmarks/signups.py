"""How many sign-ups a second: the real form's POST beside a bare Flask view with one insert.

Both run under the same gunicorn and answer the same wrk, in turn. What a worker does behind the answer is
counted apart.
"""

import cProfile
import pstats
import subprocess
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import count
from pathlib import Path
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text
from werkzeug.test import EnvironBuilder, run_wsgi_app

from benchmarks import gates, newsroom, parts, web
from benchmarks.newsroom import Size
from benchmarks.plan import Plan, say
from benchmarks.sender import Bench
from benchmarks.sink import Sink
from benchmarks.stores import Store
from config import Config
from newsletters.app import create_app
from newsletters.kernel.db import Database

CONNECTIONS = 16
SCRIPT = Path(__file__).with_name("signups.lua")
READERS = Size(10_000)
HERE = "HERE"
WARM, PROFILED = 20, 400
_runs = count(1)


class Refused(Exception):
    """Posts were not answered with success: the figure would be of refusals."""


@dataclass(frozen=True, slots=True)
class Answered:
    """What wrk saw."""

    rate: float
    p50_ms: float
    p99_ms: float


def measure(bench: Bench, stores: Sequence[Store], plan: Plan) -> dict[str, Any]:
    """Requests a second of both, in every round, on the first database."""
    store = stores[0]
    with store.copy(READERS.name, READERS.build) as url, Sink(bench.programs) as sink:
        settings = bench.settings(url, sink, is_signed=False) | web.OPEN_GATES
        bare_url = f"sqlite:///{bench.folder / 'bare.sqlite3'}"
        _prepare(bare_url)
        with (
            web.web(bench.folder, settings, "benchmarks.open_doors:app") as ours,
            web.web(bench.folder, settings | {"DATABASE_URL": bare_url}, "benchmarks.bare:app") as plain,
        ):
            for port in (ours, plain):
                flood(bench, port, seconds=1)  # the first requests compile templates and open databases
            rounds = [_round(bench, ours, plain, plan.signup_seconds) for _ in range(plan.rounds)]
        found = _profile(settings)
    return {"rounds": rounds, "store": store.name, "connections": CONNECTIONS, "profile": found}


def _round(bench: Bench, ours: int, plain: int, seconds: int) -> dict[str, float]:
    bare_answers = flood(bench, plain, seconds=seconds)
    our_answers = flood(bench, ours, seconds=seconds)
    say(f"sign-ups {our_answers.rate:,.0f}/s, bare view {bare_answers.rate:,.0f}/s")
    return {
        "ours": our_answers.rate,
        "bare": bare_answers.rate,
        "ours_p99_ms": our_answers.p99_ms,
        "bare_p99_ms": bare_answers.p99_ms,
    }


def _prepare(url: str) -> None:
    """Make the bare view's one table."""
    db = Database(url)
    with db.engine.begin() as connection:
        connection.execute(text("DROP TABLE IF EXISTS bare"))
        connection.execute(text("CREATE TABLE bare (email TEXT, newsletter TEXT, at TIMESTAMP)"))
    db.close()


def flood(bench: Bench, port: int, *, seconds: int) -> Answered:
    """Post sign-ups as fast as they are answered. Raises Refused."""
    seen = web.visit(port)
    before, behind = seen.body(HERE).split(HERE)
    command = [
        *(
            str(bench.programs.wrk),
            "-t",
            "1",
            "-c",
            str(CONNECTIONS),
            "-d",
            f"{seconds}s",
            "--timeout",
            "10s",
        ),
        *("-s", str(SCRIPT), f"http://127.0.0.1:{port}{web.PATH}", "--", before, behind),
        *(str(next(_runs)), web.HOST, seen.cookie, f"{newsroom.PUBLIC_URL}{web.PATH}"),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=bench.programs.environ)
    numbers = next(line for line in done.stdout.splitlines() if line.startswith("RESULT")).split()[1:]
    requests, microseconds, refused, p50, p99 = map(int, numbers)
    if refused:
        raise Refused(f"{refused} of {requests} posts were refused")
    return Answered(requests / microseconds * 1e6, p50 / 1000, p99 / 1000)


def _profile(settings: dict[str, str]) -> dict[str, Any]:
    """Where the time of a post goes: many of them in this process, which runs the application itself."""
    gates.open_all()
    application = create_app(Config.from_env(settings))
    client = application.test_client()
    page = client.get(web.PATH, base_url=newsroom.PUBLIC_URL).get_data(as_text=True)
    token = web.token_in(page.encode())
    environs = [_environ(token, number, client) for number in range(WARM + 2 * PROFILED)]
    _post_all(application, environs[:WARM])
    began = time.process_time()
    _post_all(application, environs[WARM:-PROFILED])
    cpu_us = (time.process_time() - began) / PROFILED * 1e6
    profile = cProfile.Profile(time.thread_time)
    profile.runcall(_post_all, application, environs[-PROFILED:])
    of_all = parts.of(pstats.Stats(profile))
    found = parts.shares(of_all, parts.SIGNUP_PARTS, seconds=cpu_us * PROFILED / 1e6)
    return {"cpu_us": cpu_us, **asdict(found)}


def _post_all(application: Flask, environs: Sequence[dict[str, Any]]) -> None:
    statuses = {run_wsgi_app(application, environ)[1] for environ in environs}
    if any(not status.startswith("303") for status in statuses):
        raise Refused(f"posts were answered with {statuses}")


def _environ(token: str, number: int, client: FlaskClient) -> dict[str, Any]:
    fields = {"csrf_token": token, "email": web.email("profile", number), "newsletter": "explaining"}
    builder = EnvironBuilder(
        path=web.PATH,
        method="POST",
        base_url=newsroom.PUBLIC_URL,
        data={**fields, "wording": "1", "homepage": "", "started": ""},
        headers=[*web.headers().items(), ("X-Forwarded-For", web.client_address(9_000_000 + number))],
        environ_base={"REMOTE_ADDR": "127.0.0.1"},
    )
    environ: dict[str, Any] = builder.get_environ()
    client._add_cookies_to_wsgi(environ)
    return environ
