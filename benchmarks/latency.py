"""What readers notice of a send: the time of a sign-up, idle and while an issue goes out.

Posts come at an even pace, whatever becomes of those before them, and a post's time begins when it was due:
a server that stalls is not spared the posts that would have come meanwhile.
"""

import asyncio
import statistics
from collections.abc import Sequence
from itertools import count
from typing import Any

from benchmarks import newsroom, sender, web
from benchmarks.newsroom import Size
from benchmarks.plan import Plan, say
from benchmarks.sender import Bench
from benchmarks.sink import Sink
from benchmarks.stores import Store
from benchmarks.web import Visit

POSTS_A_SECOND = 10  # 36,000 an hour: a crowd, and not yet what one machine can take at most
_numbers = count(1)


def measure(bench: Bench, stores: Sequence[Store], plan: Plan) -> dict[str, Any]:
    """Percentiles in milliseconds, idle and sending, on each database, round by round."""
    rounds = []
    for _ in range(plan.rounds):
        seen = {store.name: _round(bench, store, plan) for store in stores}
        say(", ".join(f"{name} p99 {_words(found)}" for name, found in seen.items()))
        rounds.append(seen)
    return {"rounds": rounds, "posts_a_second": POSTS_A_SECOND, "recipients": plan.scale[-2]}


def _round(bench: Bench, store: Store, plan: Plan) -> dict[str, Any]:
    size = Size(plan.scale[-2])
    with store.copy(size.name, size.build) as url, Sink(bench.programs) as sink:
        settings = bench.settings(url, sink, is_signed=True) | web.OPEN_GATES
        with (
            sender.worker(bench.folder, settings),
            web.web(bench.folder, settings, "benchmarks.open_doors:app") as port,
            sender.opened(url) as db,
        ):
            seen = web.visit(port)
            _post_evenly(seen, seconds=1)
            idle = _post_evenly(seen, seconds=plan.latency_seconds)
            newsroom.send(db)
            sink.wait_for(sink.count + 500, seconds=60)
            sent_before = sink.count
            sending = _post_evenly(seen, seconds=plan.latency_seconds)
            rate = (sink.count - sent_before) / plan.latency_seconds
    return {"idle": _percentiles(idle), "sending": _percentiles(sending), "issue_rate": rate}


def _post_evenly(seen: Visit, *, seconds: float) -> list[float]:
    """Milliseconds of each post."""
    return asyncio.run(_posts(seen, int(seconds * POSTS_A_SECOND)))


async def _posts(seen: Visit, number: int) -> list[float]:
    loop = asyncio.get_running_loop()
    began = loop.time() + 0.05
    posts = [_post(seen, began + place / POSTS_A_SECOND) for place in range(number)]
    return list(await asyncio.gather(*posts))


async def _post(seen: Visit, due_at: float) -> float:
    loop = asyncio.get_running_loop()
    await asyncio.sleep(due_at - loop.time())
    reader, writer = await asyncio.open_connection("127.0.0.1", seen.port)
    writer.write(_request(seen, next(_numbers)))
    status = await reader.readline()
    await reader.read()
    took = (loop.time() - due_at) * 1000
    writer.close()
    if b" 303 " not in status:
        raise RuntimeError(f"a sign-up was answered with {status!r}")
    return took


def _request(seen: Visit, number: int) -> bytes:
    body = seen.body(web.email("latency", number))
    fields = {
        **web.headers(),
        "Connection": "close",
        "Cookie": seen.cookie,
        "X-Forwarded-For": web.client_address(number),
        "Content-Type": "application/x-www-form-urlencoded",
        "Content-Length": str(len(body)),
    }
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"POST {web.PATH} HTTP/1.1\r\n{head}\r\n{body}".encode()


def _percentiles(milliseconds: Sequence[float]) -> dict[str, float]:
    cuts = statistics.quantiles(milliseconds, n=100)
    return {"p50": cuts[49], "p90": cuts[89], "p99": cuts[98], "most": max(milliseconds)}


def _words(found: dict[str, Any]) -> str:
    return f"{found['idle']['p99']:.0f} ms idle, {found['sending']['p99']:.0f} ms sending"
