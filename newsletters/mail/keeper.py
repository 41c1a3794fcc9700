"""Whom a line belongs to: its side of their bargain is all that a line knows of a pool."""

from typing import TYPE_CHECKING, Protocol

from newsletters.mail.letters import Event

if TYPE_CHECKING:
    from newsletters.mail.line import Line


class Keeper(Protocol):
    """Is told what has changed."""

    def changed(self, line: "Line") -> None:
        """The line has other room than before, or it is over."""

    def tell(self, event: Event) -> None:
        """Pass on what became of a letter."""
