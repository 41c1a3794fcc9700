"""The rules in force: read again when their file changes; a broken new file leaves the old rules in force."""

import logging
from collections.abc import Callable
from functools import cache
from pathlib import Path
from threading import Lock

from newsletters.delivery.shaping import Rules
from newsletters.delivery.shaping_reading import BadShaping, read_rules

log = logging.getLogger(__name__)

Stamp = tuple[int, int, int] | None


class Rulebook:
    """The rules of one process. ``trouble`` says what is wrong with the file as it is now, if anything."""

    def __init__(
        self, path: Path | None = None, *, read: Callable[[Path | None], Rules] = read_rules
    ) -> None:
        """Raises BadShaping: a process does not start under rules nobody meant."""
        self._path = path
        self._read = read
        self._lock = Lock()
        self._stamp = _stamp(path)
        self.rules = read(path)
        self.trouble = ""

    def refresh(self) -> bool:
        """Look at the file; say whether other rules are in force now."""
        with self._lock:
            stamp = _stamp(self._path)
            if stamp == self._stamp:
                return False
            self._stamp = stamp
            try:
                rules = self._read(self._path)
            except BadShaping as error:
                self.trouble = str(error)
                log.error("the shaping file has a mistake, the rules before it stay in force: %s", error)
                return False
            self.trouble = ""
            is_new, self.rules = rules != self.rules, rules
        log.info("the shaping file was read again")
        return is_new


@cache
def rulebook(path: Path | None) -> Rulebook:
    """The one book of this process for a file. Raises BadShaping, each time until the file can be read."""
    return Rulebook(path)


def _stamp(path: Path | None) -> Stamp:
    """What changes when a file does: editors write in place, rename over it, or swap a link."""
    if path is None:
        return None
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
