"""Decides every HTTP request: who may ask, what is asked, what is answered. No sockets here."""

import logging
import re
import sqlite3
from collections.abc import Callable

from newsletters.sink import api, pages
from newsletters.sink.assets import show_asset
from newsletters.sink.exchange import Answer, Request
from newsletters.sink.guard import refusal
from newsletters.sink.inbox import Inbox
from newsletters.sink.returning import return_one

NUMBER = r"(?P<seq>[1-9]\d{0,17})"
ROUTES: tuple[tuple[str, str, Callable[..., Answer]], ...] = (
    ("GET", r"/", pages.show_inbox),
    ("POST", r"/messages/delete", pages.delete_all),
    ("GET", rf"/messages/{NUMBER}", pages.show_message),
    ("GET", rf"/messages/{NUMBER}/frame", pages.show_frame),
    ("GET", rf"/messages/{NUMBER}/raw", api.show_raw),
    ("POST", rf"/messages/{NUMBER}/delete", pages.delete_one),
    ("POST", rf"/messages/{NUMBER}/return", return_one),
    ("GET", r"/static/(?P<name>[a-z0-9/_.-]+)", show_asset),
    ("GET", r"/healthz", api.healthz),
    ("GET", r"/api/messages", api.list_messages),
    ("DELETE", r"/api/messages", api.delete_messages),
    ("GET", rf"/api/messages/{NUMBER}", api.show_message),
    ("DELETE", rf"/api/messages/{NUMBER}", api.delete_one),
    ("GET", rf"/api/messages/{NUMBER}/raw", api.show_raw),
    ("GET", r"/api/stats", api.show_stats),
    ("GET", r"/api/faults", api.show_faults),
    ("PUT", r"/api/faults", api.put_faults),
)
_COMPILED = tuple((method, re.compile(pattern), view) for method, pattern, view in ROUTES)

log = logging.getLogger(__name__)


class Site:
    """The sink's pages and JSON."""

    def __init__(self, inbox: Inbox) -> None:
        self._inbox = inbox

    def answer(self, request: Request) -> Answer:
        """Answer one request, whatever it is."""
        refused = refusal(request, self._inbox.settings)
        if refused is not None:
            return refused
        try:
            return self._dispatch(request)
        except api.BadRequest as error:
            return Answer.of_json({"error": str(error)}, status=400)
        except sqlite3.Error as error:
            log.error("the store cannot be read or written: %s", error)
            return Answer.of_json({"error": f"The store cannot be read or written: {error}"}, status=503)

    def _dispatch(self, request: Request) -> Answer:
        allowed = []
        for method, path, view in _COMPILED:
            found = path.fullmatch(request.path)
            if found and method == request.method:
                return view(self._inbox, request, **_values(found))
            allowed += [method] if found else []
        if allowed:
            return Answer.of(405, b"", "text/plain; charset=utf-8", Allow=", ".join(allowed))
        return pages.not_found()


def _values(found: re.Match[str]) -> dict[str, int | str]:
    return {name: int(value) if name == "seq" else value for name, value in found.groupdict().items()}
