"""Web processes as ``make run`` starts them, and a reader's view of the sign-up form."""

import http.client
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

from benchmarks import newsroom
from benchmarks.processes import wait_until
from newsletters.cli.processes import Child
from tests.postgres import free_port

WORKERS, THREADS = 2, 4  # WEB_WORKERS' default, and what ``cli run`` gives each
PATH = "/newsletters/explaining"
HOST = newsroom.PUBLIC_URL.partition("://")[2]
OPEN_GATES = {
    "TRUSTED_PROXIES": "127.0.0.0/8",
    "SIGNUPS_PER_MINUTE": "1000000",
    "WEB_WORKERS": str(WORKERS),
}
_TOKEN = re.compile(rb'name="csrf_token"[^>]*value="([^"]+)"')


@dataclass(frozen=True, slots=True)
class Visit:
    """What a browser has after it has looked at the form: a cookie and the form's token."""

    port: int
    cookie: str
    token: str

    def body(self, email: str) -> str:
        """The form, filled in."""
        fields = {"csrf_token": self.token, "email": email, "newsletter": "explaining", "wording": "1"}
        return urlencode(fields | {"homepage": "", "started": ""})


@contextmanager
def web(folder: Path, settings: dict[str, str], application: str) -> Iterator[int]:
    """gunicorn with ``application`` behind a proxy on this machine; its port."""
    port = free_port()
    command = [
        *(sys.executable, "-m", "gunicorn", application, "--bind", f"127.0.0.1:{port}"),
        *("--workers", str(WORKERS), "--worker-class", "gthread", "--threads", str(THREADS)),
        *("--backlog", "2048", "--no-control-socket"),
    ]
    child = Child("web", command, folder / f"web-{application.partition(chr(58))[0]}.log", settings)
    child.log.unlink(missing_ok=True)
    child.start()
    try:
        wait_until(lambda: _answers(port) or not child.is_running, seconds=60, what="the web server")
        if not child.is_running:
            raise RuntimeError(f"the web server ended at once: {child.last_words()}")
        yield port
    finally:
        child.stop()


def _answers(port: int) -> bool:
    """Whether a worker takes requests; the port alone is open before."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", PATH, headers=headers())
        return connection.getresponse().status < 500
    except OSError:
        return False
    finally:
        connection.close()


def visit(port: int) -> Visit:
    """Look at the form as a browser does."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("GET", PATH, headers=headers())
    answer = connection.getresponse()
    page = answer.read()
    connection.close()
    cookies = [value.partition(";")[0] for value in answer.headers.get_all("Set-Cookie", [])]
    return Visit(port, "; ".join(cookies), token_in(page))


def token_in(page: bytes) -> str:
    """The token of the form on a page."""
    found = _TOKEN.search(page)
    if found is None:
        raise RuntimeError("the page has no form")
    return found[1].decode()


def headers() -> dict[str, str]:
    """What a proxy in front says."""
    return {"Host": HOST, "X-Forwarded-Proto": "https", "Referer": f"{newsroom.PUBLIC_URL}{PATH}"}


def client_address(number: int) -> str:
    """The address of the so-manyeth client, each in a network of its own."""
    return f"{11 + number // 65_536 % 180}.{number // 256 % 256}.{number % 256}.7"


def email(name: str, number: int) -> str:
    """The address of the so-manyeth reader, at one of many domains."""
    return f"{name}{number}@mail{number % 4999}.example"
