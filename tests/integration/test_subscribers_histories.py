"""Long, made-up histories of readers over the real database, and what must hold after every step."""

from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import pairwise

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from newsletters.kernel.addresses import parse_address
from newsletters.kernel.tokens import Purpose
from newsletters.mail.models import OutboxMail
from newsletters.runtime import Runtime
from newsletters.schema import metadata
from newsletters.subscribers import (
    address_change,
    codes,
    confirm,
    importing,
    intake,
    pauses,
    preferences,
    suppression,
    unsubscribe,
)
from newsletters.subscribers.consent import Mechanism
from newsletters.subscribers.erasure import erase
from newsletters.subscribers.errors import MailForbidden, SameAddress
from newsletters.subscribers.lifecycle import ONGOING
from newsletters.subscribers.lookups import subscriber_by_key
from newsletters.subscribers.models import (
    ConsentEvent,
    ConsentRecord,
    Subscriber,
    Subscription,
    SubscriptionState,
)
from newsletters.subscribers.purge import purge
from newsletters.subscribers.stopping import mark_bounced, mark_complained
from newsletters.subscribers.suppression_models import SuppressionReason
from tests.factories import make_newsletter
from tests.mailbox import advance, fresh_client, take_all

ADDRESSES = ("olena@readers.example", "taras@readers.example", "lesia@readers.example")
REACTIONS = ("confirm", "already_subscribed", "change_address")  # what a stranger can set off
DAY = timedelta(days=1)

addresses = st.sampled_from(ADDRESSES)
places = st.integers(0, 2)
# How a subscription may become one that is mailed: by the reader's own word, or with evidence of it.
WAYS_IN = {"confirm", "type_code", "join", "undo", "bring_in", "move"}

# Asked after every step, so made once.
ALL_MAIL = select(OutboxMail.recipient, OutboxMail.kind, OutboxMail.created_at, OutboxMail.params).order_by(
    OutboxMail.id
)
EVIDENCE = select(ConsentRecord).order_by(ConsentRecord.id)
SUBSCRIPTIONS = select(Subscription)
STANDINGS = select(Subscriber.email, Subscription.newsletter_id, Subscription.state).join(
    Subscription, Subscription.subscriber_id == Subscriber.id
)

Standing = dict[tuple[str, int], SubscriptionState]


