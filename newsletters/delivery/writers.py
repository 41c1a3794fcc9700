"""Messages are written ahead of their turn, some at a time, by threads where there is much to reckon.

A signature takes longer than everything else about a message, and needs no Python meanwhile; so the thread
that moves the bytes goes on. Without signatures it writes them itself, between two looks at its connections.
"""

from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from functools import partial
from typing import Final

from newsletters.delivery.loads import Parcel
from newsletters.kernel.errors import DomainError
from newsletters.mail.letters import Letter

AT_ONCE: Final = 16

Written = Letter | Exception
Batch = list[tuple[Parcel, Written]]


class Writers:
    """For one thread to ask; ``threads`` do it, or with none of them whoever collects."""

    def __init__(self, *, threads: int, wake: Callable[[], None]) -> None:
        self._wake = wake
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="writer") if threads else None
        self._asked: deque[tuple[Sequence[Parcel], datetime]] = deque()
        self._done: deque[Batch] = deque()
        self.under_way = 0  # messages

    def ask(self, parcels: Sequence[Parcel], now: datetime) -> None:
        """Write these messages."""
        self.under_way += len(parcels)
        if self._pool is None:
            self._asked.append((parcels, now))
        else:
            self._pool.submit(partial(self._write_beside, parcels, now))

    def collect(self) -> Batch:
        """What is written by now."""
        if self._asked:
            self._done.append(_write(*self._asked.popleft()))
        written: Batch = []
        while self._done:
            written += self._done.popleft()
        self.under_way -= len(written)
        return written

    @property
    def is_due(self) -> bool:
        """Whether collecting would bring something."""
        return bool(self._asked or self._done)

    def close(self) -> None:
        """Leave unwritten what is not begun."""
        self._asked.clear()
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)

    def _write_beside(self, parcels: Sequence[Parcel], now: datetime) -> None:
        self._done.append(_write(parcels, now))
        self._wake()


def _write(parcels: Sequence[Parcel], now: datetime) -> Batch:
    return [(parcel, _written(parcel, now)) for parcel in parcels]


def _written(parcel: Parcel, now: datetime) -> Written:
    try:
        envelope = parcel.load.mailing.envelope(parcel.recipient, now=now)
    except DomainError as error:
        return error
    except Exception as error:  # noqa: BLE001  (the sender decides; a thread has nobody to tell)
        return error
    return Letter(parcel, envelope.sender, envelope.recipient, envelope.message, is_ready=True)
