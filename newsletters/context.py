"""What a request may ask of the application: the sole reader of ``current_app`` and ``g``."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from ipaddress import ip_address
from typing import TypeVar, cast

from flask import Flask, current_app, g, request
from sqlalchemy.orm import Session

from newsletters.accounts.models import Editor
from newsletters.runtime import Runtime

_EXTENSION = "newsletters"
T = TypeVar("T")


def install(app: Flask, runtime: Runtime) -> None:
    """Give ``app`` its runtime."""
    app.extensions[_EXTENSION] = runtime


def runtime_of(app: Flask) -> Runtime:
    """The runtime of an application, outside of any request."""
    return cast(Runtime, app.extensions[_EXTENSION])


def runtime() -> Runtime:
    """The runtime of the application that answers this request."""
    return cast(Runtime, current_app.extensions[_EXTENSION])


def once(name: str, make: Callable[[], T]) -> T:
    """What the application keeps of its own for a door, made when it is first asked for."""
    key = f"{_EXTENSION}.{name}"
    if key not in current_app.extensions:
        current_app.extensions[key] = make()
    return cast(T, current_app.extensions[key])


def now() -> datetime:
    """The moment of this request: one and the same however often it is asked."""
    if "now" not in g:
        g.now = runtime().clock.now()
    return cast(datetime, g.now)


@contextmanager
def transaction() -> Iterator[Session]:
    """A durable transaction: what was answered with success is on disk."""
    with runtime().db.transaction() as session:
        yield session


def together(act: Callable[[Session], T]) -> T:
    """The same, shared: ``act`` may run in another request's thread, so it must not ask about this one."""
    return runtime().db.together(act)


@contextmanager
def reading() -> Iterator[Session]:
    """A session for looking only."""
    with runtime().db.reading() as session:
        yield session


def signed_in_editor() -> Editor | None:
    """The editor this request was authenticated as, set by the desk's door."""
    return cast("Editor | None", g.get("editor"))


def remember_editor(editor: Editor | None) -> None:
    """Note who this request is from."""
    g.editor = editor


def client_address() -> str:
    """The client's IP address; X-Forwarded-For counts only as far as configured proxies wrote it."""
    hops = [request.remote_addr or "", *reversed(request.headers.get("X-Forwarded-For", "").split(","))]
    for hop in hops[:-1]:
        if not _is_trusted_proxy(hop.strip()):
            return hop.strip()
    return hops[-1].strip() or hops[0]


def _is_trusted_proxy(hop: str) -> bool:
    try:
        address = ip_address(hop)
    except ValueError:
        return False
    return any(address in network for network in runtime().config.trusted_proxies)
