"""Time windows: their ends, office hours elsewhere, nights, and the two days on which clocks are put on and back."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.errors import Invalid
from rules.routing_window import Window, read_moment, read_window

MADRID, NEW_YORK, KATHMANDU = "Europe/Madrid", "America/New_York", "Asia/Kathmandu"


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("window", "utc", "is_open"),
    [
        (Window(), "2026-06-01 00:00", True),
        (Window(starts_at=at("2026-06-01 12:00")), "2026-06-01 11:59:59.999999", False),
        (Window(starts_at=at("2026-06-01 12:00")), "2026-06-01 12:00", True),
        (Window(ends_at=at("2026-06-01 12:00")), "2026-06-01 11:59:59.999999", True),
        (Window(ends_at=at("2026-06-01 12:00")), "2026-06-01 12:00", False),
        # 09:00 to 17:00 in Madrid is 07:00 to 15:00 UTC in summer and 08:00 to 16:00 in winter.
        (Window(zone=MADRID, from_hour=time(9), to_hour=time(17)), "2026-07-01 07:00", True),
        (Window(zone=MADRID, from_hour=time(9), to_hour=time(17)), "2026-07-01 15:00", False),
        (Window(zone=MADRID, from_hour=time(9), to_hour=time(17)), "2026-12-01 07:00", False),
        (Window(zone=MADRID, from_hour=time(9), to_hour=time(17)), "2026-12-01 15:59", True),
        # A quarter-hour zone: 09:00 there is 03:15 UTC.
        (Window(zone=KATHMANDU, from_hour=time(9), to_hour=time(10)), "2026-12-01 03:14", False),
        (Window(zone=KATHMANDU, from_hour=time(9), to_hour=time(10)), "2026-12-01 03:15", True),
        # Sunday 20:00 in New York is Monday in UTC.
        (Window(zone=NEW_YORK, weekdays=(6,)), "2026-06-01 00:00", True),
        (Window(zone=NEW_YORK, weekdays=(0,)), "2026-06-01 00:00", False),
        # The night of Friday goes on until Saturday 06:00; that of Thursday does not count.
        (Window(weekdays=(4,), from_hour=time(22), to_hour=time(6)), "2026-06-05 23:00", True),
        (Window(weekdays=(4,), from_hour=time(22), to_hour=time(6)), "2026-06-06 05:59", True),
        (Window(weekdays=(4,), from_hour=time(22), to_hour=time(6)), "2026-06-06 06:00", False),
        (Window(weekdays=(4,), from_hour=time(22), to_hour=time(6)), "2026-06-05 05:00", False),
        (Window(weekdays=(4,), from_hour=time(22), to_hour=time(6)), "2026-06-06 23:00", False),
        (Window(weekdays=(6,), from_hour=time(22), to_hour=time(6)), "2026-06-01 03:00", True),
    ],
)  # fmt: skip
def test_a_window_is_open_by_the_clock_of_its_zone(window: Window, utc: str, is_open: bool) -> None:
    assert window.is_open(at(utc)) is is_open


def _minutes_open(window: Window, day: str) -> int:
    begin = at(day) - timedelta(hours=12)
    return sum(window.is_open(begin + timedelta(minutes=minute)) for minute in range(48 * 60))


def test_an_hour_that_the_clock_leaves_out_never_opens() -> None:
    two_to_three = Window(
        at("2026-03-28 12:00"), at("2026-03-29 12:00"), MADRID, from_hour=time(2), to_hour=time(3)
    )
    assert _minutes_open(two_to_three, "2026-03-29") == 0
    one_to_four = Window(
        at("2026-03-28 12:00"), at("2026-03-29 12:00"), MADRID, from_hour=time(1), to_hour=time(4)
    )
    assert _minutes_open(one_to_four, "2026-03-29") == 120


def test_an_hour_that_the_clock_shows_twice_opens_twice() -> None:
    two_to_three = Window(
        at("2026-10-24 12:00"), at("2026-10-25 12:00"), MADRID, from_hour=time(2), to_hour=time(3)
    )
    assert _minutes_open(two_to_three, "2026-10-25") == 120
    assert two_to_three.is_open(at("2026-10-25 00:30"))
    assert two_to_three.is_open(at("2026-10-25 01:30"))


def test_a_moment_means_the_same_whatever_zone_it_is_told_in() -> None:
    window = Window(zone=MADRID, from_hour=time(9), to_hour=time(17))
    there = datetime.fromisoformat("2026-07-01T16:15:00+09:00")  # 09:15 in Madrid
    assert window.is_open(there)
    assert window.is_open(there.astimezone(UTC))


@given(
    st.integers(0, 3_155_760_000).map(lambda seconds: at("2000-01-01") + timedelta(seconds=seconds)),
    st.timezone_keys(),
)
def test_day_and_night_together_are_always(now: datetime, zone: str) -> None:
    day = Window(zone=zone, from_hour=time(6), to_hour=time(22))
    night = Window(zone=zone, from_hour=time(22), to_hour=time(6))
    assert day.is_open(now) is not night.is_open(now)


@pytest.mark.parametrize(
    ("typed", "zone", "utc"),
    [
        ("2026-07-01T09:00", MADRID, "2026-07-01 07:00"),
        ("2026-12-01T09:00", MADRID, "2026-12-01 08:00"),
        ("2026-10-25T02:30", MADRID, "2026-10-25 00:30"),  # shown twice: the first
        ("2026-07-01T09:00+00:00", MADRID, "2026-07-01 09:00"),
        ("2026-07-01", "UTC", "2026-07-01 00:00"),
    ],
)
def test_a_typed_time_is_a_moment_of_its_zone(typed: str, zone: str, utc: str) -> None:
    assert read_moment(typed, zone, "starts_at") == at(utc)


@pytest.mark.parametrize(
    "typed", ["2026-03-29T02:30", "0001-01-01T00:00", "9999-12-31T23:59", "soon", "2026-13-01"]
)
def test_a_time_that_no_clock_shows_is_refused(typed: str) -> None:
    with pytest.raises(Invalid):
        read_moment(typed, MADRID, "starts_at")


@pytest.mark.parametrize(
    "zone", ["", "Europe", "Europe/Nowhere", "/etc/localtime", "..", "a\x00b", "x" * 300, "ñ"]
)
def test_a_zone_that_nobody_knows_is_refused(zone: str) -> None:
    with pytest.raises(Invalid) as refusal:
        read_window("", "", zone, (), "", "")
    assert refusal.value.field == "zone"


def test_a_window_says_itself_in_its_own_zone() -> None:
    window = Window(at("2026-07-01 07:00"), None, MADRID, (0, 2), time(9), time(17, 30))
    assert window.say() == "from 2026-07-01 09:00, Monday, Wednesday, 09:00 to 17:30 (Europe/Madrid)"
    assert Window(weekdays=(0, 1, 2, 3, 4)).say() == "Monday to Friday (UTC)"
    assert (Window().say(), Window().limits, window.limits) == ("always", False, True)
