"""Messages are written ahead of their turn, some at a time; where they are signed, others sign them.

The thread that moves the bytes writes all but the signatures, between two looks at its connections. A
signature takes longer than everything else about a message, so some are asked for together, and awaited by
threads that do nothing else: whatever Python they ran would keep the connections waiting.
"""

from collections import deque
from collections.abc import Callable, Sequence
from datetime import datetime
from itertools import islice
from operator import attrgetter
from queue import SimpleQueue
from threading import Thread
from typing import Final

from newsletters.delivery.loads import Parcel
from newsletters.delivery.mailing import Draft
from newsletters.mail.letters import Letter
from newsletters.mail.signers import Signer

AT_ONCE: Final = 16

Drafted = tuple[Parcel, Draft]
Signatures = list[bytes] | Exception
Signed = tuple[Sequence[Drafted], Signatures]
Written = Letter | Exception


class Desk:
    """A signer, and the thread that awaits its answers."""

    def __init__(self, signer: Signer, take: Callable[[Signed], None], *, name: str) -> None:
        self._in = self._out = 0  # messages, each counted by one thread alone
        self._signer = signer
        self._take = take
        self._asked: SimpleQueue[Sequence[Drafted] | None] = SimpleQueue()
        self._is_closing = False
        self._thread = Thread(target=self._work, name=name, daemon=True)
        self._thread.start()

    @property
    def under_way(self) -> int:
        """How many messages it has in hand."""
        return self._in - self._out

    def ask(self, drafted: Sequence[Drafted]) -> None:
        """Have these signed."""
        self._in += len(drafted)
        self._signer.ask(_digests(drafted))
        self._asked.put(drafted)

    def close(self) -> None:
        """Leave unsigned what is not begun."""
        self._is_closing = True
        self._asked.put(None)
        self._signer.close()
        self._thread.join()

    def _work(self) -> None:
        while (drafted := self._asked.get()) is not None and not self._is_closing:
            try:
                signatures: Signatures = self._signer.answer(_digests(drafted))
            except Exception as error:  # noqa: BLE001  (the sender decides; a thread has nobody to tell)
                signatures = error
            self._out += len(drafted)
            self._take((drafted, signatures))


class Writers:
    """For one thread to ask. Each of ``signers`` has a thread that waits for it; without any, none signs."""

    def __init__(self, signers: Sequence[Signer], *, wake: Callable[[], None]) -> None:
        self._wake = wake
        self._asked: deque[tuple[Sequence[Parcel], datetime]] = deque()
        self._signed: deque[Signed] = deque()
        self._desks = [
            Desk(signer, self._take, name=f"signer {number}") for number, signer in enumerate(signers, 1)
        ]
        self.under_way = 0  # messages

    def ask(self, parcels: Sequence[Parcel], now: datetime) -> None:
        """Write these messages."""
        self.under_way += len(parcels)
        self._asked.append((parcels, now))

    def collect(self) -> list[tuple[Parcel, Written]]:
        """What is written by now; some of what was asked for is drafted at every call."""
        written: list[tuple[Parcel, Written]] = []
        if self._asked:
            drafted = _drafted(*self._asked.popleft(), failed=written)
            if drafted and self._desks:
                min(self._desks, key=attrgetter("under_way")).ask(drafted)
            else:
                self._signed.append((drafted, []))
        while self._signed:
            written += _letters(*self._signed.popleft())
        self.under_way -= len(written)
        return written

    @property
    def is_due(self) -> bool:
        """Whether collecting would bring something on."""
        return bool(self._asked or self._signed)

    def close(self) -> None:
        """Leave unwritten what is not begun."""
        self._asked.clear()
        for desk in self._desks:
            desk.close()

    def _take(self, signed: Signed) -> None:
        """Called in the thread that awaited the signatures."""
        self._signed.append(signed)
        self._wake()


def _digests(drafted: Sequence[Drafted]) -> list[bytes]:
    return [digest for _, draft in drafted for digest in draft.unsealed.digests]


def _drafted(
    parcels: Sequence[Parcel], now: datetime, *, failed: list[tuple[Parcel, Written]]
) -> list[Drafted]:
    drafted: list[Drafted] = []
    for parcel in parcels:
        try:
            drafted.append((parcel, parcel.load.mailing.draft(parcel.recipient, now=now)))
        except Exception as error:  # noqa: BLE001  (the sender decides what it means)
            failed.append((parcel, error))
    return drafted


def _letters(drafted: Sequence[Drafted], signatures: Signatures) -> list[tuple[Parcel, Written]]:
    if isinstance(signatures, Exception):
        return [(parcel, signatures) for parcel, _ in drafted]
    left = iter(signatures)
    return [
        (
            parcel,
            Letter(
                parcel,
                draft.sender,
                draft.recipient,
                draft.unsealed.sealed(list(islice(left, len(draft.unsealed.digests)))),
                is_ready=True,
            ),
        )
        for parcel, draft in drafted
    ]
