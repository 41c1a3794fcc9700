"""Single mails and the rates: what can wait keeps to them, what cannot is counted; no issue is stopped."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from config import Config
from newsletters.cli.dkim import make_keys
from newsletters.delivery import servers_books
from newsletters.delivery.servers import Breaker
from newsletters.delivery.servers_books import ServerState
from newsletters.delivery.shaping_file import Rulebook
from newsletters.delivery.shaping_models import Bucket, DomainProvider, FlowMinute
from newsletters.delivery.singles import AHEAD, Singles
from newsletters.kernel.clock import FixedClock
from newsletters.kernel.db import Database
from newsletters.mail.domains.sending import pair_of, sending_of
from newsletters.mail.gatekeeper import End, Later, Leave
from newsletters.mail.models import OutboxMail, OutboxState
from newsletters.mail.office import Office
from newsletters.mail.outbox import COMPOSED, QueuedMail, composed, queue
from newsletters.mail.server import SmtpServer
from newsletters.runtime import Runtime, build
from newsletters.tasks.outbox import send_outbox, send_unhurried
from newsletters.tasks.register import register
from tests.conftest import NOW
from tests.dispatching import ONE, OTHER, Flow, most_in_any
from tests.sink import SinkProcess

SECOND, DAY = timedelta(seconds=1), timedelta(days=1)
TWO_A_SECOND = f'[servers."{ONE}"]\nrate = "2/second"\n'
GOOGLE_ONE_A_SECOND = '[providers.google]\nrate = "1/second"\n'
READER = "reader@readers.example"
INVITATION = {"inviter": "Olena", "url": "https://news.example/desk/invitation/token", "days": 7}


class Gate:
    """The gate of digests, or of what somebody waits for, with a clock that is moved by hand."""

    def __init__(
        self, db: Database, folder: Path, *, rules: str = "", servers: str = ONE, waits: bool = True
    ) -> None:
        path = folder / "shaping.toml"
        path.write_text(rules)
        urls = " ".join(f"smtp://{server}" for server in servers.split())
        self.now = NOW
        self.singles = Singles(
            db=db, servers=SmtpServer.from_urls(urls), rulebook=Rulebook(path), waits=waits
        )

    def ask(self, recipient: str = READER) -> Leave | Later:
        return self.singles.ask(recipient, now=self.now)

    def passes(self, recipient: str = READER) -> Leave:
        found = self.ask(recipient)
        assert isinstance(found, Leave)
        return found

    def waits(self, recipient: str = READER) -> Later:
        found = self.ask(recipient)
        assert isinstance(found, Later)
        return found

    def leaves(self, server: str = ONE) -> None:
        """A mail that somebody waits for goes over a server."""
        self.singles.left(READER, self.passes(), server=server)


def test_without_rules_everything_leaves_at_once(db: Database, tmp_path: Path) -> None:
    gate = Gate(db, tmp_path)

    assert {gate.passes().at for _ in range(50)} == {NOW}
    with db.reading() as session:
        assert session.scalars(select(Bucket)).all() == []


def test_digests_keep_to_a_servers_rate_to_the_letter(db: Database, tmp_path: Path) -> None:
    gate = Gate(db, tmp_path, rules=TWO_A_SECOND)

    left: list[datetime] = []
    while gate.now < NOW + 10 * SECOND:
        found = gate.ask()
        if isinstance(found, Leave):
            left.append(found.at)
        gate.now = found.at if isinstance(found, Leave) else found.until

    assert len(left) == pytest.approx(20, abs=2)
    assert most_in_any(5 * SECOND, left) <= 2 * 5 + 2


def test_digests_and_an_issue_share_one_rate_and_neither_starves(db: Database, tmp_path: Path) -> None:
    rules = f'[servers."{ONE}"]\nrate = "20/second"\n'
    gate, flow = Gate(db, tmp_path, rules=rules), Flow(db, tmp_path, rules=rules)
    flow.add(1000)

    sent = Counter[str]()
    until = NOW
    for step in range(200):
        flow.now = gate.now = NOW + step * SECOND / 20
        if gate.now >= until:
            found = gate.ask()
            sent["digests"] += isinstance(found, Leave)
            until = found.at if isinstance(found, Leave) else found.until
        sent["letters"] += len(flow.send_all())
        flow.dispatcher.refresh(now=flow.now)

    assert sent.total() <= 20 * 10 + 20
    assert sent["digests"] >= 20
    assert sent["letters"] >= 100


def test_a_digest_behind_a_providers_rate_holds_up_no_other(db: Database, tmp_path: Path) -> None:
    gate = Gate(db, tmp_path, rules=GOOGLE_ONE_A_SECOND)
    gate.passes("one@gmail.com")

    waits = [gate.waits("two@gmail.com").until, gate.waits("three@gmail.com").until]

    assert waits == [NOW + SECOND, NOW + 2 * SECOND]
    assert gate.passes("four@ukr.net").at == NOW


def test_what_waits_takes_nothing_of_one_rate_while_it_waits_for_the_other(
    db: Database, tmp_path: Path
) -> None:
    gate = Gate(db, tmp_path, rules=TWO_A_SECOND + GOOGLE_ONE_A_SECOND)
    gate.passes("one@gmail.com")

    gate.waits("two@gmail.com")

    assert gate.passes("three@ukr.net").at == NOW


def test_a_domain_whose_mx_was_found_keeps_to_its_providers_rate(db: Database, tmp_path: Path) -> None:
    gate = Gate(db, tmp_path, rules=GOOGLE_ONE_A_SECOND)
    with db.transaction() as session:
        session.add(DomainProvider(domain="press.example", provider="google", expires_at=NOW + DAY))
    gate.passes("one@press.example")

    assert gate.waits("two@gmail.com").why == "rate"


def test_a_warm_up_counts_digests_and_the_rest_comes_tomorrow(db: Database, tmp_path: Path) -> None:
    rules = f'[servers."{ONE}"]\nwarm_up = {{ since = 2026-03-02, days = [3, 100] }}\n'
    gate = Gate(db, tmp_path, rules=rules)
    for _ in range(3):
        gate.passes()

    later = gate.waits()

    tomorrow = datetime(2026, 3, 3, tzinfo=NOW.tzinfo)
    assert tomorrow <= later.until <= tomorrow + timedelta(minutes=10)
    gate.now = later.until
    gate.passes()


def test_a_digest_goes_over_the_server_that_may_take_it(db: Database, tmp_path: Path) -> None:
    gate = Gate(db, tmp_path, rules=f'[servers."{ONE}"]\nrate = "1/minute"\n', servers=f"{ONE} {OTHER}")

    first, second = gate.passes(), gate.passes()

    assert (first.servers, second.servers) == ((ONE, OTHER), (OTHER,))


@pytest.mark.parametrize("is_everywhere", [True, False])
def test_no_digest_goes_where_mail_rests(db: Database, tmp_path: Path, is_everywhere: bool) -> None:
    gate = Gate(db, tmp_path)
    rest = Breaker(3, SECOND, NOW, NOW + 60 * SECOND, "it rests")
    with db.transaction() as session:
        if is_everywhere:
            servers_books.write_state(session, ONE, ServerState(breaker=rest))
        else:
            servers_books.write_rest(session, ONE, "google", rest)

    later = gate.waits("one@gmail.com")

    assert (later.why, later.until >= NOW + 60 * SECOND) == ("rest", True)
    assert isinstance(gate.ask("two@ukr.net"), Later if is_everywhere else Leave)


def test_a_provider_that_demands_tls_gets_no_digest_without(db: Database, tmp_path: Path) -> None:
    gate = Gate(db, tmp_path, servers="relay.example:25?tls=none")

    assert gate.waits("one@gmail.com").why == "tls"


def test_a_connection_carries_no_more_digests_than_the_provider_likes(db: Database, tmp_path: Path) -> None:
    gate = Gate(db, tmp_path)

    found = gate.passes("one@gmail.com")

    assert (found.group, found.most) == ("google", 50)


def test_what_somebody_waits_for_leaves_at_once_and_issues_have_a_slot_less(
    db: Database, tmp_path: Path
) -> None:
    gate, flow = Gate(db, tmp_path, rules=TWO_A_SECOND, waits=False), Flow(db, tmp_path, rules=TWO_A_SECOND)
    flow.add(100)
    for _ in range(20):
        gate.leaves()

    at_once = len(flow.send_all())
    flow.run(2 * SECOND)
    sent = flow.run(5 * SECOND)

    assert at_once == 0
    assert len(sent) == pytest.approx(10, abs=1)  # twenty confirmations do not keep an issue for ten seconds


def test_what_somebody_waits_for_counts_in_a_warm_up(db: Database, tmp_path: Path) -> None:
    rules = f'[servers."{ONE}"]\nwarm_up = {{ since = 2026-03-02, days = [3, 100] }}\n'
    urgent, digests = Gate(db, tmp_path, rules=rules, waits=False), Gate(db, tmp_path, rules=rules)
    for _ in range(4):
        urgent.leaves()

    assert digests.waits().why == "day"


def test_what_somebody_waits_for_tries_a_server_that_rests_last(db: Database, tmp_path: Path) -> None:
    gate = Gate(db, tmp_path, servers=f"{ONE} {OTHER}", waits=False)
    rest = Breaker(3, SECOND, NOW, NOW + 60 * SECOND, "it rests")
    with db.transaction() as session:
        servers_books.write_state(session, ONE, ServerState(breaker=rest))

    assert gate.passes().servers == [OTHER, ONE]


def test_a_digest_waits_for_its_slot_no_longer_than_a_moment(db: Database, tmp_path: Path) -> None:
    gate = Gate(db, tmp_path, rules=TWO_A_SECOND)
    found = [gate.ask() for _ in range(6)]

    slots = [leave.at for leave in found if isinstance(leave, Leave)]

    assert max(slots) <= NOW + AHEAD
    assert len(slots) == 3


def test_single_mails_stand_among_the_letters_that_a_server_took(db: Database, tmp_path: Path) -> None:
    gate = Gate(db, tmp_path, waits=False)
    for recipient, end in (
        ("one@gmail.com", End.ACCEPTED),
        ("two@GMAIL.com", End.ACCEPTED),
        ("three@gmail.com", End.REFUSED),
        ("four@press.example", End.PUT_OFF),
        ("five@readers.example", End.LOST),
    ):
        gate.singles.ended(recipient, end, server=ONE, now=NOW)

    gate.singles.rest(now=NOW)
    gate.singles.rest(now=NOW)

    with db.reading() as session:
        rows = session.scalars(select(FlowMinute).order_by(FlowMinute.provider)).all()
    counted = [(row.provider, row.accepted, row.put_off, row.refused, row.lost) for row in rows]
    assert counted == [("", 0, 1, 0, 1), ("google", 2, 0, 1, 0)]


def test_many_mails_of_one_run_are_counted_once_a_second(db: Database, tmp_path: Path) -> None:
    gate = Gate(db, tmp_path, waits=False)

    for tenths in range(12):
        gate.singles.ended(READER, End.ACCEPTED, server=ONE, now=NOW + tenths * SECOND / 10)

    with db.reading() as session:
        assert session.scalars(select(FlowMinute.accepted)).all() == [11]


def test_a_servers_warm_up_begins_with_its_first_single_mail(db: Database, tmp_path: Path) -> None:
    gate = Gate(db, tmp_path, rules=f'[servers."{ONE}"]\nwarm_up = {{ days = [1, 2] }}\n')
    gate.passes()
    gate.singles.ended(READER, End.ACCEPTED, server=ONE, now=NOW)
    gate.singles.rest(now=NOW)
    gate.now = NOW + DAY

    found = [gate.ask() for _ in range(3)]

    assert [type(one) for one in found] == [Leave, Leave, Later]


class Desk:
    """A newsroom's outbox and the tasks that empty it."""

    def __init__(self, runtime: Runtime) -> None:
        self.runtime = runtime

    def queues(self, kind: str, *, params: dict[str, Any] = INVITATION) -> int:
        mail = QueuedMail(kind, READER, "en", params)
        with self.runtime.db.transaction() as session:
            row = queue(session, mail, now=self.runtime.clock.now())
            session.flush()
            return row.id

    def row(self, mail_id: int) -> OutboxMail:
        with self.runtime.db.reading() as session:
            return session.get_one(OutboxMail, mail_id)


