"""Breakers, paces and crowds of servers, and whose matter an answer is."""

from datetime import timedelta
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletters.delivery.servers import (
    SERVER_PATIENCE,
    SLOWEST,
    Breaker,
    Crowd,
    Pace,
    Standing,
)
from newsletters.delivery.servers_blame import Blame, blame
from newsletters.delivery.throttle import Rate
from newsletters.mail.replies import (
    Deferred,
    InDoubt,
    MessageTooBig,
    Phase,
    Refused,
    Reply,
    ServerUnavailable,
    SmtpError,
)
from tests.conftest import NOW

SECOND = timedelta(seconds=1)


class _Steady(Random):
    """Chance that adds nothing."""

    def random(self) -> float:
        return 0.0


def _failed(breaker: Breaker, times: int = 1, *, at: timedelta = timedelta()) -> Breaker:
    for _ in range(times):
        breaker = breaker.failed(SERVER_PATIENCE, why="away", now=NOW + at, chance=_Steady())
    return breaker


def test_a_few_failures_in_a_row_open_the_breaker() -> None:
    standings = [_failed(Breaker(), times).standing(NOW) for times in (2, 3)]

    assert standings == [Standing.OPEN, Standing.RESTING]


def test_a_success_between_failures_starts_the_count_anew() -> None:
    breaker = _failed(_failed(Breaker(), 2).succeeded(NOW), 2)

    assert breaker.standing(NOW) is Standing.OPEN


def test_after_the_rest_one_may_try() -> None:
    breaker = _failed(Breaker(), 3)

    assert breaker.standing(NOW + 4 * SECOND) is Standing.RESTING
    assert breaker.standing(NOW + 5 * SECOND) is Standing.TRYING


def test_rests_grow_while_tries_fail_and_are_bounded() -> None:
    breaker, rests = _failed(Breaker(), 3), []
    for _ in range(10):
        assert breaker.until is not None
        rests.append(breaker.rest.total_seconds())
        breaker = _failed(breaker, at=breaker.until - NOW)

    assert rests == [5, 10, 20, 40, 80, 160, 300, 300, 300, 300]


def test_failures_from_before_the_rest_do_not_lengthen_it() -> None:
    resting = _failed(Breaker(), 3)

    assert _failed(resting, 5, at=SECOND) == resting


def test_a_success_after_the_rest_closes_it_and_shortens_the_next_one() -> None:
    long = Breaker(failures=8, rest=timedelta(seconds=160), since=NOW, until=NOW)

    well = long.succeeded(NOW)
    again = _failed(well, 3)

    assert well.standing(NOW) is Standing.OPEN
    assert again.rest == timedelta(seconds=80)


def test_a_complaint_halves_the_measured_speed_and_time_gives_it_back() -> None:
    pace = Pace().slower(40.0, now=NOW)

    speeds = [pace.speed(NOW + seconds * SECOND) for seconds in (0, 50, 349, 351)]

    assert speeds == [20.0, 40.0, pytest.approx(159.6), None]


def test_a_complaint_at_the_very_first_letters_slows_down_gently() -> None:
    pace = Pace().slower(0.0, now=NOW)

    speeds = [pace.speed(NOW + seconds * SECOND) for seconds in (0, 10, 69, 71)]

    assert speeds == [1.0, 2.0, pytest.approx(7.9), None]


def test_complaints_about_the_same_moment_slow_down_once() -> None:
    pace = Pace().slower(40.0, now=NOW)

    assert pace.slower(40.0, now=NOW + SECOND) == pace
    assert pace.slower(40.0, now=NOW + 2 * SECOND).speed(NOW + 2 * SECOND) == pytest.approx(10.4)


@given(speeds=st.lists(st.floats(0, 10_000), max_size=60))
def test_a_server_is_never_slowed_down_to_nothing(speeds: list[float]) -> None:
    pace, now = Pace(), NOW
    for speed in speeds:
        now += 3 * SECOND
        pace = pace.slower(speed, now=now)
        assert (pace.speed(now) or 0) >= SLOWEST


def test_a_server_that_goes_on_complaining_becomes_slower_and_slower() -> None:
    pace, now, speeds = Pace(), NOW, []
    for _ in range(5):
        now += 3 * SECOND
        pace = pace.slower(pace.speed(now) or 100.0, now=now)
        speeds.append(pace.speed(now))

    assert speeds == sorted(speeds, key=lambda speed: -(speed or 0))
    assert speeds[-1] == pytest.approx(50 * (1.06 / 2) ** 4)


