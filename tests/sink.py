"""The local SMTP sink as a real process, for every test that looks at mail we sent.

``SinkProcess`` starts ``python -m newsletters.sink`` on loopback ports and in a folder of its own and
talks to it as anybody would: SMTP in, JSON out. The ports stay its own while it is away. The fixture ``sink``
gives one to a single test, forked from a process that has already imported everything: the same program, and
there at once.
"""

import json
import multiprocessing
import os
import signal
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from email import message_from_bytes, policy
from email.message import EmailMessage
from functools import cache, cached_property
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerContext
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Protocol, Self, TypeVar

import pytest

from newsletters.sink.__main__ import main
from tests.postgres import free_ports, give_back

PROJECT = Path(__file__).resolve().parent.parent
STOP_SECONDS = 60.0
POLL_SECONDS = 0.02
UNSET = dict.fromkeys(
    (
        "SINK_HOST",
        "SINK_ALLOW_REMOTE",
        "SINK_HTTP_HOSTS",
        "SINK_MAX_MESSAGES",
        "SINK_MAX_MESSAGE_BYTES",
        "SINK_FAULTS",
    ),
    "",
)  # whatever the environment or .env of the person who runs the tests says

T = TypeVar("T")


class Running(Protocol):
    """What ``subprocess.Popen`` says of a process."""

    @property
    def pid(self) -> int: ...

    @property
    def stdout(self) -> IO[Any] | None: ...

    def send_signal(self, sig: int) -> None: ...

    def wait(self, timeout: float | None = None) -> int: ...

    def kill(self) -> None: ...


class SinkMessage:
    """One kept message: what the list tells at once, and the rest fetched when it is first asked for."""

    def __init__(self, sink: "SinkProcess", summary: Mapping[str, Any]) -> None:
        self._sink = sink
        self.id: str = summary["id"]
        self.mail_from: str = summary["mail_from"]
        self.recipients: list[str] = summary["recipients"]
        self.sender: str = summary["from"]
        self.subject: str = summary["subject"]
        self.message_id: str = summary["message_id"]
        self.size: int = summary["size"]
        self.received_at: str = summary["received_at"]
        self.connection: int = summary["connection"]

    @cached_property
    def detail(self) -> dict[str, Any]:
        """The whole answer of ``GET /api/messages/ID``."""
        return self._sink.get(f"/api/messages/{self.id}")  # type: ignore[no-any-return]

    @cached_property
    def raw(self) -> bytes:
        """The message byte for byte as it was received, dots unstuffed."""
        return self._sink.get_bytes(f"/api/messages/{self.id}/raw")

    @cached_property
    def parsed(self) -> EmailMessage:
        return message_from_bytes(self.raw, policy=policy.default)

    @property
    def text(self) -> str:
        return str(self.detail["text"])

    @property
    def html(self) -> str:
        return str(self.detail["html"])

    @property
    def links(self) -> list[str]:
        """Every address linked to, in order, each once; from HTML and from plain text."""
        return list(self.detail["links"])

    @property
    def headers(self) -> list[tuple[str, str]]:
        return [(name, value) for name, value in self.detail["headers"]]

    @property
    def envelope(self) -> dict[str, Any]:
        return dict(self.detail["envelope"])

    def header(self, name: str) -> str:
        """The only header of that name. Raises KeyError for none, ValueError for several."""
        values = [value for key, value in self.headers if key.lower() == name.lower()]
        if not values:
            raise KeyError(name)
        if len(values) > 1:
            raise ValueError(f"{name} stands {len(values)} times")
        return values[0]

    def link(self, part: str) -> str:
        """The first link that contains `part`."""
        return next(link for link in self.links if part in link)


