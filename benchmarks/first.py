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

LONGEST_SECONDS = 300.0
_TOKEN = re.compile(r'name="csrf_token"[^>]*value="([^"]+)"')
_VERSION = re.compile(r'name="version"[^>]*value="([^"]+)"')


class NotSent(Exception):
    """The desk did not let the issue go."""


def measure(bench: Bench, stores: Sequence[Store], plan: Plan) -> dict[str, Any]:
    """Seconds on each database, round by round."""
    rounds = []
    for _ in range(plan.rounds):
        seen = {store.name: _seconds(bench, store, plan) for store in stores}
        say(", ".join(f"{name} {seconds:.2f} s" for name, seconds in seen.items()))
        rounds.append(seen)
    return {"rounds": rounds, "recipients": plan.audience}


def _seconds(bench: Bench, store: Store, plan: Plan) -> float:
    size = Size(plan.audience)
    with store.copy(size.name, size.build) as url, Sink(bench.programs) as sink:
        settings = bench.settings(url, sink, is_signed=True)
        with sender.worker(bench.folder, settings):
            app = create_app(Config.from_env(settings))
            client = app.test_client()
            sign_in(client)
            began = press_send(client)
            sink.wait_for(1, seconds=LONGEST_SECONDS)
            return sink.marks[0][0] - began


def sign_in(client: FlaskClient) -> None:
    """Sign the newsroom's editor in through the form."""
    page = _get(client, "/desk/sign-in")
    fields = {"csrf_token": _found(_TOKEN, page), "email": newsroom.EDITOR, "password": newsroom.PASSWORD}
    answer = client.post("/desk/sign-in", base_url=newsroom.PUBLIC_URL, data=fields, headers=_referer())
    if answer.status_code != 303:
        raise NotSent(f"signing in was answered with {answer.status_code}")


def press_send(client: FlaskClient, issue_id: int = 1) -> float:
    """Send the draft now; the moment of the press, of time.monotonic()."""
    path = f"/desk/issues/{issue_id}/send"
    page = _get(client, path)
    fields = {
        "csrf_token": _found(_TOKEN, page),
        "version": _found(_VERSION, page),
        "when": "now",
        "seen": "on",
        "name": "Explaining Ukraine",
    }
    began = time.monotonic()
    answer = client.post(path, base_url=newsroom.PUBLIC_URL, data=fields, headers=_referer())
    if answer.status_code != 303:
        raise NotSent(f"{path} was answered with {answer.status_code}")
    return began


def _get(client: FlaskClient, path: str) -> str:
    return client.get(path, base_url=newsroom.PUBLIC_URL).get_data(as_text=True)


def _referer() -> dict[str, str]:
    return {"Referer": f"{newsroom.PUBLIC_URL}/desk"}


def _found(pattern: re.Pattern[str], page: str) -> str:
    found = pattern.search(page)
    if found is None:
        raise NotSent(f"the page lacks {pattern.pattern}")
    return found[1]
