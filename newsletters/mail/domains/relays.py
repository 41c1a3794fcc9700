"""Mail services and local servers: what can be known of the way mail takes behind our own SMTP server."""

import socket
from collections.abc import Mapping
from ipaddress import ip_address
from typing import Final

from newsletters.mail.server import SmtpServer

# What each service asks its customers to include; from their own manuals.
RELAYS: Final[Mapping[str, str]] = {
    "amazonaws.com": "amazonses.com",
    "sendgrid.net": "sendgrid.net",
    "mailgun.org": "mailgun.org",
    "postmarkapp.com": "spf.mtasv.net",
    "mailjet.com": "spf.mailjet.com",
    "sparkpostmail.com": "sparkpostmail.com",
    "brevo.com": "spf.brevo.com",
    "mandrillapp.com": "spf.mandrillapp.com",
    "gmail.com": "_spf.google.com",
    "office365.com": "spf.protection.outlook.com",
    "outlook.com": "spf.protection.outlook.com",
    "messagingengine.com": "spf.messagingengine.com",
    "zoho.eu": "zoho.eu",
    "zoho.com": "zoho.com",
}
_SAMPLES: Final = (".example", ".test", ".invalid", ".localhost")  # RFC 6761
_SAMPLE_NAMES: Final = ("localhost", "example.com", "example.net", "example.org")
_ANY_PUBLIC: Final = (("8.8.8.8", socket.AF_INET), ("2001:4860:4860::8888", socket.AF_INET6))


def relay_include(server: SmtpServer) -> str:
    """The domain a known mail service wants in our SPF record, empty for any other server."""
    host = server.host.lower().rstrip(".")
    return next((spf for name, spf in RELAYS.items() if host == name or host.endswith(f".{name}")), "")


def is_local(server: SmtpServer) -> bool:
    """Whether the server is this machine, so that mail goes out from here."""
    try:
        return ip_address(server.host).is_loopback
    except ValueError:
        return server.host == "localhost"


def is_sample(domain: str) -> bool:
    """Whether a domain is one that nobody can own."""
    name = domain.lower().rstrip(".")
    return f".{name}".endswith(_SAMPLES) or any(f".{name}".endswith(f".{one}") for one in _SAMPLE_NAMES)


def own_public_addresses() -> tuple[str, ...]:
    """Public addresses this machine would send from; none behind address translation. Sends nothing."""
    found = []
    for address, family in _ANY_PUBLIC:
        try:
            with socket.socket(family, socket.SOCK_DGRAM) as asking:
                asking.connect((address, 53))  # chooses a route and sends no packet
                own = str(asking.getsockname()[0])
        except OSError:
            continue
        if ip_address(own).is_global:
            found.append(own)
    return tuple(found)
