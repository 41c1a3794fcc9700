from datetime import datetime, timedelta

import pytest
from sqlalchemy.exc import OperationalError

from newsletters.kernel.clock import FixedClock
from newsletters.kernel.steady_clock import FollowingClock, SteadyClock
from tests.conftest import NOW

DAY = timedelta(days=1)


class Machine:
    """A wall clock and a counter that a test can move apart."""

    def __init__(self) -> None:
        self.wall = FixedClock(NOW)
        self.counter = 1000.0

    def elapsed(self) -> float:
        return self.counter

    def live(self, seconds: float) -> None:
        self.counter += seconds
        self.wall.advance(timedelta(seconds=seconds))

    def clock(self) -> SteadyClock:
        return SteadyClock(self.wall.now, elapsed=self.elapsed)


def test_time_goes_on_by_the_counter() -> None:
    machine = Machine()
    clock = machine.clock()

    machine.live(90)

    assert clock.now() == NOW + timedelta(seconds=90)


@pytest.mark.parametrize("jump", [DAY, -DAY])
def test_a_jump_is_not_followed(jump: timedelta) -> None:
    machine = Machine()
    clock = machine.clock()

    machine.wall.advance(jump)
    clock.follow()

    assert clock.now() == NOW


def test_a_small_correction_is_followed() -> None:
    machine = Machine()
    clock = machine.clock()

    machine.wall.advance(timedelta(seconds=-3))
    clock.follow()

    assert clock.now() == NOW - timedelta(seconds=3)


def test_a_difference_that_stays_is_believed_in_the_end() -> None:
    machine = Machine()
    clock = machine.clock()
    machine.wall.advance(DAY)

    seen: list[datetime] = []
    for _ in range(17):
        clock.follow()
        seen.append(clock.now() - DAY)
        machine.live(60)

    assert seen[0] == NOW - DAY
    assert clock.now() == machine.wall.now()


def test_a_jump_that_is_taken_back_leaves_no_trace() -> None:
    machine = Machine()
    clock = machine.clock()
    machine.wall.advance(DAY)
    clock.follow()
    machine.wall.advance(-DAY)
    clock.follow()
    machine.wall.advance(DAY)

    machine.live(1000)
    clock.follow()

    assert clock.now() == machine.wall.now() - DAY


def test_a_clock_that_follows_asks_once_a_minute() -> None:
    machine, asked = Machine(), []

    def source() -> datetime:
        asked.append(machine.counter)
        return machine.wall.now() + timedelta(minutes=5)  # the database's clock, not this machine's

    clock = FollowingClock(source, elapsed=machine.elapsed)
    told = [clock.now() for _ in range(3)]
    machine.live(61)
    told.append(clock.now())

    assert told == [NOW + timedelta(minutes=5)] * 3 + [NOW + timedelta(minutes=5, seconds=61)]
    assert asked == [1000.0, 1061.0]


@pytest.mark.parametrize("jump", [DAY, -DAY])
def test_a_clock_that_follows_does_not_follow_a_jump(jump: timedelta) -> None:
    machine = Machine()
    clock = FollowingClock(machine.wall.now, elapsed=machine.elapsed)
    clock.now()

    machine.wall.advance(jump)
    machine.live(61)

    assert clock.now() == NOW + timedelta(seconds=61)


def test_a_clock_whose_source_is_away_goes_on_and_asks_again_soon() -> None:
    machine = Machine()
    is_away = False

    def source() -> datetime:
        if is_away:
            raise OperationalError("SELECT", {}, Exception("the database is away"))
        return machine.wall.now()

    clock = FollowingClock(source, elapsed=machine.elapsed)
    clock.now()
    is_away = True
    machine.live(61)
    during = clock.now()
    is_away = False
    machine.wall.advance(timedelta(seconds=-3))
    machine.live(6)

    assert during == NOW + timedelta(seconds=61)
    assert clock.now() == machine.wall.now()
