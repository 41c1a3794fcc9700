"""What the pages and the JSON share: the store, the faults, and a token that changes with the mail."""

import secrets
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field

from newsletters.sink.faultbook import FaultBook, Rule
from newsletters.sink.reception import Connections
from newsletters.sink.settings import SinkSettings
from newsletters.sink.store import Store, delete_everything, delete_message


def _nothing() -> None:
    """Without a server there is no port to open or close."""


@dataclass(slots=True, kw_only=True)
class Inbox:
    """Handed to every page. ``apply_faults`` opens or closes the SMTP port as the rules say."""

    settings: SinkSettings
    store: Store
    faults: FaultBook
    connections: Connections
    smtp_port: int = 0
    apply_faults: Callable[[], None] = _nothing
    _start: str = field(default_factory=lambda: secrets.token_hex(4))
    _changes: int = 0

    def changed(self) -> None:
        self._changes += 1

    @property
    def version(self) -> str:
        """Different after every change, and after every start."""
        return f"{self._start}-{self._changes}"

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """A connection of this thread's own."""
        with closing(self.store.connect()) as connection:
            yield connection

    def delete(self, seq: int) -> bool:
        with self.reading() as connection:
            deleted = delete_message(connection, seq)
        self.changed()
        return deleted

    def delete_all(self) -> int:
        with self.reading() as connection:
            deleted = delete_everything(connection)
        self.changed()
        return deleted

    def set_faults(self, rules: Iterable[Rule]) -> None:
        self.faults.replace(rules)
        self.apply_faults()
        self.changed()
