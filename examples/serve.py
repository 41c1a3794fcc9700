"""The example article on an origin of its own: ``python examples/serve.py``.

A page of a newsroom's site as it might be, to show the sign-up forms where readers meet them. It is served
from another port than the newsletters, with a strict Content-Security-Policy, so that what works here works
on a strict host. Two names in the page are filled in: ``{{ PUBLIC_URL }}`` and ``{{ PAGE_URL }}``.

Listens on loopback only. Knows nothing of the application but its public address.
"""

import os
import signal
from collections.abc import Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import FrameType
from urllib.parse import urlsplit

from dotenv import dotenv_values

HERE = Path(__file__).parent
LOOPBACK = "127.0.0.1"
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self' data:; script-src {newsletters}; "
    "connect-src {newsletters}; form-action {newsletters}; base-uri 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'"
)


class ArticleServer(ThreadingHTTPServer):
    """Two files and the address to fill in."""

    daemon_threads = True

    def __init__(self, port: int, public_url: str) -> None:
        super().__init__((LOOPBACK, port), ArticleHandler)
        self.public_url = public_url.rstrip("/")

    @property
    def url(self) -> str:
        return f"http://localhost:{self.server_address[1]}/"

    @property
    def policy(self) -> str:
        parts = urlsplit(self.public_url)
        return CONTENT_SECURITY_POLICY.format(newsletters=f"{parts.scheme}://{parts.netloc}")

    def article(self) -> bytes:
        page = (HERE / "article.html").read_text(encoding="utf-8")
        page = page.replace("{{ PUBLIC_URL }}", self.public_url).replace("{{ PAGE_URL }}", self.url)
        return page.encode()


class ArticleHandler(BaseHTTPRequestHandler):
    """Answers for the article and its style sheet, and for nothing else."""

    server: ArticleServer

    def do_GET(self) -> None:
        path = urlsplit(self.path).path
        if path == "/":
            self._answer(self.server.article(), "text/html; charset=utf-8")
        elif path == "/article.css":
            self._answer((HERE / "article.css").read_bytes(), "text/css; charset=utf-8")
        else:
            self.send_error(HTTPStatus.NOT_FOUND)

    do_HEAD = do_GET  # noqa: N815  (the name http.server looks for)

    def _answer(self, body: bytes, content_type: str) -> None:
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Content-Security-Policy", self.server.policy)
        self.send_header("Referrer-Policy", "strict-origin-when-cross-origin")
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  (http.server's own name)
        """Say nothing: this server has nothing that an operator needs to know."""


def settings(environ: Mapping[str, str]) -> tuple[int, str]:
    """EXAMPLE_PORT and PUBLIC_URL, with the application's own defaults."""
    port = int(environ.get("EXAMPLE_PORT") or 8080)
    return port, environ.get("PUBLIC_URL") or f"http://localhost:{environ.get('PORT') or 8000}"


def main() -> None:
    """Serve until SIGINT or SIGTERM."""
    known = dotenv_values(".env") | dict(os.environ)
    port, public_url = settings({name: value for name, value in known.items() if value})
    server = ArticleServer(port, public_url)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _stop)
    with server:
        server.serve_forever()


def _stop(_number: int, _frame: FrameType | None) -> None:
    """Leave the loop from within: a main thread that waits for an event may not be woken by a signal."""
    raise SystemExit(0)


if __name__ == "__main__":
    main()
