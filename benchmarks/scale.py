"""What size costs: memory and CPU a message for ten thousand recipients and for a million."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from benchmarks import sender
from benchmarks.newsroom import Size
from benchmarks.plan import Plan, say
from benchmarks.sender import Bench
from benchmarks.stores import Store

SMALL = 50_000  # audiences up to this size are sent in every round, the larger ones once: they take minutes


def measure(bench: Bench, stores: Sequence[Store], plan: Plan) -> dict[str, Any]:
    """Rounds by number of recipients; a large one's only run stands in each round beside the small ones."""
    store = stores[0]
    large = {str(count): _send(bench, store, count) for count in plan.scale if count > SMALL}
    small = [count for count in plan.scale if count <= SMALL]
    rounds = [large | {str(count): _send(bench, store, count) for count in small} for _ in range(plan.rounds)]
    return {"rounds": rounds, "store": store.name, "sizes": list(plan.scale)}


def _send(bench: Bench, store: Store, recipients: int) -> dict[str, Any]:
    sent = sender.send(bench, store, Size(recipients), is_signed=False)
    say(
        f"{recipients:,} recipients: {sent.rate:,.0f}/s, {sent.cpu_us:.0f} us a message, "
        f"{sent.peak_bytes / 1e6:.0f} MB"
    )
    return asdict(sent)
