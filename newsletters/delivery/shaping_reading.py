"""Reads shaping files: TOML in, rules out, every mistake with its file, section and key.

Nothing is guessed: an unknown key is an error, for a limit that was misspelt would be no limit at all.
"""

import tomllib
from collections.abc import Callable, Mapping
from datetime import date, datetime
from importlib import resources
from pathlib import Path
from typing import Any, Final

from newsletters.delivery.shaping import FIRST_USE, Limits, Provider, Rules, ServerRules, WarmUp, as_relay
from newsletters.delivery.throttle import BadRate, Rate
from newsletters.kernel.errors import DomainError

OURS: Final = "shaping.toml"
MOST: Final = 1_000_000_000
LIMITS: Final = frozenset({"connections", "messages", "rate", "burst", "warm_up", "tls"})
Section = Mapping[str, Any]


class BadShaping(DomainError):
    """A shaping file cannot be used; the message names the file, the section and the key."""


def read_rules(path: Path | None = None) -> Rules:
    """Our own rules with those of the file at ``path`` over them. Raises BadShaping."""
    ours = _parsed((resources.files("newsletters.delivery") / OURS).read_bytes(), OURS)
    if path is None:
        return _rules(ours, OURS)
    try:
        theirs = _parsed(path.read_bytes(), str(path))
    except OSError as error:
        raise BadShaping(f"{path}: cannot be read: {error.strerror}") from error
    _rules(theirs, str(path), is_whole=False)  # so that mistakes are told by the names that stand in the file
    return _rules(_merged(ours, theirs), str(path))


def _parsed(content: bytes, name: str) -> dict[str, Any]:
    try:
        return tomllib.loads(content.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadShaping(f"{name}: {error}") from error


def _merged(ours: Section, theirs: Section) -> dict[str, Any]:
    """Tables are merged key by key, everything else is replaced."""
    merged = dict(ours)
    for key, value in theirs.items():
        both = isinstance(value, dict) and isinstance(ours.get(key), dict) and key != "warm_up"
        merged[key] = _merged(ours[key], value) if both else value
    return merged


def _rules(file: Section, name: str, *, is_whole: bool = True) -> Rules:
    top = Reader(file, f"{name}:")
    top.expect({"default", "providers", "servers"})
    default = top.section("default")
    default.expect(LIMITS)
    providers = {key: _provider(section, key, is_whole) for key, section in top.sections("providers")}
    _refuse_twice(providers, f"{name}:")
    limits = {key: provider.limits for key, provider in providers.items()}
    servers = {key: _server(section, limits) for key, section in top.sections("servers")}
    return Rules(default=default.limits(Limits()), providers=providers, servers=servers)


def _provider(section: "Reader", key: str, is_whole: bool) -> Provider:
    section.expect(LIMITS | {"name", "domains", "mx"})
    domains, suffixes = section.names("domains"), section.names("mx")
    if is_whole and not domains and not suffixes:
        section.fail("domains", "a provider needs domains or mx")
    return Provider(
        key=key,
        name=section.text("name") or key,
        domains=domains,
        mx=suffixes,
        limits=section.limits(Limits()),
    )


def _server(section: "Reader", providers: Mapping[str, Limits]) -> ServerRules:
    section.expect(LIMITS | {"weight", "relay", "providers"})
    is_relay = section.truth("relay")
    own = {}
    for key, inner in section.sections("providers"):
        inner.expect(LIMITS)
        base = providers.get(key, Limits())
        own[key] = inner.limits(as_relay(base) if is_relay else base)
    return ServerRules(
        limits=section.limits(Limits()),
        weight=section.count("weight"),
        is_relay=is_relay,
        providers=own,
    )


def _refuse_twice(providers: Mapping[str, Provider], place: str) -> None:
    seen: dict[str, str] = {}
    for key, provider in providers.items():
        for domain in provider.domains:
            if seen.setdefault(domain, key) != key:
                raise BadShaping(f"{place} [providers.{key}] domains: {domain} stands in {seen[domain]} too")


class Reader:
    """One section of a file, and where it stands."""

    def __init__(self, section: object, place: str) -> None:
        self.place = place
        if not isinstance(section, dict):
            raise BadShaping(f"{place} this must be a section")
        self._given: Section = section

    def expect(self, keys: set[str] | frozenset[str]) -> None:
        """Raises BadShaping for a key that means nothing here."""
        for key in self._given:
            if key not in keys:
                self.fail(key, f"unknown; there are {', '.join(sorted(keys))}")

    def fail(self, key: str, why: str) -> None:
        raise BadShaping(f"{self.place} {key}: {why}")

    def section(self, key: str) -> "Reader":
        return Reader(self._given.get(key, {}), f"{self.place} [{key}]")

    def sections(self, key: str) -> list[tuple[str, "Reader"]]:
        within = self.section(key)
        place = self.place.removesuffix("]") + ("." if self.place.endswith("]") else " [") + key
        return [(name, Reader(inner, f"{place}.{name}]")) for name, inner in within._given.items()]

    def limits(self, base: Limits) -> Limits:
        """The limits of this section over those of ``base``."""
        return Limits(
            connections=self._over("connections", base.connections, self.count),
            messages=self._over("messages", base.messages, self.count),
            rate=self._over("rate", base.rate, self._rate),
            warm_up=self._over("warm_up", base.warm_up, self._warm_up),
            needs_tls=self._over("tls", base.needs_tls, self._tls),
        )

    def _over(self, key: str, base: Any, read: Callable[[str], Any]) -> Any:
        return read(key) if key in self._given else base

    def count(self, key: str) -> int | None:
        """A whole number; nought means that there is no limit."""
        value = self._given.get(key)
        if value is None:
            return None
        if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= MOST:
            self.fail(key, f"{value!r} is not a whole number from 0 to {MOST}")
        return int(value) or None

    def text(self, key: str) -> str:
        value = self._given.get(key, "")
        if not isinstance(value, str):
            self.fail(key, f"{value!r} is not text")
        return str(value)

    def truth(self, key: str) -> bool:
        value = self._given.get(key, False)
        if not isinstance(value, bool):
            self.fail(key, f"{value!r} is not true or false")
        return bool(value)

    def names(self, key: str) -> tuple[str, ...]:
        """Domain names, in lower case, without dots around them."""
        value = self._given.get(key, [])
        if not isinstance(value, list) or not all(isinstance(name, str) and name.isascii() for name in value):
            self.fail(key, "write a list of domain names, as ASCII")
        return tuple(name.strip(".").lower() for name in value)

    def _rate(self, key: str) -> Rate | None:
        words = self.text(key)
        try:
            return Rate.parse(words, burst=self.count("burst")) if words else None
        except BadRate as error:
            raise BadShaping(f"{self.place} {key}: {error}") from error

    def _tls(self, key: str) -> bool:
        word = self.text(key)
        if word not in ("required", "any"):
            self.fail(key, f"{word!r} is not required or any")
        return word == "required"

    def _warm_up(self, key: str) -> WarmUp | None:
        inner = Reader(self._given[key], f"{self.place} {key}")
        inner.expect({"since", "days"})
        days, since = inner._given.get("days"), inner._given.get("since", FIRST_USE)
        if not isinstance(days, list) or not all(type(day) is int and 0 < day <= MOST for day in days):
            inner.fail("days", "write a list of messages a day, such as [50, 100, 200]")
        if since != FIRST_USE and (not isinstance(since, date) or isinstance(since, datetime)):
            inner.fail("since", f'write a day, such as 2026-03-01 without quotes, or "{FIRST_USE}"')
        return WarmUp(tuple(days or ()), None if since == FIRST_USE else since) if days else None
