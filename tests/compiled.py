"""What an application compiles as it starts, compiled once for all the applications of a process.

Each test has an application of its own, and most of its time went into compiling the same templates and the
same addresses again. Nothing else is shared. Processes that a test starts compile for themselves.
"""

from collections.abc import Callable, Hashable
from functools import partial
from typing import Any

from flask import Flask
from jinja2 import Environment
from jinja2.bccache import Bucket, BytecodeCache
from werkzeug.routing import Rule

from newsletters.mail import render

Builder = Callable[..., tuple[str, str]]


def share() -> None:
    """From now on, for every application of this process."""
    Flask.jinja_options = {**Flask.jinja_options, "bytecode_cache": SharedCode()}
    render.Environment = partial(Environment, bytecode_cache=SharedCode())  # type: ignore[attr-defined, assignment]
    Rule._compile_builder = _shared(Rule._compile_builder)  # type: ignore[assignment, method-assign]


class SharedCode(BytecodeCache):
    """A template's code by its file and what stands in it."""

    def __init__(self) -> None:
        self._codes: dict[tuple[str, str], Any] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        bucket.code = self._codes.get((bucket.key, bucket.checksum))

    def dump_bytecode(self, bucket: Bucket) -> None:
        self._codes[bucket.key, bucket.checksum] = bucket.code


def _shared(compile_builder: Callable[[Rule, bool], Builder]) -> Callable[[Rule, bool], Builder]:
    """What writes an address of a rule; it is handed the rule whenever it is called."""
    builders: dict[Hashable, Builder] = {}

    def compiled(rule: Rule, append_unknown: bool = True) -> Builder:
        if rule.defaults:
            return compile_builder(rule, append_unknown)
        key = (rule.rule, tuple(rule._trace), append_unknown)
        if key not in builders:
            builders[key] = compile_builder(rule, append_unknown)
        return builders[key]

    return compiled
