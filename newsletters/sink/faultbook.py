"""Which fault strikes now: the one an address asks for, then the rules, first to last.

Clock and chance are handed in. The HTTP side replaces the rules while the SMTP side asks; a lock keeps the
counting exact.
"""

import json
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from newsletters.sink.faults import Action, Fault, Stage, UnknownFault, fault_in_address, parse_fault

MOST_RULES = 1000
RULE_KEYS = {"match", "fault", "times", "rate"}


class BadRules(ValueError):
    """The rules as written cannot be used; the message says which and why."""


@dataclass(slots=True)
class Rule:
    """One fault for the addresses that match a glob; at most ``times`` times, or in a share of all cases."""

    name: str
    match: str = "*"
    times: int | None = None
    rate: float | None = None
    hits: int = 0
    fault: Fault = field(init=False)

    def __post_init__(self) -> None:
        self.fault = parse_fault(self.name)

    def meets(self, addresses: Sequence[str]) -> bool:
        if self.times is not None and self.hits >= self.times:
            return False
        return self.match == "*" or any(fnmatchcase(each.casefold(), self.match) for each in addresses)

    def described(self) -> dict[str, Any]:
        return {
            "match": self.match,
            "fault": self.name,
            "times": self.times,
            "rate": self.rate,
            "hits": self.hits,
        }


class FaultBook:
    """The rules in force. ``monotonic`` gives seconds, ``chance`` a number from 0 to below 1."""

    def __init__(self, *, monotonic: Callable[[], float], chance: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._chance = chance
        self._rules: tuple[Rule, ...] = ()
        self._first_seen: dict[str, float] = {}
        self._lock = threading.Lock()

    def replace(self, rules: Iterable[Rule]) -> None:
        """Put these rules in force instead, and forget whom greylisting has seen."""
        with self._lock:
            self._rules = tuple(rules)
            self._first_seen.clear()

    def described(self) -> list[dict[str, Any]]:
        with self._lock:
            return [rule.described() for rule in self._rules]

    def strikes(self, stage: Stage, addresses: Sequence[str] = ()) -> list[Fault]:
        """Every fault that strikes at this stage, in order; rules that strike are counted."""
        if not self._rules and not any("fault-" in each.casefold() for each in addresses):
            return []
        with self._lock:
            asked = [(None, fault) for each in addresses if (fault := fault_in_address(each))]
            ruled = [(rule, rule.fault) for rule in self._rules if rule.meets(addresses)]
            faults = [(rule, fault) for rule, fault in asked + ruled if fault.stage is stage]
            return [fault for rule, fault in faults if self._happens(rule, fault, addresses)]

    def _happens(self, rule: Rule | None, fault: Fault, addresses: Sequence[str]) -> bool:
        if rule is not None and rule.rate is not None and self._chance() >= rule.rate:
            return False
        if fault.action is Action.GREYLIST and not self._is_grey(fault, addresses):
            return False
        if rule is not None:
            rule.hits += 1
        return True

    def _is_grey(self, fault: Fault, addresses: Sequence[str]) -> bool:
        """The first attempt always is; later ones are until the fault's seconds are over."""
        key, now = addresses[-1].casefold(), self._monotonic()
        if key not in self._first_seen:
            self._first_seen[key] = now
            return True
        return now - self._first_seen[key] < fault.seconds

    @property
    def is_refusing(self) -> bool:
        return any(rule.fault.action is Action.REFUSE for rule in self._rules)

    @property
    def size_bytes(self) -> int | None:
        """The SIZE to pretend, if a rule asks for one."""
        return next((rule.fault.size_bytes for rule in self._rules if rule.fault.action is Action.SIZE), None)

    def is_without(self, extension: str) -> bool:
        return any(rule.fault.extension == extension for rule in self._rules)


def parse_rules(written: str | bytes) -> list[Rule]:
    """Read a JSON list of ``{"match": glob, "fault": name, "times": n, "rate": r}``. Raises BadRules."""
    try:
        listed = json.loads(written)
    except (ValueError, RecursionError) as error:
        raise BadRules(f"the fault rules are no JSON: {error}") from error
    if not isinstance(listed, list) or len(listed) > MOST_RULES:
        raise BadRules(f"the fault rules must be a list of at most {MOST_RULES}")
    return [_parse_rule(number, each) for number, each in enumerate(listed, start=1)]


def _parse_rule(number: int, written: object) -> Rule:
    if not isinstance(written, dict) or not written.keys() <= RULE_KEYS or "fault" not in written:
        raise BadRules(f"rule {number} must be an object with fault and perhaps match, times, rate")
    match, times, rate = written.get("match", "*"), written.get("times"), written.get("rate")
    if not isinstance(match, str):
        raise BadRules(f"rule {number}: match must be a glob such as *@slow.example")
    if times is not None and (type(times) is not int or times < 1):
        raise BadRules(f"rule {number}: times must be a whole number from 1")
    if rate is not None and (
        isinstance(rate, bool) or not isinstance(rate, int | float) or not 0 <= rate <= 1
    ):
        raise BadRules(f"rule {number}: rate must be a number from 0 to 1")
    try:
        rule = Rule(name=str(written["fault"]), match=match.casefold(), times=times, rate=rate)
    except UnknownFault as error:
        raise BadRules(f"rule {number}: {error}") from error
    return _checked(number, rule)


def _checked(number: int, rule: Rule) -> Rule:
    if not rule.fault.knows_address and rule.match != "*":
        raise BadRules(f"rule {number}: {rule.name} strikes before an address is known, so it takes no match")
    if rule.fault.stage is Stage.SERVER and (rule.times is not None or rule.rate is not None):
        raise BadRules(
            f"rule {number}: {rule.name} holds until it is taken away, so it takes no times or rate"
        )
    return rule
