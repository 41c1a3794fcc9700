"""The sink's books: one record of fixed size for each message, on file before the message is answered.

A record is in the system's hands when ``write`` returns, so the sink's own death loses nothing that it
answered 250 to. Addresses and Message-IDs are kept as digests of 64 bits: a million of them collide once in
forty million runs.
"""

import os
import struct
import time
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import blake2b
from pathlib import Path
from typing import Final, NamedTuple

RECORD: Final = struct.Struct("<QQdIIII")
UNANSWERED: Final = 1  # taken, but the answer was withheld: the client is in doubt, and rightly so


class Entry(NamedTuple):
    """One message that was taken; ``at`` is the machine's monotonic clock."""

    recipient: int
    message_id: int
    at: float
    connection: int
    size: int
    flags: int
    domain: int


def digest(text: bytes) -> int:
    """What the books keep of an address or a Message-ID."""
    return int.from_bytes(blake2b(text, digest_size=8).digest(), "little")


def address_digest(address: str) -> int:
    """The digest of an address as it stands on the envelope."""
    return digest(address.encode())


class Writer:
    """Appends records."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self._domains: dict[bytes, int] = {}

    def enter(self, *, recipient: bytes, message_id: bytes, connection: int, size: int, flags: int) -> None:
        """Write down one message."""
        domain = digest(recipient.rpartition(b"@")[2]) & 0xFFFFFFFF
        entry = (digest(recipient), digest(message_id), time.monotonic(), connection, size, flags, domain)
        os.write(self._file, RECORD.pack(*entry))

    def close(self) -> None:
        os.close(self._file)


@dataclass(frozen=True)
class Books:
    """All that was taken, read at one moment."""

    entries: list[Entry] = field(repr=False)

    @classmethod
    def read(cls, path: Path, *, after: int = 0) -> "Books":
        """The books in ``path`` from record number ``after`` on; a record that is being written waits."""
        raw = path.read_bytes() if path.exists() else b""
        whole = raw[after * RECORD.size : len(raw) - len(raw) % RECORD.size]
        return cls([Entry(*fields) for fields in RECORD.iter_unpack(whole)])

    @property
    def messages(self) -> int:
        return len(self.entries)

    @cached_property
    def recipients(self) -> set[int]:
        """The digests of everybody who got something."""
        return {entry.recipient for entry in self.entries}

    @cached_property
    def repeats(self) -> "Repeats":
        return Repeats.of(self.entries)

    def missing(self, addresses: Iterable[str]) -> int:
        """How many of these addresses got nothing."""
        return sum(address_digest(address) not in self.recipients for address in addresses)

    def strangers(self, addresses: Iterable[str]) -> int:
        """How many got something and are none of these."""
        return len(self.recipients - {address_digest(address) for address in addresses})

    def to(self, recipients: Collection[int]) -> "Books":
        """The part of the books that is about these."""
        return Books([entry for entry in self.entries if entry.recipient in recipients])

    def to_domain(self, domain: str) -> Iterator[Entry]:
        """The messages to one domain."""
        wanted = digest(domain.encode()) & 0xFFFFFFFF
        return (entry for entry in self.entries if entry.domain == wanted)


@dataclass(frozen=True, slots=True)
class Repeats:
    """Messages to somebody who had one already: with the same Message-ID, or with another one.

    ``unprovoked`` are those whose earlier copies had all been answered: the sink gave no cause for them.
    """

    same_id: int = 0
    other_id: int = 0
    unprovoked: int = 0
    longest_gap_seconds: float = 0.0

    @property
    def total(self) -> int:
        return self.same_id + self.other_id

    @classmethod
    def of(cls, entries: Iterable[Entry]) -> "Repeats":
        last: dict[int, Entry] = {}
        same = other = unprovoked = 0
        gap = 0.0
        for entry in entries:
            before = last.get(entry.recipient)
            last[entry.recipient] = entry
            if before is None:
                continue
            is_same = before.message_id == entry.message_id
            same, other = same + is_same, other + (not is_same)
            unprovoked += not before.flags & UNANSWERED
            gap = max(gap, entry.at - before.at)
        return cls(same, other, unprovoked, gap)
