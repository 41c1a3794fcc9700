"""Everything as it runs in production, on free ports: web server, worker, sink and the example article.

Real processes, started by their own commands, over a database that holds the demo newsroom. Whoever wants to
prepare or look at rows has ``live.runtime``, wired to the same database, engine and keys.
"""

import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from config import Config
from newsletters.cli.demo import furnish
from newsletters.runtime import Runtime, build
from newsletters.subscribers.guard import CLIENT, Post, admit
from newsletters.tasks.register import register
from tests.postgres import free_ports
from tests.sink import PROJECT, SinkProcess, wait_until

READY_SECONDS = 120.0  # many suites may share two cores
STOP_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class Live:
    """A running newsroom: addresses without a slash at the end."""

    url: str
    example_url: str
    sink: SinkProcess
    runtime: Runtime


@contextmanager
def running(folder: Path, database_url: str) -> Iterator[Live]:
    """Start all of it; stop it in the opposite order."""
    with ExitStack() as stack:
        sink = stack.enter_context(SinkProcess(folder / "sink"))
        port, example_port = free_ports(2)
        environment = {
            "DATA_DIR": str(folder / "var"),
            "DATABASE_URL": database_url,
            "ENGINE_URL": f"sqlite:///{folder / 'engine.sqlite3'}",
            "SMTP_URL": sink.smtp_url,
            "SECRET_KEY": "k" * 40,
            "ADDRESS_HASH_KEY": "h" * 40,
            "PORT": str(port),
            "PUBLIC_URL": f"http://localhost:{port}",
            "EXAMPLE_PORT": str(example_port),
            "UNDO_SECONDS": "2",
        }
        runtime = build(Config.from_env(environment))
        stack.callback(runtime.db.close)
        register(runtime)
        furnish(runtime)
        live = Live(f"http://localhost:{port}", f"http://localhost:{example_port}", sink, runtime)
        started = {
            name: stack.enter_context(_process(name, command, environment, folder))
            for name, command in _commands(port).items()
        }
        for name, address in {"web": f"{live.url}/healthz", "example": f"{live.example_url}/"}.items():
            _wait_for(address, started[name], folder / f"{name}.log")
        yield live


def _commands(port: int) -> dict[str, list[str]]:
    python = sys.executable
    web = [python, "-m", "gunicorn", "wsgi:app", "--bind", f"127.0.0.1:{port}", "--no-control-socket"]
    return {
        "example": [python, "examples/serve.py"],
        "worker": [python, "-m", "newsletters.tasks.worker"],
        "web": [*web, "--workers", "1", "--worker-class", "gthread", "--threads", "4"],
    }


@contextmanager
def _process(
    name: str, command: list[str], environment: dict[str, str], folder: Path
) -> Iterator[subprocess.Popen[bytes]]:
    with (folder / f"{name}.log").open("wb") as log:
        process = subprocess.Popen(
            command, cwd=PROJECT, env={**os.environ, **environment}, stdout=log, stderr=log
        )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_for(address: str, process: subprocess.Popen[bytes], log: Path) -> None:
    def answers_or_ended() -> bool:
        return process.poll() is not None or _answers(address)

    try:
        wait_until(answers_or_ended, timeout=READY_SECONDS, what=address)
    except TimeoutError as error:
        raise RuntimeError(f"{address} does not answer; its last words: {log.read_text()[-1500:]}") from error
    if process.poll() is not None:
        raise RuntimeError(f"what answers at {address} ended; its last words: {log.read_text()[-1500:]}")


def _answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(address, timeout=30):  # noqa: S310  (our own)
            return True
    except OSError:
        return False


def crowd(live: Live, *, posts: int) -> None:
    """Let the address that all tests come from have posted so often in this hour."""
    now = live.runtime.clock.now()
    with live.runtime.db.transaction() as session:
        for at in (now, now + CLIENT.per):  # the next hour may begin before the test has posted
            for _ in range(posts):
                admit(session, Post("127.0.0.1", is_proven=True), means=live.runtime, now=at)


def six_digits(text: str) -> str:
    """The code in the mail's plain text."""
    return next(word for word in text.split() if len(word) == 6 and word.isdecimal())
