"""The application on a free port of this machine, in a thread of the test."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread

from flask import Flask
from werkzeug.serving import make_server


@contextmanager
def serving(app: Flask) -> Iterator[str]:
    """Serve ``app`` while the block runs; gives its address without a slash at the end."""
    server = make_server("127.0.0.1", 0, app, threaded=True)
    often = {"poll_interval": 0.02}  # how soon it hears that it shall end
    thread = Thread(target=server.serve_forever, kwargs=often, name="serving", daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()
