from datetime import datetime, timedelta

import pytest

from newsletters.kernel.clock import FixedClock
from newsletters.tasks.steady_clock import SteadyClock
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
