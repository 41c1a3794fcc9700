"""What a returned mail says, once it is read."""

from dataclasses import dataclass, field

from newsletters.bounces.event import EventKind


@dataclass(frozen=True, slots=True)
class Verdict:
    """``kind`` None: it says nothing we understand, and an editor must look.

    ``reply`` is the other server's own words, ``addresses`` whom it speaks of. Both are a stranger's text.
    """

    kind: EventKind | None
    reply: str = ""
    addresses: frozenset[str] = field(default_factory=frozenset)
