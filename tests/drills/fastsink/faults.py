"""What the sink does wrong, and when. Pure but for the chance it is handed."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from random import Random
from typing import Any, Final, Literal, Self

Phase = Literal["greeting", "ehlo", "starttls", "mail", "rcpt", "data", "body", "dot", "taken"]
PHASES: Final[tuple[Phase, ...]] = (
    "greeting",
    "ehlo",
    "starttls",
    "mail",
    "rcpt",
    "data",
    "body",
    "dot",
    "taken",
)
LONGEST: Final = 200_000


@dataclass(frozen=True, slots=True)
class Fault:
    """At ``phase``, for mail to ``domain`` ("*" is any), a ``share`` of the time, at most ``times``.

    ``kind`` is ``drop``, ``silence``, ``garbage``, ``long``, ``drip``, ``slow``, ``tls`` (a handshake that
    fails; at starttls), or a whole reply such as ``451 4.3.2 later``. Before RCPT no domain is known, so only
    "*" strikes there. ``taken`` is the moment after the message was taken and before that is said; ``dot``
    the one before it is taken. ``seconds`` is how long ``slow`` and ``drip`` take.
    """

    phase: Phase
    kind: str
    domain: str = "*"
    share: float = 1.0
    times: int | None = None
    seconds: float = 0.0

    def __post_init__(self) -> None:
        if self.phase not in PHASES:
            raise ValueError(f"there is no phase {self.phase!r}")
        if not self.kind[:3].isdecimal() and self.kind not in USUAL_KINDS:
            raise ValueError(f"there is no fault {self.kind!r}")

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> Self:
        return cls(**fields)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


USUAL_KINDS: Final = frozenset({"drop", "silence", "garbage", "long", "drip", "slow", "tls"})


class FaultBook:
    """The faults in force, and how often each has struck."""

    def __init__(self, faults: Sequence[Fault] = (), *, chance: Random) -> None:
        self.faults = tuple(faults)
        self.hits = [0] * len(self.faults)
        self._chance = chance
        self._phases = {fault.phase for fault in self.faults}

    def strike(self, phase: Phase, domain: str = "") -> Fault | None:
        """The fault that strikes now, counted; None where all goes well."""
        if phase not in self._phases:
            return None
        for number, fault in enumerate(self.faults):
            if fault.phase != phase or fault.domain not in ("*", domain):
                continue
            if fault.times is not None and self.hits[number] >= fault.times:
                continue
            if fault.share < 1.0 and self._chance.random() >= fault.share:
                continue
            self.hits[number] += 1
            return fault
        return None


def garbage(chance: Random) -> bytes:
    """A line no server should say."""
    return chance.randbytes(60).replace(b"\n", b"?").replace(b"\r", b"?") + b"\r\n"


def long_reply(usual: bytes) -> bytes:
    """``usual`` behind very many lines that say nothing."""
    code = usual[:3]
    line = code + b"-" + b"x" * 500 + b"\r\n"
    return line * (LONGEST // len(line)) + usual