class Histories(RuleBasedStateMachine):
    """Three mailboxes, three newsletters, and everything that can happen between them."""

    def __init__(self, runtime: Runtime) -> None:
        super().__init__()
        self.runtime = runtime
        self.requests: dict[str, list[int]] = {email: [] for email in ADDRESSES}
        self.links: dict[str, list[str]] = {email: [] for email in ADDRESSES}
        self.leaving: list[str] = []
        self.silent: dict[str, int] = {}  # closed addresses and how many mails they had by then
        self.before: Standing = {}
        self.evidence: set[int] = set()
        self.merged: set[int] = set()  # their records are two readers', one behind the other
        self.wanted: dict[str, int] = {}  # how many mails had come when the last of them was acted upon
        self.step = ""
        with runtime.db.transaction() as session:
            for table in reversed(metadata.sorted_tables):
                session.execute(delete(table))
            self.newsletters = [make_newsletter(session).id for _ in range(3)]

    @property
    def now(self) -> datetime:
        return self.runtime.clock.now()

    def does(self, step: str, act: Callable[[Session], object]) -> object:
        self.step = step
        with self.runtime.db.transaction() as session:
            return act(session)

    def row(self, session: Session, email: str) -> Subscriber | None:
        return subscriber_by_key(session, email)

    def with_reader(self, step: str, email: str, act: Callable[[Session, Subscriber], object]) -> None:
        def on_row(session: Session) -> None:
            subscriber = self.row(session, email)
            if subscriber is not None:
                act(session, subscriber)

        self.does(step, on_row)

    def was_wanted(self, email: str) -> None:
        self.wanted[email] = len(self.of_kind(email, *REACTIONS))

    # --- what happens ---

    @rule(email=addresses, chosen=st.sets(places, min_size=1))
    def sign_up(self, email: str, chosen: set[int]) -> None:
        post = intake.Signup(email, [self.newsletters[place] for place in chosen], fresh_client())

        def posted_and_taken(session: Session) -> int:
            receipt = intake.note_signup(session, post, means=self.runtime, now=self.now)
            take_all(session, self.runtime)
            return receipt.request_id

        number = self.does("sign_up", posted_and_taken)
        assert isinstance(number, int)
        self.requests[email].append(number)

    @rule(email=addresses, which=st.integers(0, 5))
    def confirm(self, email: str, which: int) -> None:
        links = self.links[email]
        if not links:
            return
        token = links[-1 - which % len(links)]
        outcome = self.does(
            "confirm",
            lambda s: confirm.confirm(s, token, means=self.runtime, client=fresh_client(), now=self.now),
        )
        if isinstance(outcome, confirm.Confirmed):
            self.was_wanted(email)

    @rule(email=addresses)
    def type_code(self, email: str) -> None:
        def typed(session: Session) -> object:
            mails = session.scalars(
                select(OutboxMail).where(OutboxMail.recipient == email, OutboxMail.kind == "confirm")
            ).all()
            code = mails[-1].params["code"] if mails else "000000"
            return codes.confirm_by_code(
                session, self.requests[email], code, means=self.runtime, client=fresh_client(), now=self.now
            )

        if isinstance(self.does("type_code", typed), confirm.Confirmed):
            self.was_wanted(email)

    @precondition(lambda self: self.leaving)
    @rule(which=st.integers(0, 20), everything=st.booleans())
    def leave(self, which: int, everything: bool) -> None:
        token = self.leaving[which % len(self.leaving)]

        def left(session: Session) -> object:
            if everything:
                return unsubscribe.leave_all(session, token, means=self.runtime, now=self.now)
            return unsubscribe.leave(
                session, token, means=self.runtime, mechanism=Mechanism.ONE_CLICK, now=self.now
            )

        self.does("leave", left)

    @precondition(lambda self: self.leaving)
    @rule(which=st.integers(0, 20))
    def undo(self, which: int) -> None:
        token = self.leaving[which % len(self.leaving)]
        self.does("undo", lambda s: unsubscribe.undo(s, token, means=self.runtime, now=self.now))

    @rule(email=addresses, place=places)
    def pause(self, email: str, place: int) -> None:
        until = self.now + 3 * DAY
        self.with_reader(
            "pause",
            email,
            lambda s, row: preferences.pause(s, row, self.newsletters[place], until=until, now=self.now),
        )

    @rule(email=addresses, place=places)
    def join(self, email: str, place: int) -> None:
        def joined(session: Session, row: Subscriber) -> None:
            number = self.newsletters[place]
            try:
                preferences.join(session, row, number, means=self.runtime, now=self.now)
            except MailForbidden:
                assert email in self.silent

        self.with_reader("join", email, joined)

    @rule(email=addresses)
    def bounce(self, email: str) -> None:
        def bounced(session: Session, row: Subscriber) -> None:
            mark_bounced(session, subscriber_id=row.id, now=self.now)
            self.suppress(session, email, SuppressionReason.HARD_BOUNCE)

        self.with_reader("bounce", email, bounced)

    @rule(email=addresses)
    def complain(self, email: str) -> None:
        def complained(session: Session, row: Subscriber) -> None:
            mark_complained(session, subscriber_id=row.id, now=self.now)
            self.suppress(session, email, SuppressionReason.COMPLAINT)
            self.silent.setdefault(email, self.mails(session, email))

        self.with_reader("complain", email, complained)

    @precondition(lambda self: self.silent)
    @rule()
    def lift(self) -> None:
        email, _ = self.silent.popitem()
        digest = self.runtime.digester.address(email)
        self.does(
            "lift",
            lambda s: suppression.lift(s, address_hash=digest, reason="asked", actor="editor", now=self.now),
        )

    @rule(email=addresses, place=places)
    def bring_in(self, email: str, place: int) -> None:
        arrival = importing.Arrival(parse_address(email), self.newsletters[place], self.now, "elsewhere")
        was_known = (email, self.newsletters[place]) in self.before
        was_suppressed = self.is_suppressed(email)
        brought = self.does(
            "bring_in", lambda s: importing.bring_in(s, arrival, means=self.runtime, now=self.now)
        )
        assert brought is not (was_known or was_suppressed)

    @rule(email=addresses)
    def erase(self, email: str) -> None:
        def erased(session: Session, row: Subscriber) -> None:
            erase(session, row, means=self.runtime, now=self.now)

        was_known = any(to == email for to, _ in self.before)
        self.with_reader("erase", email, erased)
        self.evidence = set()
        for to in ADDRESSES if was_known else ():  # the mails to their earlier addresses went too
            self.was_wanted(to)
        with self.runtime.db.reading() as session:
            self.silent = {to: self.mails(session, to) for to in self.silent}

    @rule(email=addresses, to=addresses)
    def move(self, email: str, to: str) -> None:
        def asked(session: Session, row: Subscriber) -> None:
            try:
                address_change.ask(session, row, to, means=self.runtime, now=self.now)
            except SameAddress:
                return

        self.with_reader("ask_to_move", email, asked)
        self.look()
        mails = self.of_kind(to, "change_address")
        if not mails:
            return
        token = str(mails[-1].params["change_url"]).rpartition("/")[2]
        with self.runtime.db.reading() as session:
            was_somebodys = self.row(session, to) is not None
        outcome = self.does(
            "move", lambda s: address_change.change(s, token, means=self.runtime, now=self.now)
        )
        if isinstance(outcome, address_change.Changed):
            self.was_wanted(to)
            self.evidence = set()
            with self.runtime.db.reading() as session:
                moved = self.row(session, to)
                self.merged |= {moved.id} if was_somebodys and moved is not None else set()

    @rule(hours=st.sampled_from([1, 23, 25, 24 * 8, 24 * 31]))
    def time_passes(self, hours: int) -> None:
        advance(self.runtime, timedelta(hours=hours))
        self.does("time_passes", lambda s: (pauses.end_some(s, now=self.now), purge(s, now=self.now)))
        self.evidence = set()

    # --- what must hold ---

    @invariant()
    def look(self) -> None:
        with self.runtime.db.reading() as session:
            after = self.standing(session)
            self.check_ways_in(after)
            self.check_consent(session)
            self.check_mail(session)
            self.before = after

    def check_ways_in(self, after: Standing) -> None:
        begun = {
            key for key, state in after.items() if state in ONGOING and self.before.get(key) not in ONGOING
        }
        assert not begun or self.step in WAYS_IN, (self.step, begun)

    def check_consent(self, session: Session) -> None:
        records = session.scalars(EVIDENCE).all()
        kept = {record.id for record in records}
        assert self.evidence <= kept
        self.evidence = kept
        last: dict[tuple[int, int], ConsentEvent] = {}
        for record in records:
            if record.event in (ConsentEvent.CONFIRMED, ConsentEvent.WITHDRAWN):
                last[record.subscriber_id, record.newsletter_id] = record.event
        for row in session.scalars(SUBSCRIPTIONS):
            if row.state in ONGOING and row.subscriber_id not in self.merged:
                assert last.get((row.subscriber_id, row.newsletter_id)) is ConsentEvent.CONFIRMED
            self.leaving.append(self.runtime.signer.sign(Purpose.UNSUBSCRIBE, row.id, 1))
        self.leaving = self.leaving[-12:]

    def check_mail(self, session: Session) -> None:
        mails = session.execute(ALL_MAIL).all()
        for email in ADDRESSES:
            theirs = [mail for mail in mails if mail.recipient == email]
            assert len(theirs) <= self.silent.get(email, len(mails)), "a closed address was written to"
            self.links[email] = [
                str(mail.params["confirm_url"]).rpartition("/")[2]
                for mail in theirs
                if mail.kind == "confirm"
            ]
            unasked = [mail.created_at for mail in theirs if mail.kind in REACTIONS]
            since = unasked[self.wanted.get(email, 0) :]
            assert all(after - before >= DAY for before, after in pairwise(since)), (email, since)

    def standing(self, session: Session) -> Standing:
        return {(email, number): state for email, number, state in session.execute(STANDINGS)}

    def of_kind(self, email: str, *kinds: str) -> list[OutboxMail]:
        with self.runtime.db.reading() as session:
            found = select(OutboxMail).where(OutboxMail.recipient == email, OutboxMail.kind.in_(kinds))
            return list(session.scalars(found.order_by(OutboxMail.id)))

    def mails(self, session: Session, email: str) -> int:
        return len(session.scalars(select(OutboxMail.id).where(OutboxMail.recipient == email)).all())

    def suppress(self, session: Session, email: str, reason: SuppressionReason) -> None:
        digest = self.runtime.digester.address(email)
        suppression.suppress(session, address_hash=digest, reason=reason, now=self.now)

    def is_suppressed(self, email: str) -> bool:
        with self.runtime.db.reading() as session:
            return suppression.reason_for(session, self.runtime.digester.address(email)) is not None


def test_no_history_breaks_a_promise(runtime: Runtime) -> None:
    run_state_machine_as_test(
        lambda: Histories(runtime),  # type: ignore[arg-type]  # any maker of a machine will do
        settings=settings(
            max_examples=40,
            stateful_step_count=30,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
