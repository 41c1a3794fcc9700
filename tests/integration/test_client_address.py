"""The client's address is believed only as far as configured proxies wrote it."""

from dataclasses import replace
from ipaddress import ip_network

import pytest

from config import Config
from newsletters import context
from newsletters.app import create_app
from newsletters.runtime import Runtime


@pytest.mark.parametrize(
    ("peer", "forwarded", "expected"),
    [
        ("203.0.113.5", None, "203.0.113.5"),
        ("203.0.113.5", "198.51.100.1", "203.0.113.5"),
        ("10.0.0.1", "198.51.100.1", "198.51.100.1"),
        ("10.0.0.1", "1.1.1.1, 198.51.100.1", "198.51.100.1"),
        ("10.0.0.1", "198.51.100.1, 10.0.0.2", "198.51.100.1"),
        ("10.0.0.1", None, "10.0.0.1"),
        ("10.0.0.1", "nonsense", "nonsense"),
    ],
)
def test_only_configured_proxies_are_believed(
    config: Config, runtime: Runtime, peer: str, forwarded: str | None, expected: str
) -> None:
    headers = {"X-Forwarded-For": forwarded} if forwarded else {}
    behind = replace(config, trusted_proxies=(ip_network("10.0.0.0/8"),))
    app = create_app(behind, runtime=replace(runtime, config=behind))

    with app.test_request_context(headers=headers, environ_base={"REMOTE_ADDR": peer}):
        assert context.client_address() == expected
