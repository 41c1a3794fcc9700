"""The desk in a large newsroom beside a small one: every page an editor can reach, through the application.

Pages are found by following links from the desk's first page, and by its search forms. The same page is
asked for in both newsrooms in turn. Downloads are left out: they are as long as what they hold.
"""

import re
import statistics
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from html import unescape
from typing import Any
from urllib.parse import parse_qs, urlsplit

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine, event
from werkzeug.exceptions import HTTPException

from benchmarks import first, newsroom
from benchmarks.archive import Past
from benchmarks.figures import slowest, steepest
from benchmarks.plan import Plan, say
from benchmarks.sender import Bench
from benchmarks.sink import Sink
from benchmarks.stores import Store
from config import Config
from newsletters.app import create_app
from newsletters.runtime import build

SMALL_READERS = 1000
ENTRANCES = (
    "/desk",
    "/desk/readers?search=reader9",
    "/desk/readers?search=reader999%40mail999.example",
    "/desk/readers?search=%D0%BE%D0%BB",
    "/desk/readers?search=nobody-of-that-name",
    *(f"/desk/readers?state={state}" for state in ("active", "pending", "bounced", "unsubscribed")),
    *(f"/desk/issues/1/readers/{state}" for state in ("accepted", "bounced", "failed")),
    "/desk/suppressions?search=reader1000%40mail1000.example",
)
PAGES = ("text/html", "application/json")
MOST_PAGES = 300
EXPLAINED = 4  # pages whose statements are kept, of the slowest and of those that grow most
ASKS = 3  # a page's time in a round is the median of so many
_LINK = re.compile(r'(?:href|src)="(/desk[^"#]*)')
Times = dict[str, list[float]]  # milliseconds by page, one for each round


class Desk:
    """One newsroom's desk, and an editor signed in there."""

    def __init__(self, app: Flask, engine: Engine) -> None:
        self._engine = engine
        self._adapter = app.url_map.bind("localhost")
        self._client: FlaskClient = app.test_client()
        first.sign_in(self._client)

    def pages(self) -> dict[str, str]:
        """A path for each kind of page: a view, and what its query asks for."""
        found: dict[str, str] = {}
        waiting, known = deque(ENTRANCES), set(ENTRANCES)
        while waiting and len(found) < MOST_PAGES:
            path = waiting.popleft()
            kind = self._kind(path)
            if kind is None or (kind in found and path not in ENTRANCES):
                continue
            answer = self._get(path)
            if answer.status_code != 200 or answer.mimetype not in PAGES:
                continue
            found[path if path in ENTRANCES else kind] = path
            for link in map(unescape, _LINK.findall(answer.get_data(as_text=True))):
                if link not in known:
                    known.add(link)
                    waiting.append(link)
        return found

    def milliseconds(self, path: str) -> float:
        """The median time of a few looks at a page."""
        return statistics.median(self._timed(path) for _ in range(ASKS))

    def statements(self, path: str) -> list[tuple[float, str]]:
        """What a page asks the database for: milliseconds and SQL, the slowest first."""
        seen: list[tuple[float, str]] = []
        began: list[float] = []

        def before(*_arguments: Any) -> None:
            began.append(time.perf_counter())

        def after(_connection: Any, _cursor: Any, statement: str, *_arguments: Any) -> None:
            seen.append(((time.perf_counter() - began.pop()) * 1000, " ".join(statement.split())))

        event.listen(self._engine, "before_cursor_execute", before)
        event.listen(self._engine, "after_cursor_execute", after)
        self._get(path)
        event.remove(self._engine, "before_cursor_execute", before)
        event.remove(self._engine, "after_cursor_execute", after)
        return sorted(seen, reverse=True)

    def _timed(self, path: str) -> float:
        began = time.perf_counter()
        self._get(path).get_data()
        return (time.perf_counter() - began) * 1000

    def _get(self, path: str) -> Any:
        return self._client.get(path, base_url=newsroom.PUBLIC_URL)

    def _kind(self, path: str) -> str | None:
        parts = urlsplit(path)
        try:
            endpoint, _ = self._adapter.match(parts.path)
        except HTTPException:
            return None
        asked = parse_qs(parts.query)
        values = [f"{name}={asked[name][0]}" for name in ("shelf", "state", "view") if name in asked]
        return " ".join((endpoint, *sorted(set(asked) - {"shelf", "state", "view"}), *values))


def measure(bench: Bench, stores: Sequence[Store], plan: Plan) -> dict[str, Any]:
    """Times of every page in both newsrooms on each database; the rounds are those of the worst pages."""
    pages: dict[str, dict[str, Any]] = {}
    for store in stores:
        say(f"{store.name}: {plan.readers:,} readers, {plan.readers * plan.issues:,} deliveries")
        for kind, seen in _compare(bench, store, plan).items():
            pages[f"{kind} ({store.name})"] = seen
    by_ratio = max(pages.values(), key=lambda seen: statistics.median(_ratios(seen)))
    by_time = max(pages.values(), key=lambda seen: statistics.median(seen["large"]))
    rounds = [
        {"worst_ratio": ratio, "worst_ms": slowest}
        for ratio, slowest in zip(_ratios(by_ratio), by_time["large"], strict=True)
    ]
    return {"rounds": rounds, "pages": pages, "readers": plan.readers, "issues": plan.issues}


def _compare(bench: Bench, store: Store, plan: Plan) -> dict[str, dict[str, Any]]:
    """Milliseconds of the pages that both newsrooms have, round by round."""
    with (
        _desk(bench, store, Past(SMALL_READERS, plan.issues)) as small,
        _desk(bench, store, Past(plan.readers, plan.issues)) as large,
    ):
        here, there = small.pages(), large.pages()
        seen: dict[str, dict[str, Any]] = {
            kind: {"path": there[kind], "small": [], "large": []} for kind in here if kind in there
        }
        say(f"{len(seen)} pages in both newsrooms")
        for _ in range(plan.page_rounds):
            for kind, times in seen.items():
                times["small"].append(small.milliseconds(here[kind]))
                times["large"].append(large.milliseconds(there[kind]))
        for kind in {*slowest(seen, EXPLAINED), *steepest(seen, EXPLAINED)}:
            seen[kind]["statements"] = large.statements(there[kind])[:EXPLAINED]
            say(_line(kind, seen[kind]))
    return seen


def _line(kind: str, seen: Mapping[str, Any]) -> str:
    milliseconds, statement = seen["statements"][0]
    middle = statistics.median(seen["small"]), statistics.median(seen["large"])
    return (
        f"{middle[0]:.1f} ms small, {middle[1]:.1f} ms large: {kind}; {milliseconds:.1f} ms {statement[:150]}"
    )


@contextmanager
def _desk(bench: Bench, store: Store, past: Past) -> Iterator[Desk]:
    with Sink(bench.programs) as sink:
        settings = bench.settings(store.kept(past.name, past.build), sink, is_signed=False)
    config = Config.from_env(settings | {"ENGINE_URL": "memory://"})
    runtime = build(config)
    try:
        yield Desk(create_app(config, runtime=runtime), runtime.db.engine)
    finally:
        runtime.db.close()


def _ratios(seen: Mapping[str, Any]) -> list[float]:
    return [large / small for small, large in zip(seen["small"], seen["large"], strict=True)]
