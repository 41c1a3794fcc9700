"""``python -m tests.drills.nursery``: forks workers from a process that has imported everything they need.

Commands come as lines of JSON on standard input; its end kills every child.
"""

import json
import os
import signal
import sys
from contextlib import suppress
from typing import Any, NoReturn

from sqlalchemy.orm import configure_mappers

from newsletters.tasks import worker


def main() -> None:
    """Obey until standard input ends."""
    configure_mappers()
    children: set[int] = set()
    for line in sys.stdin:
        print(json.dumps(_obey(json.loads(line), children)), flush=True)  # noqa: T201  (the answer)
    for pid in list(children):
        _kill(pid, children)


def _obey(command: dict[str, Any], children: set[int]) -> dict[str, Any]:
    if "spawn" in command:
        pid = os.fork()
        if pid == 0:
            _work(command["spawn"])
        children.add(pid)
        return {"pid": pid}
    if "kill" in command:
        return {"killed": _kill(command["kill"], children)}
    return {}


def _kill(pid: int, children: set[int]) -> bool:
    """Kill a child that was not waited for yet: its number is nobody else's."""
    if pid not in children:
        return False
    os.kill(pid, signal.SIGKILL)
    children.discard(pid)
    _, status = os.waitpid(pid, 0)
    return os.WIFSIGNALED(status)


def _work(log: str) -> NoReturn:
    """Be a worker."""
    status = 1
    with suppress(BaseException):
        descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        nothing = os.open(os.devnull, os.O_RDWR)
        for standard, target in ((0, nothing), (1, descriptor), (2, descriptor)):
            os.dup2(target, standard)
        try:
            status = worker.main()
        except BaseException:
            sys.excepthook(*sys.exc_info())
            raise
    os._exit(status)


if __name__ == "__main__":
    main()