class SinkProcess:
    """A sink in its own process on free ports. Use as a context manager, or call start() and stop()."""

    def __init__(self, directory: Path, **environment: str) -> None:
        self.directory = directory
        self._environment = environment
        self._process: Running | None = None
        self._ports: list[int] = []
        self.smtp_host = "127.0.0.1"
        self.smtp_port = 0
        self.http_url = ""

    def start(self) -> Self:
        """Start it and wait until it answers. After a stop() or kill() it comes back on the same ports."""
        self.directory.mkdir(parents=True, exist_ok=True)
        if not self._ports:
            self._ports = free_ports(2)
        self._process = self._begun()
        ready = self._read_ready_line()
        self.smtp_host, self.smtp_port, self.http_url = (
            ready["smtp_host"],
            ready["smtp_port"],
            ready["http_url"],
        )
        return self

    def _begun(self) -> Running:
        with (self.directory / "stderr.txt").open("ab") as stderr:
            return subprocess.Popen(
                [sys.executable, "-m", "newsletters.sink"],
                cwd=PROJECT,
                env=self._child_environment(),
                stdout=subprocess.PIPE,
                stderr=stderr,
            )

    def _child_environment(self) -> dict[str, str]:
        smtp_port, http_port = self._ports
        return {
            **os.environ,
            **UNSET,
            "DATA_DIR": str(self.directory),
            "SINK_SMTP_PORT": str(smtp_port),
            "SINK_HTTP_PORT": str(http_port),
            **self._environment,
        }

    def _read_ready_line(self) -> dict[str, Any]:
        assert self._process is not None and self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            self.end(signal.SIGTERM)
            raise RuntimeError(f"the sink did not start: {(self.directory / 'stderr.txt').read_text()}")
        return dict(json.loads(line))

    @property
    def smtp_url(self) -> str:
        return f"smtp://{self.smtp_host}:{self.smtp_port}"

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def stop(self) -> int:
        """End it with SIGTERM and return its exit status. Twice is harmless."""
        return self.end(signal.SIGTERM)

    def kill(self) -> int:
        """End it as `kill -9` does."""
        return self.end(signal.SIGKILL)

    def end(self, with_signal: signal.Signals) -> int:
        """End it with that signal and return its exit status."""
        if self._process is None:
            return 0
        process, self._process = self._process, None
        process.send_signal(with_signal)
        try:
            return ended(process)
        finally:
            if process.stdout is not None:
                process.stdout.close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        give_back(self._ports)
        self._ports = []

    def request(
        self, method: str, path: str, *, body: object = None, headers: Mapping[str, str] | None = None
    ) -> bytes:
        """Ask the HTTP side. Raises urllib.error.HTTPError for 4xx and 5xx."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(  # noqa: S310  (our own process)
            self.http_url + path, data=data, method=method, headers=dict(headers or {})
        )
        if data is not None:
            request.add_header("Content-Type", "application/json")
        with urllib.request.urlopen(request, timeout=60) as response:  # noqa: S310
            return bytes(response.read())

    def get(self, path: str) -> Any:
        return json.loads(self.request("GET", path))

    def get_bytes(self, path: str) -> bytes:
        return self.request("GET", path)

    def messages(self, *, to: str | None = None, subject: str | None = None) -> list[SinkMessage]:
        """Every kept message, newest first; `to` is a whole recipient, `subject` any part of the subject."""
        asked = {"to": to, "subject": subject, "limit": "500"}
        found: list[SinkMessage] = []
        cursor: str | None = None
        while True:
            query = {name: value for name, value in {**asked, "cursor": cursor}.items() if value is not None}
            page = self.get("/api/messages?" + urllib.parse.urlencode(query))
            found += [SinkMessage(self, summary) for summary in page["messages"]]
            cursor = page["next_cursor"]
            if cursor is None:
                return found

    def wait_for(
        self, *, to: str | None = None, subject: str | None = None, count: int = 1, timeout: float = 60.0
    ) -> list[SinkMessage]:
        """Wait until at least `count` such messages are kept; newest first. Raises TimeoutError."""

        def found() -> list[SinkMessage] | None:
            messages = self.messages(to=to, subject=subject)
            return messages if len(messages) >= count else None

        return wait_until(found, timeout=timeout, what=f"{count} message(s) to {to or 'anybody'}")

    def message(
        self, *, to: str | None = None, subject: str | None = None, timeout: float = 60.0
    ) -> SinkMessage:
        """Wait for such a message and return the newest."""
        return self.wait_for(to=to, subject=subject, timeout=timeout)[0]

    def faults(self, *rules: Mapping[str, Any]) -> None:
        """Replace the fault rules: ``sink.faults({"match": "*@slow.example", "fault": "451", "times": 2})``.

        Without a rule, all is well again. The names of faults stand in docs/sink.md.
        """
        self.request("PUT", "/api/faults", body=[dict(rule) for rule in rules])

    def fault_hits(self) -> list[int]:
        """How often each rule struck, in the order they were given."""
        return [rule["hits"] for rule in self.get("/api/faults")["rules"]]

    def clear(self) -> None:
        """Delete every message and begin the counts anew."""
        self.request("DELETE", "/api/messages")

    def stats(self) -> dict[str, Any]:
        """The counts of docs/sink.md: messages, recipients, distinct_recipients, duplicates and others."""
        return dict(self.get("/api/stats"))


class ForkedSink(SinkProcess):
    """One that need not import anything."""

    def _begun(self) -> Running:
        return Forked(self._child_environment(), self.directory / "stderr.txt")


class Forked:
    """A process of the fork server, as ``subprocess.Popen`` would show it."""

    def __init__(self, environment: Mapping[str, str], stderr: Path) -> None:
        reader, writer = _nursery().Pipe(duplex=False)
        self._process = _nursery().Process(target=_be_a_sink, args=(dict(environment), writer, str(stderr)))
        self._process.start()
        writer.close()
        with reader:
            self.stdout: IO[Any] | None = os.fdopen(os.dup(reader.fileno()), "rb")

    @property
    def pid(self) -> int:
        assert self._process.pid is not None
        return self._process.pid

    def send_signal(self, sig: int) -> None:
        if self._process.is_alive():
            os.kill(self.pid, sig)

    def wait(self, timeout: float | None = None) -> int:
        self._process.join(timeout)
        if self._process.exitcode is None:
            raise subprocess.TimeoutExpired("the sink", timeout or 0)
        return self._process.exitcode

    def kill(self) -> None:
        self._process.kill()


@cache
def _nursery() -> ForkServerContext:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    return context


def _be_a_sink(environment: Mapping[str, str], stdout: Connection, stderr: str) -> None:
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(PROJECT)
    os.dup2(stdout.fileno(), 1)
    stdout.close()
    os.dup2(os.open(stderr, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), 2)
    sys.exit(main())


def ended(process: Running, *, within: float = STOP_SECONDS) -> int:
    """Wait for the end of a process and return its status; one that does not end is killed, and fails."""
    try:
        return process.wait(within)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        raise


def wait_until(condition: Callable[[], T | None], *, timeout: float, what: str) -> T:
    """Ask again and again until the condition gives something. Raises TimeoutError."""
    ends_at = time.monotonic() + timeout
    while True:
        found = condition()
        if found:
            return found
        if time.monotonic() > ends_at:
            raise TimeoutError(f"waited {timeout} s for {what}")
        time.sleep(POLL_SECONDS)


@pytest.fixture
def sink(tmp_path: Path) -> Iterator[SinkProcess]:
    """A sink of this test's own."""
    with ForkedSink(tmp_path / "sink") as process:
        yield process
