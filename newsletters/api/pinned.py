"""Fetches a small file over HTTPS from a host that was judged fit beforehand (OWASP ASVS 5.0, 1.3.6).

The host is resolved once, refused if any of its addresses is not public, and connected to at that very
address, so a name that answers differently the second time gains nothing. The certificate must be the
host's. No redirect is followed, and time and size have an end.
"""

import http.client
import socket
import ssl
import time
from collections.abc import Callable
from typing import Final
from urllib.parse import urlsplit

from newsletters.publishing.linkprobe import Resolve, is_public, system_resolve

HTTPS: Final = 443
WHOLE_SECONDS: Final = 5.0
STEP_SECONDS: Final = 3.0
LARGEST_FILE_BYTES: Final = 64 * 1024
PIECE_BYTES: Final = 4096


class FetchFailed(Exception):
    """The file could not be had, now or from there. The message says why."""


class PinnedFetch:
    """One way of fetching; tests bring their own resolver, roots, port and idea of what is public."""

    def __init__(
        self,
        resolve: Resolve = system_resolve,
        *,
        is_allowed: Callable[[str], bool] = is_public,
        trust: ssl.SSLContext | None = None,
        port: int = HTTPS,
        whole_seconds: float = WHOLE_SECONDS,
    ) -> None:
        self._resolve = resolve
        self._is_allowed = is_allowed
        self._trust = trust
        self._port = port
        self._whole_seconds = whole_seconds

    def __call__(self, url: str) -> bytes:
        """The body of a 200 answer. Raises FetchFailed."""
        ends_at = time.monotonic() + self._whole_seconds
        try:
            return self._get(url, ends_at)
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise FetchFailed(str(error) or type(error).__name__) from error

    def _get(self, url: str, ends_at: float) -> bytes:
        parts = urlsplit(url)
        host = parts.hostname or ""
        if parts.scheme != "https" or not host:
            raise FetchFailed("not HTTPS")
        target = parts._replace(scheme="", netloc="", fragment="").geturl() or "/"
        connection = http.client.HTTPConnection(host, timeout=STEP_SECONDS)
        timeout = min(STEP_SECONDS, self._whole_seconds)
        with socket.create_connection((self._pin(host), self._port), timeout=timeout) as plain:
            connection.sock = self._context().wrap_socket(plain, server_hostname=host)
            try:
                connection.request("GET", target, headers={"Accept": "*/*"})
                return _body(connection.getresponse(), ends_at)
            finally:
                connection.close()

    def _pin(self, host: str) -> str:
        """The one address to connect to."""
        addresses = self._resolve(host, self._port)
        if not addresses:
            raise FetchFailed("no such host")
        if not all(self._is_allowed(address) for address in addresses):
            raise FetchFailed("the host is not out in the world")
        return addresses[0]

    def _context(self) -> ssl.SSLContext:
        if self._trust is None:
            self._trust = ssl.create_default_context()
            self._trust.minimum_version = ssl.TLSVersion.TLSv1_2
        return self._trust


def _body(response: http.client.HTTPResponse, ends_at: float) -> bytes:
    if response.status != http.client.OK:
        raise FetchFailed(f"status {response.status}")
    body = b""
    while piece := response.read1(PIECE_BYTES):
        body += piece
        if len(body) > LARGEST_FILE_BYTES:
            raise FetchFailed("too large")
        if time.monotonic() > ends_at:
            raise FetchFailed("too slow")
    return body