@pytest.fixture
def desk(config: Config, clock: FixedClock, sink: SinkProcess) -> Iterator[Desk]:
    runtime = build(replace(config, smtp_url=sink.smtp_url), clock=clock)
    yield Desk(runtime)
    runtime.close()


def test_a_digest_is_no_matter_of_the_mails_that_somebody_waits_for(desk: Desk, sink: SinkProcess) -> None:
    waiting, urgent = desk.queues("reminder"), desk.queues("invitation")

    send_outbox(desk.runtime)

    assert desk.row(waiting).state is OutboxState.WAITING
    assert desk.row(urgent).state is OutboxState.ACCEPTED
    with desk.runtime.db.reading() as session:
        assert session.scalars(select(FlowMinute.accepted)).all() == [1]


def test_single_mails_may_leave_by_servers_and_keys_of_their_own(
    config: Config, clock: FixedClock, sink: SinkProcess, tmp_path: Path
) -> None:
    issues = make_keys(tmp_path, domain="news.press", selector="i", algorithms=("ed25519",))
    singles = make_keys(tmp_path, domain="welcome.news.press", selector="s", algorithms=("ed25519",))
    apart = replace(
        config,
        smtp_url=sink.smtp_url,
        mail_from="hello@welcome.news.press",
        dkim_key=(issues[0].path,),
        dkim_selector=("i",),
        dkim_domain="news.press",
        single_dkim_key=(singles[0].path,),
        single_dkim_selector=("s",),
    )
    with SinkProcess(tmp_path / "other") as other:
        runtime = build(replace(apart, single_smtp_url=other.smtp_url), clock=clock)
        desk = Desk(runtime)
        desk.queues("invitation")
        desk.queues(COMPOSED, params=composed(subject="A test", text="Words", html="<p>Words</p>"))
        send_outbox(runtime)
        runtime.close()
        ways = {_signed_by(other): "singles", _signed_by(sink): "issues"}

    assert ways == {"welcome.news.press": "singles", "news.press": "issues"}


