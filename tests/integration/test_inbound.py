"""The mail door, in a real SMTP conversation."""

import smtplib
from collections.abc import Iterator

import pytest
from aiosmtpd.controller import Controller

from newsletters.inbound.door import MailDoor
from newsletters.kernel.db import Database
from newsletters.mail.verp import ReturnPaths
from newsletters.runtime import Runtime
from newsletters.subscribers.models import Subscription, SubscriptionState
from tests.factories import make_newsletter, make_subscription
from tests.postgres import free_port

MESSAGE = b"From: <>\r\nSubject: whatever\r\n\r\nwhatever\r\n"


@pytest.fixture
def paths(runtime: Runtime) -> ReturnPaths:
    return ReturnPaths(runtime.signer, "newsroom.example")


@pytest.fixture
def connection(runtime: Runtime, paths: ReturnPaths) -> Iterator[smtplib.SMTP]:
    controller = Controller(
        MailDoor(runtime, paths), hostname="127.0.0.1", port=free_port(), ready_timeout=60
    )
    controller.start()
    with smtplib.SMTP("127.0.0.1", controller.port) as opened:
        yield opened
    controller.stop()


@pytest.fixture
def subscription(db: Database) -> Subscription:
    with db.transaction() as session:
        return make_subscription(session, make_newsletter(session))


def _state(db: Database, subscription: Subscription) -> SubscriptionState:
    with db.reading() as session:
        return session.get_one(Subscription, subscription.id).state


def test_a_mail_to_the_unsubscribe_address_ends_the_subscription(
    connection: smtplib.SMTP, paths: ReturnPaths, subscription: Subscription, db: Database
) -> None:
    connection.sendmail("anybody@elsewhere.example", [paths.unsubscribe(subscription.id, 0)], MESSAGE)

    assert _state(db, subscription) is SubscriptionState.UNSUBSCRIBED


def test_a_second_mail_is_accepted_and_changes_nothing(
    connection: smtplib.SMTP, paths: ReturnPaths, subscription: Subscription, db: Database
) -> None:
    for _ in range(2):
        connection.sendmail("", [paths.unsubscribe(subscription.id, 0)], MESSAGE)

    assert _state(db, subscription) is SubscriptionState.UNSUBSCRIBED


@pytest.mark.parametrize("local", ["editor", "unsubscribe", "unsubscribe+", "unsubscribe+aeaaa", "b+aeaaa"])
def test_any_other_recipient_is_refused_while_the_other_server_listens(
    connection: smtplib.SMTP, local: str
) -> None:
    connection.helo()
    connection.mail("anybody@elsewhere.example")

    code, _ = connection.rcpt(f"{local}@newsroom.example")

    assert code == 550


def test_a_changed_letter_in_the_token_is_refused(
    connection: smtplib.SMTP, paths: ReturnPaths, subscription: Subscription, db: Database
) -> None:
    local, _, domain = paths.unsubscribe(subscription.id, 0).partition("@")
    letters = list(local)
    letters[-4] = "a" if letters[-4] != "a" else "b"
    connection.helo()
    connection.mail("")

    code, _ = connection.rcpt(f"{''.join(letters)}@{domain}")

    assert code == 550
    assert _state(db, subscription) is SubscriptionState.ACTIVE
