"""The connections alone, beside smtp-source in the same rounds: no database, no composing, no books.

    python -m benchmarks.wire [--rounds 5] [--messages 20000] [--connections 10]

What the whole product reaches can only be less than this. Every letter is released the moment it may go, so
the figures are those of newsletters/mail/exchange.py and what it stands on, and of the system's sockets.
"""

import argparse
import resource
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Self

from benchmarks import programs, signature, yardstick
from benchmarks.plan import say
from benchmarks.programs import Programs
from benchmarks.sink import Sink
from newsletters.mail.exchange import Exchange
from newsletters.mail.letters import Letter, Settled, Waiting
from newsletters.mail.replies import Reply
from newsletters.mail.server import SmtpServer

LINE = b"x" * 74 + b"\r\n"
MESSAGE = b"From: a@newsroom.example\r\nSubject: speed\r\n\r\n" + LINE * (
    yardstick.MESSAGE_BYTES // len(LINE)
)
GOAL = 1.25


@dataclass(frozen=True, slots=True)
class Cpu:
    """Microseconds of this process."""

    user: float
    system: float

    @classmethod
    def now(cls) -> Self:
        usage = resource.getrusage(resource.RUSAGE_SELF)
        return cls(usage.ru_utime * 1e6, usage.ru_stime * 1e6)


@dataclass(frozen=True, slots=True)
class Round:
    """One round of both."""

    source: float  # messages a second
    ours: float
    user: float  # CPU microseconds a message
    system: float
    sink: float


def main() -> None:
    """Print each round and the medians."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--messages", type=int, default=20_000)
    parser.add_argument("--connections", type=int, default=10)
    parser.add_argument("--cache", default="var/benchmarks")
    chosen = parser.parse_args()
    cache = Path(chosen.cache)
    cache.mkdir(parents=True, exist_ok=True)
    fetched = programs.fetch(cache)
    rounds = []
    for number in range(1, chosen.rounds + 1):
        rounds.append(_round(fetched, messages=chosen.messages, connections=chosen.connections))
        say(f"{number}: {_said(rounds[-1])}")
    ratio, rsa_us = median(one.ours / one.source for one in rounds), signature.rsa_us(signatures=500)
    say(f"median ratio {ratio:.2f} (goal {GOAL}); one RSA-2048 signature takes {rsa_us:.0f} us")


def _round(fetched: Programs, *, messages: int, connections: int) -> Round:
    source = yardstick.rate(fetched, messages=messages)
    with Sink(fetched) as sink:
        before, sink_before = Cpu.now(), sink.cpu_seconds
        _send(f"{sink.url}&connections={connections}", messages)
        after = Cpu.now()
        sink.wait_for(messages, seconds=10)
        sink_us = (sink.cpu_seconds - sink_before) / messages * 1e6
        return Round(
            source,
            sink.rate(),
            (after.user - before.user) / messages,
            (after.system - before.system) / messages,
            sink_us,
        )


def _send(url: str, messages: int) -> None:
    """Send so many over one server; every one must be taken."""
    exchange = Exchange([SmtpServer.from_url(url)])
    pool, waiting, settled = exchange.pools[0], _letters(messages), 0
    left = messages
    while settled < messages:
        pool.want(left)
        may_go = []
        for event in exchange.poll(1.0):
            if isinstance(event, Waiting):
                may_go.append(event.key)
            elif isinstance(event, Settled) and isinstance(event.outcome, Reply):
                settled += 1
            else:
                raise RuntimeError(event)
        for _ in range(min(left, pool.room())):
            pool.offer(next(waiting))
            left -= 1
        for key in may_go:
            exchange.release(key)
    exchange.close()


def _letters(messages: int) -> Iterator[Letter]:
    for number in range(messages):
        yield Letter(number, "b+token@newsroom.example", f"r{number}@readers.example", MESSAGE, is_ready=True)


def _said(one: Round) -> str:
    return (
        f"smtp-source {one.source:.0f}/s, ours {one.ours:.0f}/s = {one.ours / one.source:.2f}, "
        f"CPU {one.user + one.system:.0f} us a message ({one.user:.0f} user, {one.system:.0f} system), "
        f"the sink's {one.sink:.0f}"
    )


if __name__ == "__main__":
    main()
