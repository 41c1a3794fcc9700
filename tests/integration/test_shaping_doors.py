"""The flow's own commands and tasks: the rules on a terminal, domains looked up, absent servers asked."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import dns.exception
import pytest
from click.testing import CliRunner
from sqlalchemy import select

from config import BadSetting
from newsletters.cli.shaping import shaping
from newsletters.delivery.providers_mx import KNOWN_FOR
from newsletters.delivery.shaping_models import Bucket, DomainProvider, FlowMinute, MailServer
from newsletters.kernel.clock import FixedClock
from newsletters.kernel.db import Database
from newsletters.mail.server import SmtpServer
from newsletters.publishing.models import Issue, IssueState, PauseReason
from newsletters.runtime import Runtime
from newsletters.tasks.flow import DomainLookups, forget_old_flow, rulebook
from newsletters.tasks.probe import Probe
from tests.conftest import NOW
from tests.dispatching import ONE, Flow, by_group
from tests.factories import make_issue, make_newsletter
from tests.sink import SinkProcess

DAY = timedelta(days=1)


def _printed(monkeypatch: pytest.MonkeyPatch, folder: Path, *arguments: str, **settings: str) -> str:
    """What the command prints, with its exit status behind it."""
    monkeypatch.chdir(folder)
    for name, value in {"SMTP_URL": "smtp://relay.example:587", "DATA_DIR": "var", **settings}.items():
        monkeypatch.setenv(name, value)
    result = CliRunner().invoke(shaping, arguments)
    return f"{result.output}exit {result.exit_code}"


def test_the_rules_in_force_are_printed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "own.toml").write_text(
        '[servers."relay.example:587"]\nrate = "14/second"\nrelay = true\n'
        '[servers."relay.example:587".providers.google]\nconnections = 2\n[servers."old.example:25"]\n'
    )

    printed = _printed(monkeypatch, tmp_path, SHAPING_FILE="own.toml")

    assert "relay.example:587: weight 1, a relay, 40 connections a worker, 100 messages a" in printed
    assert "14/second" in printed
    assert "Google there: 2 connections" in printed
    assert "Yahoo and AOL (yahoo): 20 messages a connection" in printed
    assert "any other domain: no limit" in printed
    assert "SMTP_URL names no server old.example:25" in printed
    assert printed.endswith("exit 0")


def test_a_file_is_checked_before_it_is_in_force(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "new.toml").write_text('[providers.google]\nrate = "often"\n')

    printed = _printed(monkeypatch, tmp_path, "--check", "new.toml")

    assert "new.toml: [providers.google] rate: 'often' is not a rate" in printed
    assert printed.endswith("exit 1")


def test_a_worker_does_not_start_with_a_broken_file(runtime: Runtime, tmp_path: Path) -> None:
    path = tmp_path / "broken.toml"
    path.write_text("[nonsense]\n")

    with pytest.raises(BadSetting, match=r"^SHAPING_FILE: .*nonsense: unknown"):
        rulebook(replace(runtime.config, shaping_file=path))


class FakeDns:
    """Google's names for one domain, nothing for another, silence for the rest."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def __call__(self, domain: str, *, seconds: float) -> Sequence[str]:
        assert 0 < seconds <= 4
        self.asked.append(domain)
        if domain == "silent.ua":
            raise dns.exception.Timeout
        return ["aspmx.l.google.com"] if domain == "newsroom.ua" else []


def test_a_domain_with_letters_is_looked_up_and_then_treated_as_its_provider(
    runtime: Runtime, db: Database, tmp_path: Path
) -> None:
    flow = Flow(db, tmp_path)
    for domain in ("newsroom.ua", "city.ua", "silent.ua"):
        flow.add(5, domain)
    first = flow.send_all()
    flow.refresh()
    ask = FakeDns()

    DomainLookups(runtime, ask=ask).run()
    flow.add(5, "newsroom.ua")
    flow.add(5, "city.ua")
    flow.refresh()
    flow.add(5, "newsroom.ua")
    second = flow.send_all()

    assert sorted(ask.asked) == ["city.ua", "newsroom.ua", "silent.ua"]
    assert set(by_group(first)) == {"newsroom.ua", "city.ua", "silent.ua"}
    assert by_group(second) == {"newsroom.ua": 5, "city.ua": 5, "google": 5}
    with db.reading() as session:
        found = session.get_one(DomainProvider, "newsroom.ua")
        assert (found.provider, found.expires_at) == ("google", NOW + KNOWN_FOR)


def test_nothing_is_asked_again_before_its_time(runtime: Runtime, db: Database, tmp_path: Path) -> None:
    flow = Flow(db, tmp_path)
    flow.add(5, "newsroom.ua")
    flow.send_all()
    flow.refresh()
    ask = FakeDns()
    lookups = DomainLookups(runtime, ask=ask)

    lookups.run()
    lookups.run()

    assert ask.asked == ["newsroom.ua"]


def test_what_nobody_needs_is_forgotten(
    runtime: Runtime, clock: FixedClock, db: Database, tmp_path: Path
) -> None:
    flow = Flow(db, tmp_path, rules=f'[servers."{ONE}"]\nrate = "10/second"\n')
    flow.add(5)
    flow.send_all()
    flow.dispatcher.close()

    clock.advance(5 * DAY)
    forget_old_flow(runtime)

    with db.reading() as session:
        assert session.scalars(select(Bucket)).all() == []
        assert session.scalars(select(FlowMinute)).all() == []
        assert session.get_one(MailServer, ONE).first_used_at == NOW


@pytest.fixture
def waiting_issue(runtime: Runtime) -> Iterator[int]:
    """An issue that waits for a mail server and may ask now."""
    with runtime.db.transaction() as session:
        issue = make_issue(session, make_newsletter(session))
        issue.state, issue.pause_reason = IssueState.PAUSED, PauseReason.SERVER
        issue.paused_at = issue.resume_at = NOW
        issue.content_hash = "f" * 64
    yield issue.id


def test_one_server_that_answers_is_enough_to_go_on(
    runtime: Runtime, sink: SinkProcess, waiting_issue: int
) -> None:
    servers = SmtpServer.from_urls(f"smtp://127.0.0.1:1 {sink.smtp_url}")
    runtime.engine.tasks["pulse"] = runtime.engine.huey.task(name="pulse")(lambda: None)

    Probe(runtime).probe(servers)

    with runtime.db.reading() as session:
        assert session.get_one(Issue, waiting_issue).state is IssueState.SENDING


def test_while_none_answers_each_says_why(runtime: Runtime, waiting_issue: int) -> None:
    servers = SmtpServer.from_urls("smtp://127.0.0.1:1 smtp://127.0.0.1:2")

    Probe(runtime).probe(servers)

    with runtime.db.reading() as session:
        issue = session.get_one(Issue, waiting_issue)
        assert issue.state is IssueState.PAUSED
        assert "127.0.0.1:1: " in issue.pause_detail and "127.0.0.1:2: " in issue.pause_detail
        assert issue.resume_at is not None and issue.resume_at > NOW
