"""What gunicorn calls in each process of a web server: it is in the roster from its start to its end.

The hooks' names are gunicorn's; the file is named to it as its configuration.
"""

from typing import Any, Final

from newsletters.context import runtime_of
from newsletters.kernel.roster import Kind
from newsletters.runtime.presence import Heartbeat

_beating: Final[list[Heartbeat]] = []


def post_worker_init(worker: Any) -> None:
    """The application is loaded, and requests come next."""
    heartbeat = Heartbeat(runtime_of(worker.wsgi), Kind.WEB)
    heartbeat.start()
    _beating.append(heartbeat)


def worker_exit(_server: Any, _worker: Any) -> None:
    """The process ends."""
    while _beating:
        _beating.pop().stop()
