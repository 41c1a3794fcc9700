"""Times on a newsletter's own clocks."""

from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletters.publishing.schedule import NoSuchTime, TwiceThatDay, Wanted, moment, next_at

KYIV = ZoneInfo("Europe/Kyiv")
LORD_HOWE = ZoneInfo("Australia/Lord_Howe")  # its clocks move by half an hour
ZONES = [KYIV, LORD_HOWE, ZoneInfo("America/New_York"), ZoneInfo("UTC"), ZoneInfo("Africa/Casablanca")]


def test_a_time_is_read_on_the_newsletters_clocks() -> None:
    winter = moment(Wanted(date(2026, 3, 2), time(9)), KYIV)
    summer = moment(Wanted(date(2026, 7, 2), time(9)), KYIV)

    assert winter == datetime(2026, 3, 2, 7, tzinfo=UTC)
    assert summer == datetime(2026, 7, 2, 6, tzinfo=UTC)


@pytest.mark.parametrize("minute", [0, 1, 30, 59])
def test_a_time_the_clocks_skip_is_refused_with_its_neighbours(minute: int) -> None:
    with pytest.raises(NoSuchTime) as refused:
        moment(Wanted(date(2026, 3, 29), time(3, minute)), KYIV)

    assert refused.value.before.strftime("%H:%M %z") == "02:59 +0200"
    assert refused.value.after.strftime("%H:%M %z") == "04:00 +0300"


def test_half_an_hour_can_be_skipped_too() -> None:
    with pytest.raises(NoSuchTime) as refused:
        moment(Wanted(date(2026, 10, 4), time(2, 15)), LORD_HOWE)

    assert refused.value.before.strftime("%H:%M") == "01:59"
    assert refused.value.after.strftime("%H:%M") == "02:30"


def test_a_time_that_comes_twice_asks_which_is_meant() -> None:
    wanted = (date(2026, 10, 25), time(3, 30))

    with pytest.raises(TwiceThatDay) as asked:
        moment(Wanted(*wanted), KYIV)

    assert moment(Wanted(*wanted, second=False), KYIV) == asked.value.first.astimezone(UTC)
    assert moment(Wanted(*wanted, second=True), KYIV) == asked.value.second.astimezone(UTC)
    assert (asked.value.second.astimezone(UTC) - asked.value.first.astimezone(UTC)).seconds == 3600


@given(
    on=st.dates(date(2020, 1, 1), date(2035, 1, 1)),
    at=st.times().map(lambda found: found.replace(second=0, microsecond=0)),
    zone=st.sampled_from(ZONES),
    second=st.booleans(),
)
def test_a_moment_shows_the_time_that_was_asked_for(on: date, at: time, zone: ZoneInfo, second: bool) -> None:
    try:
        found = moment(Wanted(on, at, second), zone)
    except NoSuchTime as refused:
        assert refused.before.astimezone(UTC) < refused.after.astimezone(UTC)
        return

    shown = found.astimezone(zone)
    assert (shown.date(), shown.time()) == (on, at)


def test_the_next_time_is_today_or_tomorrow() -> None:
    now = datetime(2026, 3, 2, 9, tzinfo=UTC)  # eleven in Kyiv

    assert next_at(time(12), KYIV, now=now).isoformat() == "2026-03-02T12:00:00+02:00"
    assert next_at(time(11), KYIV, now=now).isoformat() == "2026-03-03T11:00:00+02:00"
