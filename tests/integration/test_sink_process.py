"""The sink as an operator meets it: starting, refusing to start, stopping, being killed."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tests.sink import PROJECT, UNSET, SinkProcess
from tests.wire import Wire

PATIENCE_SECONDS = 60


def start_refused(tmp_path: Path, **environment: str) -> str:
    """Start a sink that must not start; the one line that it says."""
    settings = {"DATA_DIR": str(tmp_path), "SINK_SMTP_PORT": "0", "SINK_HTTP_PORT": "0"} | environment
    ended = subprocess.run(
        [sys.executable, "-m", "newsletters.sink"],
        cwd=PROJECT,
        env={**os.environ, **UNSET, **settings},
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    assert ended.returncode == 1
    assert ended.stdout == ""
    assert ended.stderr.count("\n") == 1
    return ended.stderr


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.7"])  # noqa: S104
def test_it_never_listens_beyond_loopback_on_one_setting(tmp_path: Path, host: str) -> None:
    said = start_refused(tmp_path, SINK_HOST=host)

    assert "SINK_ALLOW_REMOTE=yes" in said


def test_with_both_settings_it_listens_beyond_loopback(tmp_path: Path) -> None:
    with SinkProcess(tmp_path, SINK_HOST="0.0.0.0", SINK_ALLOW_REMOTE="yes") as sink:  # noqa: S104
        assert sink.smtp_host == "0.0.0.0"  # noqa: S104
        with Wire("127.0.0.1", sink.smtp_port) as wire:
            assert wire.read_reply()[0].startswith(b"220 ")


@pytest.mark.parametrize("setting", ["SINK_SMTP_PORT", "SINK_HTTP_PORT"])
def test_a_taken_port_is_one_clear_line(tmp_path: Path, setting: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]

        said = start_refused(tmp_path, **{setting: str(port)})

    assert f"port {port} is taken" in said
    assert setting in said


def test_a_folder_that_cannot_be_one_is_one_clear_line(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("no folder")

    assert "cannot be written" in start_refused(blocked)


def test_a_store_that_is_none_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "sink").mkdir()
    (tmp_path / "sink" / "sink.sqlite3").write_bytes(b"this is no database " * 100)

    assert "sink.sqlite3 cannot be used" in start_refused(tmp_path)


def test_two_sinks_never_share_a_folder(tmp_path: Path) -> None:
    with SinkProcess(tmp_path):
        assert "another sink" in start_refused(tmp_path)


@pytest.mark.parametrize(
    ("name", "value"),
    [("SINK_FAULTS", "[{"), ("SINK_FAULTS", '[{"fault": "x"}]'), ("SINK_MAX_MESSAGES", "many")],
)
def test_a_bad_setting_is_one_clear_line(tmp_path: Path, name: str, value: str) -> None:
    assert name in start_refused(tmp_path, **{name: value})


def test_the_real_ports_stand_in_a_file(tmp_path: Path) -> None:
    with SinkProcess(tmp_path, SINK_SMTP_PORT="0", SINK_HTTP_PORT="0") as sink:
        ready = json.loads((tmp_path / "sink" / "ready.json").read_text())

        assert ready["smtp_port"] == sink.smtp_port > 0
        assert ready["http_url"] == sink.http_url
        assert ready["pid"] == sink.pid
    assert not (tmp_path / "sink" / "ready.json").exists()


@pytest.mark.parametrize("with_signal", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_it_cleanly_with_connections_open(tmp_path: Path, with_signal: signal.Signals) -> None:
    sink = SinkProcess(tmp_path).start()
    with Wire(sink.smtp_host, sink.smtp_port) as wire:
        wire.greet().address("olena@reader.example")

        status = sink.end(with_signal)

        assert wire.read_reply() == []
    assert status == 0
    assert (tmp_path / "stderr.txt").read_text() == ""


def test_faults_can_be_set_from_the_start(tmp_path: Path) -> None:
    rules = json.dumps([{"match": "*@slow.example", "fault": "451"}])

    with SinkProcess(tmp_path, SINK_FAULTS=rules) as sink, Wire(sink.smtp_host, sink.smtp_port) as wire:
        wire.greet().code("MAIL FROM:<news@newsroom.example>")

        assert wire.code("RCPT TO:<olena@slow.example>") == 451
        assert wire.code("RCPT TO:<olena@reader.example>") == 250


def test_mail_outlives_a_restart_on_the_same_ports(tmp_path: Path) -> None:
    sink = SinkProcess(tmp_path).start()
    with Wire(sink.smtp_host, sink.smtp_port) as wire:
        wire.greet().deliver("olena@reader.example")
    ports = (sink.smtp_port, sink.http_url)
    sink.stop()

    with sink:
        assert (sink.smtp_port, sink.http_url) == ports
        assert len(sink.messages(to="olena@reader.example")) == 1


@pytest.mark.parametrize("killed_after", [1, 37, 150])
def test_a_kill_loses_nothing_that_was_answered(tmp_path: Path, killed_after: int) -> None:
    sink = SinkProcess(tmp_path).start()
    answered: list[int] = []
    enough = threading.Event()
    sender = threading.Thread(target=_send_until_dead, args=(sink, answered, enough, killed_after))
    sender.start()
    enough.wait(PATIENCE_SECONDS)
    sink.kill()
    sender.join(PATIENCE_SECONDS)

    with sink:
        kept = {each.subject for each in sink.messages()}
        assert len(answered) >= killed_after
        assert kept >= {f"Message {number}" for number in answered}
        assert len(kept) <= len(answered) + 1


def _send_until_dead(sink: SinkProcess, answered: list[int], enough: threading.Event, count: int) -> None:
    """Deliver one message after another, noting each that was answered 250, until the server is gone."""
    with Wire(sink.smtp_host, sink.smtp_port) as wire:
        wire.greet()
        for number in range(100_000):
            content = b"Subject: Message %d\r\n\r\n" % number + b"x" * 30_000 + b"\r\n"
            group = b"MAIL FROM:<a@b.example>\r\nRCPT TO:<c@d.example>\r\nDATA\r\n"
            try:
                wire.send(group + content + b".\r\n")
            except ConnectionError:
                return
            replies = [wire.read_reply() for _ in range(4)]
            if not replies[-1] or not replies[-1][0].startswith(b"250 "):
                return
            answered.append(number)
            if len(answered) >= count:
                enough.set()


def test_a_bounded_sink_forgets_messages_and_counts_on(tmp_path: Path) -> None:
    with SinkProcess(tmp_path, SINK_MAX_MESSAGES="10") as sink, Wire(sink.smtp_host, sink.smtp_port) as wire:
        wire.greet()
        for number in range(25):
            wire.deliver(f"reader{number}@reader.example")

        assert [each.recipients[0] for each in sink.messages()][::9] == [
            "reader24@reader.example",
            "reader15@reader.example",
        ]
        stats = sink.stats()
        assert (stats["messages"], stats["kept"], stats["distinct_recipients"]) == (25, 10, 25)


def test_settings_may_stand_in_a_dotenv_file(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("SINK_HOST=192.0.2.7\n")
    unset = {name: value for name, value in os.environ.items() if not name.startswith("SINK_")}

    ended = subprocess.run(
        [sys.executable, "-m", "newsletters.sink"],
        cwd=tmp_path,
        env=unset | {"PYTHONPATH": str(PROJECT), "DATA_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )

    assert ended.returncode == 1
    assert "SINK_HOST=192.0.2.7 is not loopback" in ended.stderr
