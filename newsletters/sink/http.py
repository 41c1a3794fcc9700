"""The sockets under the sink's pages: the standard library's server, a thread a connection, no decisions.

Everything that is decided about a request is decided in site.py, which is asked without sockets in tests.
"""

import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit

from newsletters.sink.exchange import Answer, Request
from newsletters.sink.site import Site

LARGEST_BODY_BYTES = 1_000_000
IDLE_SECONDS = 30.0
SHUTDOWN_POLL_SECONDS = 0.05


class Server(ThreadingHTTPServer):
    """Serves a socket that is already bound."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, bound: socket.socket, site: Site) -> None:
        self.address_family = bound.family
        super().__init__(bound.getsockname()[:2], Handler, bind_and_activate=False)
        self.socket.close()
        self.socket = bound
        self.site = site
        self.server_activate()

    def handle_error(self, request: object, client_address: object) -> None:
        """A browser that went away in the middle is no error; whatever else is gets its traceback."""
        if not isinstance(sys.exception(), ConnectionError | TimeoutError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]


class Handler(BaseHTTPRequestHandler):
    """Turns one request into a Request and its Answer into bytes."""

    server: Server
    protocol_version = "HTTP/1.1"
    timeout = IDLE_SECONDS
    server_version = "sink"
    sys_version = ""

    def _answer(self) -> None:
        body = self._body()
        if body is None:
            self.close_connection = True
            said = f"No more than {LARGEST_BODY_BYTES} bytes, and with a Content-Length."
            self._send(Answer.of_text(413, said))
            return
        parts = urlsplit(self.path)
        request = Request(
            method="GET" if self.command == "HEAD" else self.command,
            path=parts.path,
            query=dict(parse_qsl(parts.query, keep_blank_values=True)),
            headers={name.lower(): value for name, value in self.headers.items()},
            body=body,
        )
        self._send(self.server.site.answer(request))

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = _answer  # noqa: N815  (the standard library's names)

    def _body(self) -> bytes | None:
        length = self.headers.get("Content-Length", "0")
        if "Transfer-Encoding" in self.headers or not (length.isascii() and length.isdigit()):
            return None
        return self.rfile.read(int(length)) if int(length) <= LARGEST_BODY_BYTES else None

    def _send(self, answer: Answer) -> None:
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        if answer.status != 304:
            self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        if self.command != "HEAD" and answer.status != 304:
            self.wfile.write(answer.body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Say nothing: request lines hold addresses."""


@contextmanager
def http_serving(bound: socket.socket, site: Site) -> Iterator[None]:
    """Serve pages in a thread of their own until the block ends."""
    server = Server(bound, site)
    thread = threading.Thread(target=server.serve_forever, args=(SHUTDOWN_POLL_SECONDS,), name="sink-http")
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
