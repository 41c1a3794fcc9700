"""Whom a line belongs to: its side of their bargain is all that a line knows of a pool."""

from typing import Protocol, TypeVar

from newsletters.mail.letters import Event

Kept_contra = TypeVar("Kept_contra", contravariant=True)


class Keeper(Protocol[Kept_contra]):
    """Is told what has changed."""

    def changed(self, line: Kept_contra) -> None:
        """The line has other room than before, or it is over."""

    def tell(self, event: Event) -> None:
        """Pass on what became of a letter."""
