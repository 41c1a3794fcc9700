"""Rate limits in the database: exact ones keep their promise whenever the hits come."""

from datetime import datetime, timedelta

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from newsletters.kernel.db import Database
from newsletters.kernel.limits import (
    ExactLimit,
    Limit,
    RateWindow,
    admit,
    forget_past_windows,
    forgive,
    hit,
)
from tests.conftest import NOW

DAY = timedelta(days=1)
MAIL = ExactLimit("mail", ((1, DAY), (3, timedelta(days=30))))
POSTS = Limit("posts", 3, timedelta(hours=1))
on_one_database = settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)

gaps = st.lists(
    st.integers(0, 40 * 24 * 3600) | st.sampled_from([0, 1, 86_399, 86_400, 86_401]), min_size=1, max_size=30
)


def admitted(session: Session, key: str, gaps_seconds: list[int]) -> list[datetime]:
    """When hits were admitted, of hits that come so many seconds after each other."""
    moment, times = NOW, []
    for gap in gaps_seconds:
        moment += timedelta(seconds=gap)
        if admit(session, MAIL, key, now=moment):
            times.append(moment)
    return times


@on_one_database
@given(gaps)
def test_no_stretch_of_time_ever_holds_more_than_was_promised(db: Database, gaps: list[int]) -> None:
    with db.reading() as session:
        times = admitted(session, "somebody", gaps)

    for most, per in MAIL.allowances:
        assert all(sum(start <= at < start + per for at in times) <= most for start in times)


@on_one_database
@given(gaps)
def test_a_refused_hit_costs_nothing(db: Database, gaps: list[int]) -> None:
    with db.reading() as session:
        times = admitted(session, "somebody", gaps)
        alone = [admit(session, MAIL, "nobody", now=at) for at in times]

    assert all(alone)


def test_the_first_hit_after_exactly_a_day_is_let_through(db: Database) -> None:
    with db.reading() as session:
        first = [admit(session, MAIL, "a", now=NOW), admit(session, MAIL, "a", now=NOW)]
        late = admit(session, MAIL, "a", now=NOW + DAY - timedelta(microseconds=1))
        next_day = admit(session, MAIL, "a", now=NOW + DAY)

    assert (first, late, next_day) == ([True, False], False, True)


def test_one_key_does_not_use_up_another_s(db: Database) -> None:
    with db.reading() as session:
        both = [admit(session, MAIL, key, now=NOW) for key in ("a", "b")]

    assert both == [True, True]


def test_what_is_forgiven_counts_no_more(db: Database) -> None:
    with db.reading() as session:
        admit(session, MAIL, "a", now=NOW)
        forgive(session, MAIL, "a")
        again = admit(session, MAIL, "a", now=NOW)

    assert again


def test_a_window_counts_every_hit_and_ends(db: Database) -> None:
    with db.reading() as session:
        hits = [hit(session, POSTS, "a", now=NOW) for _ in range(4)]
        next_hour = hit(session, POSTS, "a", now=NOW + POSTS.per)

    assert (hits, next_hour) == ([True, True, True, False], True)


def test_past_windows_are_forgotten_and_running_ones_kept(db: Database) -> None:
    with db.reading() as session:
        hit(session, POSTS, "a", now=NOW)
        admit(session, MAIL, "a", now=NOW)
        forget_past_windows(session, now=NOW + timedelta(hours=2))
        kept = session.scalar(select(func.count()).select_from(RateWindow).where(RateWindow.key == "mail:a"))
        past = session.scalar(select(func.count()).select_from(RateWindow).where(RateWindow.key == "posts:a"))

    assert (kept, past) == (1, 0)
