"""``make run`` as an operator meets it: real processes, real ports, real signals."""

import os
import re
import signal
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.postgres import free_port
from tests.running import Running, listens, wait_for

pytestmark = pytest.mark.xdist_group("supervisor")


@pytest.fixture
def started(tmp_path: Path) -> Iterator[Callable[..., Running]]:
    """Start one; whatever still runs at the end of a test is ended."""
    running: list[Running] = []

    def start(**settings: str) -> Running:
        one = Running(tmp_path / "var", **settings)
        running.append(one)
        return one

    yield start
    for one in running:
        one.finish(signal.SIGTERM if one.process.poll() is None else None)


def test_the_first_run_furnishes_and_the_second_keeps(started: Callable[..., Running]) -> None:
    first = started()
    first.wait_until_ready()

    health = first.health()
    stopped = first.finish(signal.SIGINT)
    second = started()
    second.wait_until_ready()

    assert health == {"status": "ok", "web": "ok", "database": "ok", "engine": "ok", "disk": "ok"}
    assert stopped == 0
    assert re.search(r"editor@newsroom\.example, password \S{12,}", first.output)
    assert "furnishing" not in second.output
    assert "password" not in second.output
    assert second.finish(signal.SIGTERM) == 0
    assert first.listening() == second.listening() == []


def test_a_taken_port_is_one_clear_line(started: Callable[..., Running]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]

        running = started(SINK_HTTP_PORT=str(port))
        status = running.finish()

    assert status != 0
    assert running.output.strip() == (
        f"Cannot start: port {port} is taken by another program; "
        "stop it or set SINK_HTTP_PORT to another port."
    )


def test_a_bad_setting_is_one_clear_line(started: Callable[..., Running]) -> None:
    running = started(PUBLIC_URL="newsroom.example")

    status = running.finish()

    assert status != 0
    assert running.output.startswith("Cannot start: PUBLIC_URL: ")
    assert running.output.count("\n") == 1


def test_a_folder_that_cannot_be_written_is_one_clear_line(
    started: Callable[..., Running], tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("in the way")

    running = started(DATA_DIR=str(tmp_path / "file" / "var"), SECRET_KEY="s" * 40, ADDRESS_HASH_KEY="h" * 40)
    status = running.finish()

    assert status != 0
    assert running.output.startswith("Cannot start: the data folder ")
    assert running.output.count("\n") == 1


def test_two_equal_ports_are_one_clear_line(started: Callable[..., Running]) -> None:
    port = str(free_port())

    running = started(PORT=port, SINK_HTTP_PORT=port)
    status = running.finish()

    assert status != 0
    assert f"PORT and SINK_HTTP_PORT are both {port}" in running.output


def test_a_program_that_dies_is_started_again(started: Callable[..., Running]) -> None:
    running = started(DATABASE_URL="")
    running.wait_until_ready()
    sink = _child_of(running.process.pid, "newsletters.sink")

    os.kill(sink, signal.SIGKILL)
    wait_for(lambda: "The sink process had ended and was started again" in running.output)
    wait_for(lambda: listens(running.ports["SINK_SMTP_PORT"]))

    assert _child_of(running.process.pid, "newsletters.sink") != sink


def test_nothing_outlives_a_killed_supervisor(started: Callable[..., Running]) -> None:
    running = started()
    running.wait_until_ready()

    running.finish(signal.SIGKILL)

    wait_for(lambda: running.listening() == [])


def _child_of(parent: int, word: str) -> int:
    children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    return next(int(child) for child in children if word in Path(f"/proc/{child}/cmdline").read_text())


def test_a_start_that_fails_keeps_no_password_from_the_operator(
    started: Callable[..., Running], tmp_path: Path
) -> None:
    sink = tmp_path / "var" / "sink"
    sink.parent.mkdir()
    sink.write_text("in the way of the sink's folder")
    failed = started()
    status = failed.finish()
    sink.unlink()

    second = started()
    second.wait_until_ready()

    assert status != 0
    assert "Cannot start: the sink process ended at once." in failed.output
    assert re.search(r"editor@newsroom\.example, password \S{12,}", second.output)
