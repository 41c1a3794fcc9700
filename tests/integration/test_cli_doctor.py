"""``doctor``: every ailment is found, said with its cure, and shown by the exit status."""

import stat
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from config import Config
from newsletters.cli import ailments
from newsletters.cli.ailments import Symptom
from newsletters.cli.dkim import make_keys
from newsletters.cli.doctor import examine
from newsletters.kernel.db import Database
from newsletters.kernel.roster import Announcement, Kind, announce
from newsletters.mail.domains.dns import Dns
from newsletters.mail.domains.findings import Level
from newsletters.mail.office import Office
from newsletters.mail.outbox import QueuedMail, queue
from newsletters.mail.server import SmtpServer
from newsletters.runtime import Runtime
from tests.conftest import NOW
from tests.nameserver import NameServer, Zone, name_server
from tests.sink import SinkProcess


@pytest.fixture
def dns_server() -> Iterator[NameServer]:
    with name_server({("news.press", "TXT"): ['"v=spf1 \x1b[31m -all"']}) as server:
        yield server


def said(runtime: Runtime, config: Config, dns_server: NameServer) -> tuple[int, str]:
    lines: list[str] = []
    own = replace(runtime, config=config)
    status = examine(
        own,
        Office.from_config(config, runtime.signer),
        dns=lambda: Dns(dns_server.resolver()),
        say=lines.append,
    )
    return status, "\n".join(lines)


def _working(db: Database) -> None:
    with db.transaction() as session:
        announce(session, Announcement("worker-1", "desk-1", "1"), now=NOW)
        announce(session, Announcement("door-1", "desk-1", "1", kind=Kind.INBOUND), now=NOW)


def test_a_machine_in_order_passes(
    runtime: Runtime, db: Database, sink: SinkProcess, dns_server: NameServer
) -> None:
    _working(db)
    port = sink.smtp_port
    config = replace(runtime.config, smtp_url=f"smtp://127.0.0.1:{port}", sink_smtp_port=port)

    status, report = said(runtime, config, dns_server)

    assert status == 0, report
    assert "0 broken" in report
    assert "1 running on desk-1" in report
    assert "not checked: mail goes to the local sink" in report
    assert dns_server.asked == []


def test_what_is_broken_is_said_with_its_cure(runtime: Runtime, dns_server: NameServer) -> None:
    config = replace(
        runtime.config,
        smtp_url="smtp://127.0.0.1:9",
        mail_from="desk@news.press",
        sending_addresses=("203.0.113.7",),
        webhook_sendgrid_key=("nonsense",),
        webhook_ses_topics=("arn:aws:sns:nowhere",),
    )

    status, report = said(runtime, config, dns_server)

    assert status == 1
    for words in (
        "Mail server 127.0.0.1:9: does not let us in",
        "none is running: nothing is sent",
        "python -m newsletters.cli worker",
        "WEBHOOK_SENDGRID_KEY: not base64 of a public key",
        "WEBHOOK_SES_TOPICS: no topic",
        "The SPF record of news.press cannot be read",
        'publish: news.press. IN TXT "v=spf1 ip4:203.0.113.7 ~all"',
        'publish: _dmarc.news.press. IN TXT "v=DMARC1; p=none"',
    ):
        assert words in report, words


def test_nothing_the_dns_says_steers_the_terminal(runtime: Runtime, dns_server: NameServer) -> None:
    config = replace(
        runtime.config,
        smtp_url="smtp://127.0.0.1:9",
        mail_from="a@news.press",
        sending_addresses=("203.0.113.7",),
    )

    _, report = said(runtime, config, dns_server)

    assert "\x1b[31m -all" not in report
    assert "?[31m" in report


def test_a_key_in_waiting_is_looked_for_before_it_is_used(runtime: Runtime, config: Config) -> None:
    made = make_keys(config.data_dir / "dkim", domain="news.press", selector="2027a")
    (config.data_dir / "dkim" / "some.other.pem").write_text("no key")
    used, waiting = made

    def report(zone: Zone) -> str:
        with name_server(zone) as server:
            return said(
                runtime, replace(config, dkim_key=(used.path,), dkim_selector=("2027a-rsa",)), server
            )[1]

    missing = report({})
    there = report({(waiting.record.name, "TXT"): [waiting.record.quoted]})

    assert "its record is not there yet (missing)" in missing
    assert f"publish: {waiting.record.name}. IN TXT {waiting.record.quoted}" in missing
    assert "DKIM_KEY and DKIM_SELECTOR may name it now" in there
    assert there.count("A key in waiting") == 1


