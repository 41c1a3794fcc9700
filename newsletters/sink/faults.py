"""What a fault is called and what it does. No socket, no clock, no chance here; docs/sink.md lists the names.

A fault strikes at one stage of the SMTP conversation. It is asked for by name, in a rule or in the local part
of an address: ``anything+fault-451-4.2.1@reader.example``. An unknown name is refused, never passed over.
"""

import re
from dataclasses import dataclass
from enum import StrEnum

LONGEST_DELAY_SECONDS = 3600


class UnknownFault(ValueError):
    """No fault is called that."""


class Stage(StrEnum):
    """When a fault strikes, in the order of a conversation."""

    SERVER = "server"  # all the time, whoever speaks
    GREET = "greet"
    EHLO = "ehlo"
    MAIL = "mail"
    RCPT = "rcpt"
    DATA = "data"  # the command, before the 354
    BODY = "body"  # while the message comes in
    DOT = "dot"  # the final dot was read, nothing is kept yet
    KEPT = "kept"  # the message is kept, not answered yet


class Action(StrEnum):
    """What a fault does."""

    REPLY = "reply"
    GREYLIST = "greylist"
    SLOW = "slow"
    DROP = "drop"
    GARBAGE = "garbage"
    LONG = "long"
    REFUSE = "refuse"
    SIZE = "size"
    WITHOUT = "without"  # an extension is not offered


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that goes wrong. Only the fields of its action mean anything."""

    stage: Stage
    action: Action
    code: int = 0
    enhanced: str = ""
    seconds: float = 0.0
    size_bytes: int = 0
    extension: str = ""

    @property
    def knows_address(self) -> bool:
        """Whether there is an address to match when it strikes."""
        return self.stage not in (Stage.SERVER, Stage.GREET, Stage.EHLO)


_NAMED = {
    "drop-at-greeting": Fault(Stage.GREET, Action.DROP),
    "drop-at-rcpt": Fault(Stage.RCPT, Action.DROP),
    "drop-before-data": Fault(Stage.DATA, Action.DROP),
    "drop-in-data": Fault(Stage.BODY, Action.DROP),
    "drop-at-dot": Fault(Stage.DOT, Action.DROP),
    "drop-after-dot": Fault(Stage.KEPT, Action.DROP),
    "refuse": Fault(Stage.SERVER, Action.REFUSE),
    "no-smtputf8": Fault(Stage.SERVER, Action.WITHOUT, extension="SMTPUTF8"),
    "no-8bitmime": Fault(Stage.SERVER, Action.WITHOUT, extension="8BITMIME"),
    "no-pipelining": Fault(Stage.SERVER, Action.WITHOUT, extension="PIPELINING"),
    "no-size": Fault(Stage.SERVER, Action.WITHOUT, extension="SIZE"),
}
_STAGE = r"(?:(?P<stage>greet|ehlo|mail|rcpt|data|dot|kept)-)?"
_REPLY = re.compile(_STAGE + r"(?P<code>[45]\d\d)(?:-(?P<enhanced>[45]\.\d{1,3}\.\d{1,3}))?")
_SLOW = re.compile(_STAGE + r"slow-(?P<seconds>\d+(?:\.\d+)?)")
_ODD_REPLY = re.compile(_STAGE + r"(?P<action>garbage|long)")
_GREYLIST = re.compile(r"greylist(?:-(?P<seconds>\d+(?:\.\d+)?))?")
_SIZE = re.compile(r"size-(?P<size>[1-9]\d{0,11})")
_IN_ADDRESS = re.compile(r"(?:^|[+._-])fault-(?P<name>[a-z0-9.-]+)$")


def parse_fault(name: str) -> Fault:
    """Raises UnknownFault."""
    if name in _NAMED:
        return _NAMED[name]
    for pattern, build in _PATTERNS:
        if found := pattern.fullmatch(name):
            return build(found)
    raise UnknownFault(f"no fault is called {name!r}; docs/sink.md lists them")


def fault_in_address(address: str) -> Fault | None:
    """The fault that the local part asks for, if any; an unknown name there is only a name."""
    local = address.rpartition("@")[0].casefold()
    found = _IN_ADDRESS.search(local) if "fault-" in local else None
    if found is None:
        return None
    try:
        fault = parse_fault(found["name"])
    except UnknownFault:
        return None
    return fault if fault.knows_address else None


def _reply(found: re.Match[str]) -> Fault:
    code, enhanced = int(found["code"]), found["enhanced"] or ""
    if enhanced and enhanced[0] != found["code"][0]:
        raise UnknownFault(f"{found['code']} does not go with {enhanced}")
    return Fault(_stage(found, default=Stage.RCPT), Action.REPLY, code=code, enhanced=enhanced)


def _slow(found: re.Match[str]) -> Fault:
    return Fault(_stage(found, default=Stage.KEPT), Action.SLOW, seconds=_seconds(found))


def _odd_reply(found: re.Match[str]) -> Fault:
    return Fault(_stage(found, default=Stage.RCPT), Action(found["action"]))


def _greylist(found: re.Match[str]) -> Fault:
    return Fault(Stage.RCPT, Action.GREYLIST, seconds=_seconds(found))


def _size(found: re.Match[str]) -> Fault:
    return Fault(Stage.SERVER, Action.SIZE, size_bytes=int(found["size"]))


def _stage(found: re.Match[str], *, default: Stage) -> Stage:
    return Stage(found["stage"] or default)


def _seconds(found: re.Match[str]) -> float:
    seconds = float(found["seconds"] or 0)
    if seconds > LONGEST_DELAY_SECONDS:
        raise UnknownFault(f"{seconds} seconds is longer than {LONGEST_DELAY_SECONDS}")
    return seconds


_PATTERNS = (
    (_REPLY, _reply),
    (_SLOW, _slow),
    (_ODD_REPLY, _odd_reply),
    (_GREYLIST, _greylist),
    (_SIZE, _size),
)
