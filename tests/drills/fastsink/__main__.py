"""``python -m tests.drills.fastsink BOOKS [--certificate FILE --key FILE]``: the drills' sink as a process.

It listens on a free loopback port and says which on standard output. Each line on standard input is a
command in JSON, answered by a line; the end of standard input is the end of the process, so that it never
outlives whoever started it.
"""

import argparse
import asyncio
import json
import os
import socket
import ssl
import sys
from pathlib import Path
from random import Random
from typing import Any

from tests.drills.fastsink.books import Writer
from tests.drills.fastsink.faults import Fault, FaultBook
from tests.drills.fastsink.talk import Shared, Talk

BACKLOG = 512


def main() -> None:
    """Serve until standard input ends."""
    parser = argparse.ArgumentParser()
    parser.add_argument("books", type=Path)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--certificate", type=Path)
    parser.add_argument("--key", type=Path)
    given = parser.parse_args()
    asyncio.run(_serve(given))


async def _serve(given: argparse.Namespace) -> None:
    chance = Random()
    shared = Shared(
        Writer(given.books), FaultBook(chance=chance), chance, _trust(given.certificate, given.key)
    )
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: Talk(shared), "127.0.0.1", given.port, backlog=BACKLOG, family=socket.AF_INET
    )
    _say({"port": server.sockets[0].getsockname()[1]})
    commands = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(commands), sys.stdin)
    while line := await commands.readline():
        _say(_obey(shared, json.loads(line)))
    server.close()
    shared.writer.close()


def _trust(certificate: Path | None, key: Path | None) -> ssl.SSLContext | None:
    if certificate is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context


def _obey(shared: Shared, command: dict[str, Any]) -> dict[str, Any]:
    match command:
        case {"faults": list(faults)}:
            shared.faults = FaultBook([Fault.from_json(fault) for fault in faults], chance=shared.chance)
        case {"allow": int() | None as count}:
            shared.allow(count)
        case {"hang_up": True}:
            for talk in list(shared.open):
                talk.transport.abort()
    return {
        "connections": shared.connections,
        "open": len(shared.open),
        "waiting": sum(talk.is_open for talk in shared.waiting),
        "hits": shared.faults.hits,
    }


def _say(answer: dict[str, Any]) -> None:
    os.write(sys.stdout.fileno(), json.dumps(answer).encode() + b"\n")


if __name__ == "__main__":
    main()
