"""From nothing to a connection that may carry mail: connect, EHLO, verified TLS, AUTH.

Whatever fails here is an outage that no message is to blame for: nothing falls back to something weaker.
"""

import smtplib
import ssl

from newsletters.mail.dialogue import Dialogue
from newsletters.mail.replies import Phase, Reply, ServerUnavailable
from newsletters.mail.server import Auth, SmtpServer, Tls


def open_dialogue(server: SmtpServer) -> Dialogue:
    """Connect, check who is there, and sign in. Raises ServerUnavailable."""
    dialogue = Dialogue(helo=server.helo, timeouts=server.timeouts)
    try:
        if server.tls is Tls.IMPLICIT:
            dialogue.implicit_tls = server.trust()
        _expect(dialogue.open(server.host, server.port), dialogue)
        _greet(dialogue)
        if server.tls is Tls.REQUIRED:
            _protect(dialogue, server.trust())
        if server.user:
            _sign_in(dialogue, server)
        _expect_silence(dialogue)
    except (OSError, ValueError) as error:  # smtplib's own are OSErrors; a challenge may be no base64
        dialogue.close()
        raise ServerUnavailable(unsaid(error), dialogue.phase) from error
    except ServerUnavailable:
        dialogue.close()
        raise
    return dialogue


def _greet(dialogue: Dialogue) -> None:
    dialogue.enter(Phase.EHLO)
    reply = Reply.of(*dialogue.ehlo())
    if not reply.is_positive:
        _expect(Reply.of(*dialogue.helo()), dialogue)


def _protect(dialogue: Dialogue, trust: ssl.SSLContext) -> None:
    dialogue.enter(Phase.TLS)
    _expect(Reply.of(*dialogue.starttls(context=trust)), dialogue)
    _expect_silence(dialogue)
    _greet(dialogue)


def _sign_in(dialogue: Dialogue, server: SmtpServer) -> None:
    dialogue.enter(Phase.AUTH)
    dialogue.user, dialogue.password = server.user, server.secret()
    match server.auth:
        case Auth.ANY:
            dialogue.login(dialogue.user, dialogue.password)
        case Auth.PLAIN:
            dialogue.auth("PLAIN", dialogue.auth_plain)
        case Auth.LOGIN:
            dialogue.auth("LOGIN", dialogue.auth_login)
        case Auth.XOAUTH2:
            dialogue.auth("XOAUTH2", dialogue.auth_xoauth2)


def _expect(reply: Reply, dialogue: Dialogue) -> None:
    if not reply.is_positive:
        raise ServerUnavailable(reply, dialogue.phase)


def _expect_silence(dialogue: Dialogue) -> None:
    """What stands there before it was asked for may come from somebody in between (CVE-2011-0411)."""
    if dialogue.is_ahead:
        raise ServerUnavailable(Reply.of(0, "it answered before it was asked"), dialogue.phase)


def unsaid(error: Exception) -> Reply:
    """Why there is no reply, in the words of whoever found out."""
    if isinstance(error, smtplib.SMTPResponseException):
        raw = error.smtp_error
        return Reply.of(error.smtp_code, raw)
    if isinstance(error, TimeoutError):
        return Reply.of(0, "no answer in time")
    if isinstance(error, ssl.SSLCertVerificationError):
        return Reply.of(0, f"certificate not trusted: {error.verify_message}")
    if isinstance(error, UnicodeError):
        return Reply.of(0, "only ASCII can stand in a user name, a password or a token")
    return Reply.of(0, (isinstance(error, OSError) and error.strerror) or str(error) or type(error).__name__)
