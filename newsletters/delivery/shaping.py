"""The rules of the flow: how much a server of ours may carry, and how much a provider takes from it. Pure.

What is not limited is None. A provider's rules count for each of our servers by itself, because a provider
judges the address a server sends from; a server that is marked as a relay speaks to providers on its own,
so only what the file says of that very server limits a provider there.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Final

from newsletters.delivery.throttle import Rate

FIRST_USE: Final = "first use"


@dataclass(frozen=True, slots=True)
class WarmUp:
    """Messages a day for a new sending address, day by day; after the last day there is no such limit.

    ``since`` None counts from the day the server was first used.
    """

    days: tuple[int, ...]
    since: date | None = None

    def day(self, first_used_on: date | None, *, today: date) -> int:
        """Which day of the schedule it is, counted from 1; a day before the beginning counts as the first."""
        start = self.since or first_used_on or today
        return max(0, (today - start).days) + 1

    def most(self, first_used_on: date | None, *, today: date) -> int | None:
        """How many messages this day may have, or None when the schedule has ended."""
        day = self.day(first_used_on, today=today)
        return self.days[day - 1] if day <= len(self.days) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What may be done at one time, over one connection, in a while, and on one day."""

    connections: int | None = None
    messages: int | None = None
    rate: Rate | None = None
    warm_up: WarmUp | None = None
    needs_tls: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """Domains that are served by the same machines: by name, or because their MX is in one of ``mx``."""

    key: str
    name: str
    domains: tuple[str, ...] = ()
    mx: tuple[str, ...] = ()
    limits: Limits = field(default_factory=Limits)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerRules:
    """What the file says of one server; ``providers`` holds whole rules, ready for use there."""

    limits: Limits = field(default_factory=Limits)
    weight: int | None = None
    is_relay: bool = False
    providers: Mapping[str, Limits] = field(default_factory=dict)


_NO_SERVER: Final = ServerRules()


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """Everything the files say."""

    default: Limits = field(default_factory=Limits)
    providers: Mapping[str, Provider] = field(default_factory=dict)
    servers: Mapping[str, ServerRules] = field(default_factory=dict)

    def of_server(self, server: str) -> ServerRules:
        return self.servers.get(server, _NO_SERVER)

    def of(self, server: str, group: str) -> Limits:
        """What holds for a provider, or for a domain that belongs to none, at one server."""
        rules = self.of_server(server)
        if (own := rules.providers.get(group)) is not None:
            return own
        provider = self.providers.get(group)
        limits = provider.limits if provider is not None else self.default
        return as_relay(limits) if rules.is_relay else limits

    def name_of(self, group: str) -> str:
        """What people call a provider; a domain is called by its name."""
        provider = self.providers.get(group)
        return provider.name if provider is not None else group

    @property
    def by_domain(self) -> dict[str, str]:
        """Every domain that is named, with its provider's key."""
        return {domain: key for key, provider in self.providers.items() for domain in provider.domains}


def as_relay(limits: Limits) -> Limits:
    """What is left of a provider's limits where a relay speaks to it: connections and TLS are its own."""
    return replace(limits, connections=None, messages=None, needs_tls=False)
