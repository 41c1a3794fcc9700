"""The table of tasks: thin functions that a nudge runs. Each may run twice or never."""

from collections.abc import Callable

from newsletters.runtime import Runtime

Task = Callable[..., None]


def register(runtime: Runtime) -> None:
    """Bind every task to ``runtime`` and make it known to its engine."""
    table: dict[str, Task] = {}
    for name, run in table.items():
        runtime.engine.tasks[name] = runtime.engine.huey.task(name=name)(run)
