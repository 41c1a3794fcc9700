"""Every route of the application with a path that reaches it, for tests that walk them all."""

from dataclasses import dataclass

from flask import Flask
from werkzeug.routing.converters import NumberConverter

EXAMPLES = {"role": "editor", "filename": "css/base.css", "answer": "yes"}
READING = {"GET", "HEAD", "OPTIONS"}


@dataclass(frozen=True)
class Route:
    """One way to one view."""

    endpoint: str
    method: str
    path: str
    arguments: frozenset[str]

    @property
    def is_desk(self) -> bool:
        return self.endpoint.startswith("desk.")

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


def all_routes(app: Flask) -> list[Route]:
    """All of them but HEAD and OPTIONS, which follow from GET; numbers in paths are 1, words are "x"."""
    adapter = app.url_map.bind("localhost")
    found = []
    for rule in app.url_map.iter_rules():
        numbers = {name for name, kind in rule._converters.items() if isinstance(kind, NumberConverter)}
        values = {name: 1 if name in numbers else EXAMPLES.get(name, "x") for name in rule.arguments}
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}:
            path = adapter.build(rule.endpoint, values, method=method)
            found.append(Route(rule.endpoint, method, path, frozenset(rule.arguments)))
    return sorted(found, key=str)
