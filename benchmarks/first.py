"""How long an editor waits: from the press on "Send" to the first message at the relay.

The press is the desk's real POST, which the application takes in this process; the undo window is off.
Behind it come the freeze of the whole audience and the first batch. The worker is another process and idle.
"""

import re
import time
from collections.abc import Sequence
from typing import Any

from flask.testing import FlaskClient

from benchmarks import newsroom, sender
from benchmarks.newsroom import Size
from benchmarks.plan import Plan, say
from benchmarks.sender import Bench
from benchmarks.sink import Sink
from benchmarks.stores import Store
from config import Config
from newsletters.app import create_app
from newsletters.publishing.models import Issue

LONGEST_SECONDS = 300.0
SEND = "/desk/issues/1/send"
_TOKEN = re.compile(r'name="csrf_token"[^>]*value="([^"]+)"')
_VERSION = re.compile(r'name="version"[^>]*value="([^"]+)"')


class NotSent(Exception):
    """The desk did not let the issue go."""


def measure(bench: Bench, stores: Sequence[Store], plan: Plan) -> dict[str, Any]:
    """Seconds on each database, round by round."""
    rounds = []
    for _ in range(plan.rounds):
        seen = {store.name: _wait(bench, store, plan) for store in stores}
        say(", ".join(f"{name} {wait['first']:.2f} s" for name, wait in seen.items()))
        rounds.append(seen)
    return {"rounds": rounds, "recipients": plan.audience}


def _wait(bench: Bench, store: Store, plan: Plan) -> dict[str, float]:
    """Seconds from the press to the desk's answer, the worker's beginning and the first message."""
    size = Size(plan.audience)
    with store.copy(size.name, size.build) as url, Sink(bench.programs) as sink:
        settings = bench.settings(url, sink, is_signed=True)
        with sender.worker(bench.folder, settings), sender.opened(url) as db:
            app = create_app(Config.from_env(settings))
            client = app.test_client()
            sign_in(client)
            form = send_form(client)
            pressed_at, began = time.time(), time.monotonic()
            press_send(client, form)
            answered = time.monotonic() - began
            sink.wait_for(1, seconds=LONGEST_SECONDS)
            with db.reading() as session:
                started_at = session.get_one(Issue, 1).started_at
            assert started_at is not None
            return {
                "answered": answered,
                "begun": started_at.timestamp() - pressed_at,
                "first": sink.marks[0][0] - began,
            }


def sign_in(client: FlaskClient) -> None:
    """Sign the newsroom's editor in through the form."""
    page = _get(client, "/desk/sign-in")
    fields = {"csrf_token": _found(_TOKEN, page), "email": newsroom.EDITOR, "password": newsroom.PASSWORD}
    answer = client.post("/desk/sign-in", base_url=newsroom.PUBLIC_URL, data=fields, headers=_referer())
    if answer.status_code != 303:
        raise NotSent(f"signing in was answered with {answer.status_code}")


def send_form(client: FlaskClient) -> dict[str, str]:
    """The last page before the draft goes out, filled in."""
    page = _get(client, SEND)
    return {
        "csrf_token": _found(_TOKEN, page),
        "version": _found(_VERSION, page),
        "when": "now",
        "seen": "1",
        "name": "Explaining Ukraine",
    }


def press_send(client: FlaskClient, form: dict[str, str]) -> None:
    """Press the button of that page."""
    answer = client.post(SEND, base_url=newsroom.PUBLIC_URL, data=form, headers=_referer())
    if answer.status_code != 303:
        raise NotSent(f"{SEND} was answered with {answer.status_code}")


def _get(client: FlaskClient, path: str) -> str:
    return client.get(path, base_url=newsroom.PUBLIC_URL).get_data(as_text=True)


def _referer() -> dict[str, str]:
    return {"Referer": f"{newsroom.PUBLIC_URL}/desk"}


def _found(pattern: re.Pattern[str], page: str) -> str:
    found = pattern.search(page)
    if found is None:
        raise NotSent(f"the page lacks {pattern.pattern}")
    return found[1]