def test_a_look_at_the_domains_knows_both_ways(config: Config, runtime: Runtime) -> None:
    apart = replace(
        config, mail_from="hello@welcome.news.press", smtp_url="smtp://one", single_smtp_url="smtp://two"
    )
    office = Office.from_config(apart, runtime.signer)
    single = Office.of_single_mails(apart, runtime.signer)

    ways = [
        [server.host for server in sending_of(pair, office=office, single=single, config=apart).servers]
        for pair in (pair_of(apart.mail_from, ""), pair_of("letters@news.press", ""))
    ]

    assert ways == [["one", "two"], ["one"]]


def _signed_by(sink: SinkProcess) -> str:
    (message,) = sink.messages()
    return message.header("DKIM-Signature").partition("d=")[2].partition(";")[0]


def test_the_pulse_asks_for_each_kind_of_mail_that_is_due(desk: Desk) -> None:
    tasks = register(desk.runtime)
    desk.queues("reminder")
    tasks.pulse.nudge_outbox()
    desk.queues("invitation")
    tasks.pulse.nudge_outbox()

    asked = [desk.runtime.engine.huey.dequeue().name for _ in range(3)]

    assert sorted(asked) == ["send_outbox", "send_unhurried", "send_unhurried"]


def test_what_nobody_wants_any_more_is_not_sent(desk: Desk, sink: SinkProcess) -> None:
    reminder = desk.queues("reminder")

    send_unhurried(desk.runtime)

    row = desk.row(reminder)
    assert (row.state, row.params, row.reply) == (
        OutboxState.FAILED,
        {},
        "not sent: not wanted any more",
    )
    assert sink.messages() == []
