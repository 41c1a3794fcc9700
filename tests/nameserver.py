"""A name server on loopback: answers over UDP what a test says, faults included."""

import socket
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from enum import StrEnum

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.resolver
import dns.rrset

Zone = Mapping[tuple[str, str], "Sequence[str] | Fault"]


class Fault(StrEnum):
    """What goes wrong with a name."""

    SERVFAIL = "servfail"
    SILENT = "silent"
    GARBAGE = "garbage"


class NameServer:
    """One zone of everything. A name that begins with ``*.`` stands for all below it that are not named."""

    def __init__(self, zone: Zone) -> None:
        self.zone = {(name.lower().rstrip("."), kind): records for (name, kind), records in zone.items()}
        self.asked: list[tuple[str, str]] = []
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]

    def resolver(self) -> dns.resolver.Resolver:
        """A resolver that asks nobody else."""
        resolver = dns.resolver.Resolver(configure=False)
        resolver.nameservers, resolver.port, resolver.timeout = ["127.0.0.1"], self.port, 60.0
        return resolver

    def serve(self) -> None:
        """Answer until the socket is closed."""
        while True:
            try:
                wire, client = self._socket.recvfrom(4096)
            except OSError:
                return
            if not wire:
                return
            answer = self._answer(dns.message.from_wire(wire))
            if answer is not None:
                self._socket.sendto(answer, client)

    def stop(self) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as waking:
            waking.sendto(b"", ("127.0.0.1", self.port))

    def close(self) -> None:
        self._socket.close()

    def _answer(self, query: dns.message.Message) -> bytes | None:
        question = query.question[0]
        name = str(question.name).lower().rstrip(".")
        kind = dns.rdatatype.to_text(question.rdtype)
        self.asked.append((name, kind))
        records = self._records(name, kind)
        if records is Fault.SILENT:
            return None
        if records is Fault.GARBAGE:
            return query.to_wire()[:2] + b"\xff" * 20
        response = dns.message.make_response(query)
        response.flags |= dns.flags.RA
        if records is Fault.SERVFAIL:
            response.set_rcode(dns.rcode.SERVFAIL)
        elif isinstance(records, Fault) or records is None:
            response.set_rcode(dns.rcode.NXDOMAIN)
        elif records:
            response.answer.append(dns.rrset.from_text_list(question.name, 300, "IN", kind, records))
        return response.to_wire(max_size=65535)

    def _records(self, name: str, kind: str) -> Sequence[str] | Fault | None:
        """Records, nothing of that type (empty), or no such name (None)."""
        if (name, kind) in self.zone:
            return self.zone[name, kind]
        if any(known == name or known.endswith(f".{name}") for known, _ in self.zone):
            return ()
        _, _, parent = name.partition(".")
        while parent:
            if (f"*.{parent}", kind) in self.zone:
                return self.zone[f"*.{parent}", kind]
            if any(known == parent for known, _ in self.zone):
                return None
            _, _, parent = parent.partition(".")
        return None


@contextmanager
def name_server(zone: Zone) -> Iterator[NameServer]:
    """A name server that answers for the length of the block."""
    server = NameServer(zone)
    thread = threading.Thread(target=server.serve)
    thread.start()
    try:
        yield server
    finally:
        server.stop()
        thread.join()
        server.close()
