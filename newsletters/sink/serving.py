"""Runs both sides of the sink until it is told to stop: SMTP in an event loop, HTTP in threads beside it.

Once both answer, one JSON line goes to stdout and the same into ``ready.json`` in the sink's folder, with the
ports it really has. SIGTERM and SIGINT stop it cleanly.
"""

import asyncio
import fcntl
import json
import os
import random
import signal
import socket
import sqlite3
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from newsletters.sink.conversation import Conversation
from newsletters.sink.faultbook import BadRules, FaultBook, Rule, parse_rules
from newsletters.sink.http import http_serving
from newsletters.sink.inbox import Inbox
from newsletters.sink.listener import Listener, bind
from newsletters.sink.reception import Connections, Reception
from newsletters.sink.settings import SinkRefused, SinkSettings
from newsletters.sink.site import Site
from newsletters.sink.store import Store

STORE_NAME = "sink.sqlite3"
READY_NAME = "ready.json"
FAULTS_APPLY_SECONDS = 10.0


def serve(settings: SinkSettings) -> None:
    """Serve until SIGTERM or SIGINT; in the main thread. Raises SinkRefused when it cannot start."""
    rules = _first_rules(settings)
    with ExitStack() as stack:
        stack.enter_context(_folder(settings.directory))
        smtp = stack.enter_context(bind(settings.host, settings.smtp_port, setting="SINK_SMTP_PORT"))
        http = stack.enter_context(bind(settings.host, settings.http_port, setting="SINK_HTTP_PORT"))
        asyncio.run(_serve(settings, rules=rules, smtp=smtp, http=http))


def _first_rules(settings: SinkSettings) -> list[Rule]:
    if not settings.faults.strip():
        return []
    try:
        return parse_rules(settings.faults)
    except BadRules as error:
        raise SinkRefused(f"SINK_FAULTS: {error}") from error


@contextmanager
def _folder(directory: Path) -> Iterator[None]:
    """Hold the folder against a second sink. Raises SinkRefused."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
        lock = os.open(directory / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise SinkRefused(
            f"the folder {directory} cannot be written ({error.strerror}): make it writable, or set DATA_DIR"
        ) from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError as error:
        raise SinkRefused(f"another sink keeps its mail in {directory}: end it, or set DATA_DIR") from error
    finally:
        os.close(lock)


async def _serve(
    settings: SinkSettings, *, rules: list[Rule], smtp: socket.socket, http: socket.socket
) -> None:
    loop = asyncio.get_running_loop()
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    faults = FaultBook(monotonic=time.monotonic, chance=random.random)
    faults.replace(rules)
    connections = Connections()
    with _store(settings) as store:
        inbox = Inbox(settings=settings, store=store, faults=faults, connections=connections)
        reception = Reception(
            store=store,
            faults=faults,
            now=partial(datetime.now, UTC),
            on_kept=inbox.changed,
            max_message_bytes=settings.max_message_bytes,
            connections=connections,
        )
        listener = Listener(smtp, speak=partial(Conversation, reception, loop=loop))
        inbox.smtp_port = listener.port
        inbox.apply_faults = partial(_apply, loop, listener, reception)
        await listener.set_refusing(faults.is_refusing)
        with http_serving(http, Site(inbox)), _announced(settings, listener=listener, http=http):
            await stopped.wait()
        listener.close()
        connections.end_all()


@contextmanager
def _store(settings: SinkSettings) -> Iterator[Store]:
    path = settings.directory / STORE_NAME
    try:
        store = Store(path, max_messages=settings.max_messages)
    except sqlite3.Error as error:
        raise SinkRefused(f"{path} cannot be used ({error}): make it writable, or delete it") from error
    try:
        yield store
    finally:
        store.close()


def _apply(loop: asyncio.AbstractEventLoop, listener: Listener, reception: Reception) -> None:
    """From an HTTP thread: open or close the SMTP port as the rules now say, and wait until it is so."""
    asyncio.run_coroutine_threadsafe(_apply_now(listener, reception), loop).result(FAULTS_APPLY_SECONDS)


async def _apply_now(listener: Listener, reception: Reception) -> None:
    await listener.set_refusing(reception.faults.is_refusing)
    if reception.faults.is_refusing:
        reception.connections.end_all()


@contextmanager
def _announced(settings: SinkSettings, *, listener: Listener, http: socket.socket) -> Iterator[None]:
    http_host, http_port = http.getsockname()[:2]
    shown = f"[{http_host}]" if ":" in http_host else http_host
    ready: dict[str, Any] = {
        "smtp_host": listener.host,
        "smtp_port": listener.port,
        "http_url": f"http://{shown}:{http_port}",
        "pid": os.getpid(),
    }
    path = settings.directory / READY_NAME
    draft = path.with_suffix(".new")
    draft.write_text(json.dumps(ready))
    draft.replace(path)
    sys.stdout.write(f"{json.dumps(ready)}\n")
    sys.stdout.flush()
    try:
        yield
    finally:
        path.unlink(missing_ok=True)
