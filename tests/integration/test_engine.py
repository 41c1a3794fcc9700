"""The task engine on each of its storages: nudges arrive, and losing the engine costs nobody anything."""

import pickle
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import redis
from sqlalchemy import func, select

from config import BadSetting, Config
from newsletters.app import create_app
from newsletters.kernel.clock import FixedClock
from newsletters.kernel.db import Database
from newsletters.mail.outbox import QueuedMail, queue
from newsletters.runtime import EngineAway, Runtime, build
from newsletters.runtime.nudges import MOST_KEPT
from newsletters.subscribers.models import Subscriber
from newsletters.tasks.register import register
from tests.conftest import NOW
from tests.delivering import WorkerProcess
from tests.factories import make_newsletter
from tests.readers import embed_sign_up
from tests.redis import PrivateRedis
from tests.sink import SinkProcess


@pytest.fixture
def redis_server() -> Iterator[PrivateRedis]:
    server = PrivateRedis()
    server.start()
    yield server
    server.remove()


@pytest.fixture(params=["sqlite", "redis", "postgresql"])
def engine_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "redis":
        return str(request.getfixturevalue("redis_server").url)
    if request.param == "postgresql":
        return str(request.getfixturevalue("postgres_url"))
    return f"sqlite:///{tmp_path / 'engine.sqlite3'}"


Process = Callable[[str], Runtime]


@pytest.fixture
def process(config: Config, clock: FixedClock) -> Iterator[Process]:
    """What another process of ours would build with that ``ENGINE_URL``."""
    built: list[Runtime] = []

    def build_one(engine_url: str) -> Runtime:
        one = build(replace(config, engine_url=engine_url), clock=clock)
        register(one)
        built.append(one)
        return one

    yield build_one
    for one in built:
        one.close()


def test_nudges_reach_another_process_the_most_urgent_first(process: Process, engine_url: str) -> None:
    web, worker = process(engine_url), process(engine_url)

    web.engine.nudge("deliver")
    web.engine.nudge("send_outbox")
    web.engine.nudge("deliver", priority=200)
    waiting = worker.engine.waiting()
    taken = [worker.engine.huey.dequeue() for _ in range(4)]

    assert waiting == 3
    assert [task and task.name for task in taken] == ["deliver", "send_outbox", "deliver", None]


def test_a_stranger_in_the_engine_cannot_run_code(process: Process, redis_server: PrivateRedis) -> None:
    worker = process(redis_server.url)
    worker.engine.nudge("deliver")
    with redis.Redis(port=redis_server.port) as stranger:
        stranger.zadd("huey.redis.newsletters", {b"\0" * 8 + pickle.dumps(print): -1000})

    with pytest.raises(ValueError, match=r"Signature|Separator"):
        worker.engine.huey.dequeue()

    assert worker.engine.huey.dequeue().name == "deliver"


@pytest.mark.parametrize("trouble", ["stopped", "frozen", "flushed"])
def test_a_sign_up_is_taken_whatever_becomes_of_the_engine(
    config: Config, db: Database, clock: FixedClock, redis_server: PrivateRedis, trouble: str
) -> None:
    with db.transaction() as session:
        make_newsletter(session, slug="explaining-ukraine")
    runtime = build(replace(config, engine_url=redis_server.url), clock=clock)
    client = create_app(runtime.config, runtime=runtime).test_client()
    runtime.engine.ping()
    {"stopped": redis_server.stop, "frozen": redis_server.freeze, "flushed": redis_server.flush}[trouble]()

    answers = [embed_sign_up(client, email=f"reader{number}@readers.example") for number in range(3)]
    health = client.get("/healthz")
    runtime.close()

    assert [answer.status_code for answer in answers] == [200] * 3
    assert _signed_up(db) == 3
    assert health.status_code == 200
    assert health.json is not None
    assert (health.json["database"], health.json["engine"]) == (
        "ok",
        "ok" if trouble == "flushed" else "unreachable",
    )


def test_an_engine_that_comes_back_is_used_again(process: Process, redis_server: PrivateRedis) -> None:
    web, worker = process(redis_server.url), process(redis_server.url)
    web.engine.ping()
    redis_server.stop()
    web.engine.nudge("deliver")
    with pytest.raises(EngineAway, match="onnection"):
        web.engine.ping()
    kept_here, elsewhere = web.engine.waiting(), worker.engine.waiting()

    redis_server.start()
    web.engine.ping()
    worker.engine.ping()
    web.engine.nudge("send_outbox")

    assert (kept_here, elsewhere) == (1, 0)
    assert worker.engine.huey.dequeue().name == "send_outbox"
    assert web.engine.huey.dequeue().name == "deliver"  # this process's own: a worker loses nothing


def test_what_is_kept_in_a_process_is_bounded(process: Process) -> None:
    web = process("memory://")

    for _ in range(MOST_KEPT + 50):
        web.engine.nudge("deliver")

    assert web.engine.waiting() == MOST_KEPT


def test_a_worker_without_its_engine_goes_on_by_the_database(
    config: Config, db: Database, sink: SinkProcess, redis_server: PrivateRedis, tmp_path: Path
) -> None:
    settings = {"ENGINE_URL": redis_server.url}
    with WorkerProcess(config, sink, tmp_path / "worker", **settings):
        _queue(db, to="before@readers.example")
        sink.message(to="before@readers.example")

        redis_server.stop()
        _queue(db, to="stopped@readers.example")
        sink.message(to="stopped@readers.example")

        redis_server.start()
        redis_server.freeze()
        _queue(db, to="frozen@readers.example")
        sink.message(to="frozen@readers.example")

        redis_server.thaw()
        _queue(db, to="after@readers.example")
        sink.message(to="after@readers.example")
    assert sink.stats()["duplicates"] == 0


@pytest.mark.parametrize(
    "url", ["redis://127.0.0.1/0?colour=blue", "postgresql://127.0.0.1/x?colour=blue", "rediss://[::1/0"]
)
def test_an_engine_url_that_cannot_be_read_is_said_at_once(config: Config, url: str) -> None:
    with pytest.raises(BadSetting, match=r"^ENGINE_URL: "):
        build(replace(config, engine_url=url))


def test_the_engine_is_only_asked_when_it_is_needed(process: Process) -> None:
    apart = process("redis://127.0.0.1:1/0")

    apart.engine.nudge("deliver")

    assert apart.engine.waiting() == 1
    with pytest.raises(EngineAway):
        apart.engine.ping()


def _signed_up(db: Database) -> int:
    with db.reading() as session:
        return session.scalar(select(func.count()).select_from(Subscriber)) or 0


def _queue(db: Database, *, to: str) -> None:
    """Queue a mail and nudge nobody, as if the nudge had been lost."""
    params = {"subject": "Hello", "text": "Hello", "html": "<p>Hello</p>"}
    with db.transaction() as session:
        queue(session, QueuedMail("composed", to, "en", params), now=NOW)
