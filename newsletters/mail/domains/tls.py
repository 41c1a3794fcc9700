"""How our own mail server proves who it is: its certificate, and how long that is still good.

Asked in a short conversation of its own that carries no mail and gives no password away.
"""

import smtplib
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from newsletters.mail.domains.findings import Check, Fact, Finding, Level
from newsletters.mail.server import SmtpServer, Tls

STEP_SECONDS: Final = 5.0
SOON: Final = timedelta(days=14)
_CERTIFICATE_HAS_EXPIRED: Final = 10  # OpenSSL's X509_V_ERR_CERT_HAS_EXPIRED


@dataclass(frozen=True, slots=True)
class Shown:
    """A certificate that was accepted."""

    ends_at: datetime


Look = Callable[[SmtpServer], Shown]


def look(server: SmtpServer) -> Shown:
    """The certificate of ``server``. Raises OSError, of which ssl.SSLError and SMTPException are kinds."""
    if server.tls is Tls.IMPLICIT:
        with smtplib.SMTP_SSL(
            server.host, server.port, timeout=STEP_SECONDS, context=server.trust()
        ) as client:
            return _shown(client)
    with smtplib.SMTP(server.host, server.port, timeout=STEP_SECONDS) as client:
        client.starttls(context=server.trust())
        return _shown(client)


def tls_finding(server: SmtpServer, *, is_local: bool, now: datetime, look: Look = look) -> Finding:
    """What to say of the way between us and ``server``."""
    name = f"{server.host}:{server.port}"
    if server.tls is Tls.NONE:
        if is_local:
            return Finding(Check.TLS, Level.OK, Fact.TLS_LOCAL, name)
        return Finding(Check.TLS, Level.WARNING, Fact.TLS_OFF, name)
    return _finding(server, name, now=now, look=look)


def _finding(server: SmtpServer, name: str, *, now: datetime, look: Look) -> Finding:
    try:
        shown = look(server)
    except ssl.SSLCertVerificationError as error:
        fact = Fact.TLS_ENDED if error.verify_code == _CERTIFICATE_HAS_EXPIRED else Fact.TLS_UNTRUSTED
        return Finding(Check.TLS, Level.BROKEN, fact, name, error.verify_message)
    except (ssl.SSLError, smtplib.SMTPNotSupportedError, smtplib.SMTPResponseException) as error:
        return Finding(Check.TLS, Level.BROKEN, Fact.TLS_UNTRUSTED, name, str(error)[:200])
    except OSError as error:
        return Finding(Check.TLS, Level.UNKNOWN, Fact.SERVER_AWAY, name, str(error)[:200])
    days = str((shown.ends_at - now).days)
    if shown.ends_at - now < SOON:
        return Finding(Check.TLS, Level.WARNING, Fact.TLS_ENDS_SOON, name, days)
    return Finding(Check.TLS, Level.OK, Fact.FINE, name, days)


def _shown(client: smtplib.SMTP) -> Shown:
    if not isinstance(client.sock, ssl.SSLSocket):
        raise smtplib.SMTPNotSupportedError("no TLS")
    certificate = client.sock.getpeercert() or {}
    ends = ssl.cert_time_to_seconds(str(certificate["notAfter"]))
    return Shown(datetime.fromtimestamp(ends, UTC))
