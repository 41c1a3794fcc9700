"""The suppression list: idempotent, the stronger reason stays, asked about many at once."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from newsletters.kernel.db import Database
from newsletters.subscribers.models import Subscriber
from newsletters.subscribers.suppression import (
    STRENGTH,
    is_suppressed,
    lift,
    lift_for_opt_in,
    newsletter_scope,
    reason_for,
    suppress,
)
from newsletters.subscribers.suppression_models import Suppression, SuppressionReason
from tests.conftest import NOW
from tests.factories import make_newsletter, make_subscriber

A, B, C = "a" * 64, "b" * 64, "c" * 64
HARD, COMPLAINT = SuppressionReason.HARD_BOUNCE, SuppressionReason.COMPLAINT
ERASED, EDITOR = SuppressionReason.ERASED, SuppressionReason.EDITOR


def test_every_reason_has_its_place_in_the_order_of_strength() -> None:
    assert sorted(STRENGTH) == sorted(SuppressionReason)


@pytest.mark.parametrize("first", list(SuppressionReason))
@pytest.mark.parametrize("second", list(SuppressionReason))
def test_the_stronger_reason_stays(db: Database, first: SuppressionReason, second: SuppressionReason) -> None:
    with db.reading() as session:
        suppress(session, address_hash=A, reason=first, now=NOW)
        suppress(session, address_hash=A, reason=second, now=NOW)
        reason = reason_for(session, A)

    assert reason is max(first, second, key=STRENGTH.index)


def test_suppressing_twice_is_one_entry(db: Database) -> None:
    with db.reading() as session:
        suppress(session, address_hash=A, reason=HARD, now=NOW)
        suppress(session, address_hash=A, reason=HARD, now=NOW + timedelta(days=1), detail="550 5.1.1")
        entry = session.scalars(select(Suppression)).one()

    assert (entry.created_at, entry.detail) == (NOW, "550 5.1.1")


def test_a_lifted_entry_says_why_and_is_in_force_no_more(db: Database) -> None:
    with db.reading() as session:
        suppress(session, address_hash=A, reason=COMPLAINT, now=NOW)
        lifted = lift(session, address_hash=A, reason="they wrote to us", actor="editor 7", now=NOW)
        again = lift(session, address_hash=A, reason="twice", actor="editor 7", now=NOW)
        entry = session.scalars(select(Suppression)).one()
        reason = reason_for(session, A)

    assert (lifted, again, reason) == (True, False, None)
    assert entry.lifted_reason == "they wrote to us (editor 7)"


def test_even_a_weaker_reason_revives_a_lifted_entry(db: Database) -> None:
    with db.reading() as session:
        suppress(session, address_hash=A, reason=COMPLAINT, now=NOW)
        lift(session, address_hash=A, reason="they wrote to us", actor="editor 7", now=NOW)
        suppress(session, address_hash=A, reason=HARD, now=NOW + timedelta(days=1))
        entry = session.scalars(select(Suppression)).one()

    assert (entry.reason, entry.lifted_at, entry.lifted_reason) == (HARD, None, "")
    assert entry.created_at == NOW + timedelta(days=1)


@pytest.mark.parametrize(
    ("reason", "stays"), [(HARD, False), (ERASED, False), (COMPLAINT, True), (EDITOR, True)]
)
def test_a_fresh_opt_in_outweighs_what_only_said_the_mailbox_was_dead(
    db: Database, reason: SuppressionReason, stays: bool
) -> None:
    with db.reading() as session:
        suppress(session, address_hash=A, reason=reason, now=NOW)
        lift_for_opt_in(session, A, now=NOW)
        found = reason_for(session, A)

    assert (found is not None) is stays


def test_an_entry_for_one_newsletter_concerns_no_other(db: Database) -> None:
    with db.reading() as session:
        news, sport = make_newsletter(session), make_newsletter(session)
        reader = make_subscriber(session)
        scope = newsletter_scope(news.id)
        suppress(session, address_hash=reader.address_hash, reason=EDITOR, scope=scope, now=NOW)
        asked = (news.id, sport.id, None)
        found = [session.scalar(select(Subscriber.id).where(is_suppressed(one))) for one in asked]

    assert found == [reader.id, None, None]


def test_the_condition_finds_suppressed_subscribers_in_one_statement(db: Database) -> None:
    with db.reading() as session:
        dead, _ = make_subscriber(session), make_subscriber(session)
        suppress(session, address_hash=dead.address_hash, reason=HARD, now=NOW)
        found = session.scalars(select(Subscriber.id).where(is_suppressed())).all()

    assert found == [dead.id]
