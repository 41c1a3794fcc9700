"""The letters that wait in this process, by provider, served in turn: a provider with many letters does not
go before one with few. Within a provider those go first that were put off before.
"""

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Generic, NamedTuple, TypeVar

L = TypeVar("L")


class Entry(NamedTuple, Generic[L]):
    """A letter that waits."""

    letter: L
    issue_id: int
    is_fresh: bool


@dataclass(slots=True)
class Pile(Generic[L]):
    """What waits for one provider."""

    due: deque[Entry[L]] = field(default_factory=deque)
    fresh: deque[Entry[L]] = field(default_factory=deque)

    def __len__(self) -> int:
        return len(self.due) + len(self.fresh)

    def pop_last(self) -> Entry[L]:
        """The one that would go last."""
        return (self.fresh or self.due).pop()


class FairQueue(Generic[L]):
    """Piles in turn."""

    def __init__(self) -> None:
        self._piles: dict[str, Pile[L]] = {}
        self._turn: deque[str] = deque()
        self._size = 0

    def __len__(self) -> int:
        return self._size

    def add(self, group: str, entry: Entry[L]) -> None:
        pile = self._piles.get(group)
        if pile is None:
            pile = self._piles[group] = Pile()
            self._turn.append(group)
        (pile.fresh if entry.is_fresh else pile.due).append(entry)
        self._size += 1

    def size_of(self, group: str) -> int:
        pile = self._piles.get(group)
        return 0 if pile is None else len(pile)

    def groups(self) -> list[str]:
        """Every provider with letters, the next one first."""
        return list(self._turn)

    def has_others(self, group: str) -> bool:
        """Whether letters to anybody else wait."""
        return len(self._piles) > (group in self._piles)

    def serve(self, choose: Callable[[str], bool], is_done: Callable[[], bool]) -> None:
        """Ask each provider in turn until ``is_done``; one that ``choose`` refuses is not asked again."""
        refused: list[str] = []
        while self._turn and not is_done():
            group = self._turn.popleft()
            if not choose(group):
                refused.append(group)
            elif group in self._piles:
                self._turn.append(group)
        self._turn.extend(refused)

    def pop(self, group: str) -> Entry[L]:
        """Take the next letter of a provider that is being served."""
        pile = self._piles[group]
        entry = (pile.due or pile.fresh).popleft()
        self._size -= 1
        if not pile.due and not pile.fresh:
            del self._piles[group]
        return entry

    def shed(self, group: str, *, keep: int) -> list[Entry[L]]:
        """Take out all but the ``keep`` that go first, the first of them first."""
        pile = self._piles[group]
        taken = [pile.pop_last() for _ in range(max(0, len(pile) - keep))]
        self._size -= len(taken)
        self._drop_empty([group])
        return taken[::-1]

    def settle(self, group: str) -> None:
        """What stays in hand was looked at: it is not fresh any more."""
        pile = self._piles.get(group)
        if pile is not None and pile.fresh:
            pile.due.extend(pile.fresh)
            pile.fresh.clear()

    def due_of(self, group: str) -> int:
        """How many letters were put off before."""
        return len(self._piles[group].due)

    def shed_fresh(self, group: str, issue_ids: set[int]) -> list[Entry[L]]:
        """Take out the letters of those issues that were never put off."""
        pile = self._piles[group]
        taken = [entry for entry in pile.fresh if entry.issue_id in issue_ids]
        if taken:
            stay = [entry for entry in pile.fresh if entry.issue_id not in issue_ids]
            pile.fresh = deque(stay)
            self._size -= len(taken)
            self._drop_empty([group])
        return taken

    def withdraw(self, belongs: Callable[[L], bool]) -> list[L]:
        """Take out every letter that belongs."""
        taken: list[L] = []
        for pile in self._piles.values():
            for side in (pile.due, pile.fresh):
                taken += [entry.letter for entry in side if belongs(entry.letter)]
                stay = [entry for entry in side if not belongs(entry.letter)]
                side.clear()
                side.extend(stay)
        self._size -= len(taken)
        self._drop_empty(list(self._piles))
        return taken

    def _drop_empty(self, groups: Iterable[str]) -> None:
        for group in groups:
            if not len(self._piles[group]):
                del self._piles[group]
                self._turn.remove(group)
