"""A private Redis or Valkey server for the suite: its own folder, its own free port, loopback only."""

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import redis

from tests.postgres import free_port
from tests.sink import wait_until

READY_SECONDS = 60.0
STOP_SECONDS = 60.0


class PrivateRedis:
    """One server that keeps nothing on disk. It comes back empty, on the same port."""

    def __init__(self) -> None:
        program = shutil.which("redis-server") or shutil.which("valkey-server")
        if program is None:
            raise RuntimeError("Redis's server is missing: apt-get install redis-server")
        self._program = program
        self._folder = Path(tempfile.mkdtemp(prefix="redis-"))
        self._process: subprocess.Popen[bytes] | None = None
        self.port = free_port()

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        """Start it and wait until it answers."""
        options = {"port": str(self.port), "bind": "127.0.0.1", "dir": str(self._folder), "save": ""}
        arguments = [word for name, value in options.items() for word in (f"--{name}", value)]
        self._process = subprocess.Popen([self._program, *arguments], stdout=subprocess.DEVNULL)
        try:
            wait_until(self._answers, timeout=READY_SECONDS, what="Redis")
        except BaseException:
            self.remove()
            raise

    def flush(self) -> None:
        """Forget everything."""
        with self._client() as client:
            client.flushall()

    def freeze(self) -> None:
        """Let it neither answer nor refuse; ``thaw`` ends that."""
        self._send(signal.SIGSTOP)

    def thaw(self) -> None:
        self._send(signal.SIGCONT)

    def stop(self) -> None:
        """End it at once. Twice is harmless."""
        if self._process is None:
            return
        process, self._process = self._process, None
        os.kill(process.pid, signal.SIGKILL)
        process.wait(STOP_SECONDS)

    def remove(self) -> None:
        """End it and delete its folder."""
        self.stop()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _send(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    @contextmanager
    def _client(self) -> Iterator["redis.Redis"]:
        client = redis.Redis(port=self.port, socket_timeout=20)
        try:
            yield client
        finally:
            client.close()

    def _answers(self) -> bool:
        if self._process is not None and self._process.poll() is not None:
            raise RuntimeError(f"Redis ended at once with status {self._process.returncode}")
        try:
            with self._client() as client:
                return bool(client.ping())
        except redis.RedisError:
            return False
