"""How fast: smtp-source, our sender in four variants and the naive pipeline, all in every round."""

import pstats
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from benchmarks import parts, sender, signature, yardstick
from benchmarks.figures import in_worker
from benchmarks.naive import Naive
from benchmarks.newsroom import Size
from benchmarks.plan import Plan, say
from benchmarks.sender import Bench
from benchmarks.stores import Store

NAIVE_SHARE = 50  # the naive pipeline sends so many times fewer messages, to take as long


def measure(bench: Bench, stores: Sequence[Store], plan: Plan) -> dict[str, Any]:
    """The rounds, and a profile of each variant."""
    sender.make_keys(bench.folder)
    naive = Naive(bench.folder / "rsa.pem")
    size = Size(plan.messages)
    rounds = [_round(bench, stores, size, naive) for _ in range(plan.rounds)]
    profiles = {
        variant: _profile(
            bench, store, Size(plan.profiled), is_signed=is_signed, cost_us=in_worker(rounds, variant)
        )
        for variant, store, is_signed in _variants(stores)
    }
    return {"rounds": rounds, "profiles": profiles}


def _round(bench: Bench, stores: Sequence[Store], size: Size, naive: Naive) -> dict[str, Any]:
    seen: dict[str, Any] = {
        "smtp-source": yardstick.rate(bench.programs, messages=size.readers),
        "rsa_us": signature.rsa_us(signatures=2000),
        "busy_rsa_us": signature.busy_rsa_us(signatures=2000),
        "naive": naive.rate(bench.programs, messages=max(100, size.readers // NAIVE_SHARE)),
    }
    for variant, store, is_signed in _variants(stores):
        seen[variant] = asdict(sender.send(bench, store, size, is_signed=is_signed))
    say(_line(seen))
    return seen


def _line(seen: dict[str, Any]) -> str:
    """One round in one line."""
    base, alone, busy = seen["smtp-source"], seen["rsa_us"], seen["busy_rsa_us"]
    ours = ", ".join(
        f"{name} {numbers['rate'] / base:.2f} ({numbers['cpu_us']:.0f} us)"
        for name, numbers in seen.items()
        if isinstance(numbers, dict)
    )
    return f"smtp-source {base:,.0f}/s; RSA {alone:.0f} to {busy:.0f} us; naive {seen['naive']:.0f}/s; {ours}"


def _variants(stores: Sequence[Store]) -> Iterator[tuple[str, Store, bool]]:
    for store in stores:
        yield f"{store.name} unsigned", store, False
        yield f"{store.name} signed", store, True


def _profile(bench: Bench, store: Store, size: Size, *, is_signed: bool, cost_us: float) -> dict[str, Any]:
    """Shares by part and by function of what costs ``cost_us`` a message without a profile."""
    path = bench.folder / "worker.prof"
    sender.send(bench, store, size, is_signed=is_signed, profile=path)
    seconds = cost_us * size.readers / 1e6
    return asdict(parts.shares(parts.of(pstats.Stats(str(path))), parts.SENDER_PARTS, seconds=seconds))