def test_the_configured_rate_stays_the_upper_bound() -> None:
    slow, fast = Rate.parse("5/second"), Rate.parse("500/second")
    pace = Pace().slower(40.0, now=NOW)

    assert pace.rate(slow, now=NOW) == slow
    assert pace.rate(fast, now=NOW) == Rate.per_second(20)
    assert pace.rate(None, now=NOW + timedelta(hours=1)) is None


def test_too_many_connections_takes_one_away_and_time_gives_it_back() -> None:
    crowd = Crowd().fewer(6, now=NOW)

    allowed = [crowd.allowed(10, now=NOW + seconds * SECOND) for seconds in (0, 29, 30, 600)]

    assert allowed == [5, 5, 6, 10]
    assert Crowd().fewer(1, now=NOW).allowed(10, now=NOW) == 1


@pytest.mark.parametrize(
    ("kind", "phase", "code", "text", "whose"),
    [
        (Refused, Phase.RCPT, 550, "5.1.1 no such user", Blame.NOBODY),
        (Refused, Phase.DOT, 550, "5.7.1 blocked for spam", Blame.POLICY),
        (Refused, Phase.RCPT, 550, "5.7.515 access denied, domain does not authenticate", Blame.POLICY),
        (Deferred, Phase.RCPT, 450, "4.2.2 mailbox full", Blame.NOBODY),
        (Deferred, Phase.RCPT, 451, "4.7.1 Greylisted, come back in 5 minutes", Blame.NOBODY),
        (Deferred, Phase.RCPT, 450, "4.2.0 gray listed", Blame.NOBODY),
        (Deferred, Phase.DOT, 421, "4.7.28 unusual rate of mail from your network", Blame.BUSY),
        (Deferred, Phase.RCPT, 451, "Temporarily rate limited", Blame.BUSY),
        (Deferred, Phase.DOT, 454, "Throttling failure: Maximum sending rate exceeded.", Blame.THROTTLED),
        (Deferred, Phase.MAIL, 451, "4.3.2 please try later", Blame.AWAY),
        (Deferred, Phase.MAIL, 451, "4.7.0 rate limit exceeded", Blame.THROTTLED),
        (Refused, Phase.MAIL, 550, "5.7.1 sender not welcome", Blame.AWAY),
        (Deferred, Phase.RCPT, 421, "4.7.0 too many connections from your network", Blame.BUSY),
        (Deferred, Phase.RCPT, 452, "4.3.1 insufficient system storage", Blame.THROTTLED),
        (Deferred, Phase.RCPT, 451, "4.3.2 their host takes no mail", Blame.BUSY),
        (Deferred, Phase.RCPT, 451, "4.3.2 slow down", Blame.THROTTLED),
        (Deferred, Phase.DOT, 451, "4.3.2 system not accepting messages", Blame.THROTTLED),
        (Deferred, Phase.MAIL, 452, "too many concurrent connections", Blame.CROWDED),
        (ServerUnavailable, Phase.RCPT, 421, "4.3.2 closing", Blame.THROTTLED),
        (ServerUnavailable, Phase.GREETING, 421, "Too many connections from your host", Blame.CROWDED),
        (ServerUnavailable, Phase.GREETING, 554, "go away", Blame.AWAY),
        (ServerUnavailable, Phase.CONNECT, 0, "Connection refused", Blame.AWAY),
        (ServerUnavailable, Phase.TLS, 454, "TLS not available", Blame.AWAY),
        (ServerUnavailable, Phase.AUTH, 535, "5.7.8 bad credentials", Blame.AWAY),
        (ServerUnavailable, Phase.BODY, 0, "connection reset", Blame.LOST),
        (InDoubt, Phase.DOT, 0, "no answer in time", Blame.LOST),
        (MessageTooBig, Phase.MAIL, 552, "5.3.4 the server takes 1000 bytes", Blame.NOBODY),
    ],
)
def test_an_answer_is_blamed_on_whom_it_is_about(
    kind: type[SmtpError], phase: Phase, code: int, text: str, whose: Blame
) -> None:
    assert blame(kind(Reply.of(code, text), phase)) is whose


def test_acceptance_blames_nobody() -> None:
    assert blame(Reply.of(250, "2.0.0 queued")) is Blame.NOBODY
