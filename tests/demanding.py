"""A real SMTP server (aiosmtpd) that takes mail only from whoever signs in its way."""

import asyncio
import base64
import ssl
from collections.abc import Iterable
from threading import Event, Thread
from types import TracebackType
from typing import Any, Self

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

MECHANISMS = ("PLAIN", "LOGIN", "XOAUTH2")


class _Desk:
    """aiosmtpd's handler: takes messages, and tokens as Google and Microsoft do."""

    def __init__(self, server: "DemandingServer") -> None:
        self.server = server

    async def handle_DATA(self, _server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        assert session.authenticated or not self.server.mechanisms
        self.server.messages.append(envelope.content or b"")
        return "250 2.0.0 taken"

    async def auth_XOAUTH2(self, server: SMTP, args: list[str]) -> AuthResult:  # noqa: N802
        """RFC 7628's older cousin: a wrong token is explained in a challenge, which an empty line answers."""
        said = base64.b64decode(args[1]).decode()
        good = f"user={self.server.user}\1auth=Bearer {self.server.password}\1\1"
        if said == good:
            return AuthResult(success=True)
        answer = await server.challenge_auth(b'{"status":"401"}')
        assert answer == b"", "a client must not go on"
        return AuthResult(success=False, handled=False)


class DemandingServer:
    """Offers ``mechanisms`` alone; without any it takes mail from everybody whom ``tls`` lets in."""

    def __init__(self, *, mechanisms: Iterable[str], tls: ssl.SSLContext, user: str, password: str) -> None:
        self.mechanisms = tuple(mechanisms)
        self.tls = tls
        self.user, self.password = user, password
        self.messages: list[bytes | str] = []
        self.port = 0
        self._talks: list[SMTP] = []
        self._loop = asyncio.new_event_loop()
        self._ready = Event()
        self._thread = Thread(target=self._run)

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(60)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(60)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        listening = self._loop.run_until_complete(
            self._loop.create_server(self._protocol, "127.0.0.1", 0, ssl=self.tls)
        )
        self.port = listening.sockets[0].getsockname()[1]
        self._ready.set()
        self._loop.run_forever()
        self._loop.run_until_complete(self._hang_up(listening))
        self._loop.close()

    async def _hang_up(self, listening: asyncio.Server) -> None:
        all_gone = asyncio.ensure_future(listening.wait_closed())
        await asyncio.sleep(0)  # so that it waits for the connections too
        for talk in self._talks:
            if isinstance(talk.transport, asyncio.Transport):
                talk.transport.abort()
        listening.close()
        await asyncio.wait_for(all_gone, 60)
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    def _protocol(self) -> SMTP:
        self._talks.append(self._talk())
        return self._talks[-1]

    def _talk(self) -> SMTP:
        return SMTP(
            _Desk(self),
            authenticator=self._authenticate,
            auth_required=bool(self.mechanisms),
            auth_require_tls=False,  # it is implicit here, which aiosmtpd does not see
            auth_exclude_mechanism=[name for name in MECHANISMS if name not in self.mechanisms],
            loop=self._loop,
        )

    def _authenticate(self, *given: Any) -> AuthResult:
        data = given[-1]
        is_known = isinstance(data, LoginPassword) and data == LoginPassword(
            self.user.encode(), self.password.encode()
        )
        return AuthResult(success=is_known, handled=False)