def test_a_database_of_another_version_is_said(runtime: Runtime, db: Database) -> None:
    with db.transaction() as session:
        session.execute(text("UPDATE alembic_version SET version_num = '0001'"))

    found = list(ailments.database(runtime))

    assert [(one.level, one.advice) for one in found] == [
        (Level.BROKEN, "Run: python -m newsletters.cli migrate")
    ]


def test_a_mail_nobody_sends_is_said(runtime: Runtime, db: Database) -> None:
    with db.transaction() as session:
        mail = QueuedMail(kind="preferences", recipient="a@readers.example", language="en", params={})
        queue(session, mail, now=NOW - timedelta(minutes=30))

    with db.reading() as session:
        found = list(ailments.workers(session, now=NOW))

    assert [one.level for one in found] == [Level.BROKEN, Level.WARNING]
    assert "30 minutes" in found[1].said


def test_a_silent_worker_is_none(db: Database) -> None:
    _working(db)

    with db.reading() as session:
        found = list(ailments.workers(session, now=NOW + timedelta(minutes=2)))

    assert [one.level for one in found] == [Level.BROKEN]


@pytest.mark.parametrize(
    ("rules", "level"),
    [
        ('[servers."mx.example:25"]\nweight = 2\n', Level.OK),
        ('[servers."mx.example:25"]\nwieght = 2\n', Level.BROKEN),
        ('[servers."mx.example"]\nweight = 2\n', Level.WARNING),
    ],
)
def test_a_mistake_in_the_rates_is_said(rules: str, level: Level, config: Config, tmp_path: Path) -> None:
    path = tmp_path / "shaping.toml"
    path.write_text(rules)

    found = ailments.flow(replace(config, shaping_file=path), SmtpServer.from_urls("smtp://mx.example:25"))

    assert [one.level for one in found] == [level]


def test_a_mail_door_that_nobody_runs_is_said(db: Database) -> None:
    with db.reading() as session:
        before = list(ailments.mail_door(session, now=NOW))
    _working(db)

    with db.reading() as session:
        found = list(ailments.mail_door(session, now=NOW))

    assert [one.level for one in before] == [Level.WARNING]
    assert [(one.level, one.said) for one in found] == [(Level.OK, "1 running on desk-1.")]


@pytest.mark.parametrize(("mode", "level"), [(0o600, Level.OK), (0o640, Level.BROKEN), (0o604, Level.BROKEN)])
def test_a_secret_others_may_read_is_said(mode: int, level: Level, config: Config) -> None:
    path = config.data_dir / "secret_key"
    path.parent.mkdir(exist_ok=True)
    path.write_text("x" * 48)
    path.chmod(mode)

    found = next(ailments.secrets(config))

    assert found.level is level
    assert (str(path) in found.advice) is (level is Level.BROKEN)


def test_a_folder_everybody_may_read_is_said(config: Config) -> None:
    config.data_dir.mkdir(exist_ok=True)
    levels = []
    for mode in (0o700, 0o750, 0o755):
        config.data_dir.chmod(mode)
        levels += [one.level for one in ailments.data_folder(config)]

    assert levels == [Level.OK, Level.OK, Level.WARNING]
    assert stat.S_IMODE(config.data_dir.stat().st_mode) == 0o755


def test_the_clock_and_the_disk_are_looked_at(runtime: Runtime, config: Config, db: Database) -> None:
    config.data_dir.mkdir(exist_ok=True)

    with db.reading() as session:
        clock = list(ailments.clock(session, own=runtime.clock.now(), is_sqlite=db.is_sqlite))
    disk = list(ailments.disk(config.data_dir))

    assert [(one.what, isinstance(one, Symptom)) for one in (*clock, *disk)] == [
        ("Clock", True),
        ("Disk", True),
    ]
    assert "GiB free" in disk[0].said
