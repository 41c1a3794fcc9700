"""``make run``: everything on one machine, started together and stopped together.

Before anything starts, the folder, the ports and the database are tried, so that what is wrong is one
clear line and nothing is left running. Stopping goes from the doors inwards: the web server first, then
the worker, which finishes the message in its hands, and the sink last.
"""

import contextlib
import errno
import signal
import socket
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import click
from sqlalchemy.exc import SQLAlchemyError

from config import BadSetting, Config
from newsletters.cli import demo, programs
from newsletters.cli.editors import has_editor, make_editor
from newsletters.cli.processes import Child
from newsletters.cli.readiness import engine_trouble
from newsletters.migrations import upgrade
from newsletters.runtime import Runtime, build

LONGEST_START_SECONDS = 120.0  # a slow machine that does much else
FIRST_EDITOR = "editor@newsroom.example"


class CannotStart(Exception):
    """Something in the way of starting; the message is one line that says what to do."""


def run(config: Config) -> int:
    """Run until SIGINT or SIGTERM. Returns the exit status."""
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    children: list[Child] = []
    try:
        _check_folder(config.data_dir)
        _check_ports(config)
        _prepare(config)
        children = _children(config)
        _start(children, config, stop)
        if not stop.is_set():
            click.echo(_welcome(config, _first_password(config)))
        _watch(children, stop)
    except (CannotStart, BadSetting) as error:
        click.echo(f"Cannot start: {error}", err=True)
        return 1
    finally:
        for child in children:
            child.stop()
    click.echo("Stopped.")
    return 0


def _check_folder(folder: Path) -> None:
    try:
        folder.mkdir(mode=0o750, parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise CannotStart(
            f"the data folder {folder} cannot be written ({error.strerror}); "
            "give it to this user or set DATA_DIR to another folder."
        ) from error


def _check_ports(config: Config) -> None:
    seen: dict[int, str] = {}
    for setting, host, port in _ports(config):
        if port in seen:
            raise CannotStart(f"{seen[port]} and {setting} are both {port}; give each a port of its own.")
        seen[port] = setting
        with _socket_for(host) as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                listener.bind((host, port))
            except OSError as error:
                raise CannotStart(_port_trouble(setting, host, port, error)) from error


def _port_trouble(setting: str, host: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"port {port} is taken by another program; stop it or set {setting} to another port."
    if setting == "PORT" and error.errno == errno.EADDRNOTAVAIL:
        return f"HOST {host} is not an address of this machine; set HOST to 127.0.0.1 or to one that is."
    return f"port {port} on {host} cannot be used ({error.strerror}); set {setting} to another port."


def _ports(config: Config) -> Iterator[tuple[str, str, int]]:
    yield "PORT", config.host, config.port
    yield "SINK_SMTP_PORT", "127.0.0.1", config.sink_smtp_port
    yield "SINK_HTTP_PORT", "127.0.0.1", config.sink_http_port
    yield "INBOUND_PORT", "127.0.0.1", config.inbound_port
    yield "EXAMPLE_PORT", "127.0.0.1", config.example_port


def _socket_for(host: str) -> socket.socket:
    try:
        family = socket.getaddrinfo(host, None)[0][0]
    except OSError as error:
        raise CannotStart(f"HOST {host} cannot be resolved; set HOST to 127.0.0.1.") from error
    return socket.socket(family, socket.SOCK_STREAM)


def _prepare(config: Config) -> None:
    """Migrate, and on the first run furnish the demo."""
    with _opened(config) as runtime:
        upgrade(runtime.db.engine)
        if trouble := engine_trouble(runtime):
            click.echo(trouble, err=True)
        if demo.is_empty(runtime):
            click.echo("First run: furnishing the demo newsroom …")
            demo.furnish(runtime)


def _first_password(config: Config) -> str | None:
    """Make the first account and return its password; None where there is one.

    Done last, when all runs: a start that fails must not have made a password that nobody saw.
    """
    with _opened(config) as runtime:
        if has_editor(runtime):
            return None
        return make_editor(runtime, email=FIRST_EDITOR, name="First Editor", role="owner")


@contextlib.contextmanager
def _opened(config: Config) -> Iterator[Runtime]:
    runtime = build(config)
    try:
        yield runtime
    except SQLAlchemyError as error:
        reason = str(error).splitlines()[0]
        raise CannotStart(f"the database does not answer ({reason}); check DATABASE_URL.") from error
    finally:
        runtime.close()


def _children(config: Config) -> list[Child]:
    """The programs in the order in which they are stopped."""
    logs = config.data_dir / "log"
    return [
        Child("web", programs.web(config), logs / "web.log"),
        Child("example", programs.example(), logs / "example.log"),
        Child("inbound", programs.of_module("inbound"), logs / "inbound.log"),
        Child("worker", programs.of_module("tasks.worker"), logs / "worker.log"),
        Child("sink", programs.of_module("sink"), logs / "sink.log"),
    ]


def _start(children: list[Child], config: Config, stop: threading.Event) -> None:
    """Start all and wait until each answers. Raises CannotStart with the words of one that ended."""
    for child in children:
        child.start()
    deadline = time.monotonic() + LONGEST_START_SECONDS
    while not stop.is_set() and not _all_answer(config):
        for child in children:
            if not child.is_running:
                raise CannotStart(
                    f"the {child.name} process ended at once. Its last words:\n{child.last_words()}"
                )
        if time.monotonic() > deadline:
            raise CannotStart(
                f"no answer within {LONGEST_START_SECONDS:.0f} s; see {config.data_dir / 'log'}."
            )
        stop.wait(0.05)


def _all_answer(config: Config) -> bool:
    host = "127.0.0.1" if config.host in ("0.0.0.0", "::") else config.host  # noqa: S104  (a comparison)
    host = f"[{host}]" if ":" in host else host
    request = urllib.request.Request(f"http://{host}:{config.port}/healthz")
    request.add_header("Host", config.public_host)
    try:
        with urllib.request.urlopen(request, timeout=2):  # noqa: S310  (our own server)
            pass
    except (urllib.error.URLError, OSError):
        return False
    ports = (config.sink_smtp_port, config.sink_http_port, config.inbound_port, config.example_port)
    return all(_listens(port) for port in ports)


def _listens(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


def _watch(children: list[Child], stop: threading.Event) -> None:
    """Start again whatever ends by itself, until told to stop."""
    while not stop.wait(0.5):
        for child in children:
            if child.revive(time.monotonic()):
                click.echo(
                    f"The {child.name} process had ended and was started again; see {child.log}.", err=True
                )


def _welcome(config: Config, password: str | None) -> str:
    account = (
        f"{FIRST_EDITOR}, password {password}  (shown only now)" if password else "your account as before"
    )
    return "\n".join(
        (
            "",
            f"  Readers' page    {config.public_url}/",
            f"  Example article  http://localhost:{config.example_port}/",
            f"  Sink inbox       http://localhost:{config.sink_http_port}/",
            f"  Editors' desk    {config.public_url}/desk",
            f"                   {account}",
            "",
            "  Ctrl-C stops everything. Data and logs are in " + str(config.data_dir) + "/.",
            "",
        )
    )
