"""Timetables: cron words with the one that is wrong named, times in a zone with its summer time, what is left out."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.errors import Invalid, InvalidFields
from rules.process import Input, Process, ValueKind
from rules.process_timetable import (
    LONGEST_CATCH_UP,
    Overlap,
    Timetable,
    fingerprint,
    input_for,
    judge_timetable,
    left_out,
)
from rules.process_timetable_cron import Cron, moments, next_moments, read_cron, read_zone

REPORT = Process("report", inputs=(Input("day", ValueKind.TEXT, required=False),))
NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
MADRID = read_zone("Europe/Madrid")


def written(**changes: Any) -> dict[str, Any]:
    return {
        "title": "Report", "process": "report", "cron": "0  9 * * MON-FRI", "zone": "Europe/Madrid",
        "overlap": "skip", "catch_up_seconds": 3600, "input": {"day": "{{timetable.date}}"}, **changes,
    }  # fmt: skip


def test_a_sensible_timetable_is_taken_as_it_was_written() -> None:
    assert judge_timetable(written(), REPORT, NOW) == Timetable(
        "Report", "report", "0 9 * * MON-FRI", "Europe/Madrid", input={"day": "{{timetable.date}}"}
    )


@pytest.mark.parametrize(
    ("words", "read"),
    [
        ("0 9 * * *", ((0,), (9,), tuple(range(1, 32)), tuple(range(1, 13)), tuple(range(7)))),
        ("*/20 8-10 1,15 jan,DEC *", ((0, 20, 40), (8, 9, 10), (1, 15), (1, 12), tuple(range(7)))),
        ("5/25 0 * * sun", ((5, 30, 55), (0,), tuple(range(1, 32)), tuple(range(1, 13)), (0,))),
        ("0 0 * * 5-7", ((0,), (0,), tuple(range(1, 32)), tuple(range(1, 13)), (0, 5, 6))),
        ("10-30/10 0 * * 1", ((10, 20, 30), (0,), tuple(range(1, 32)), tuple(range(1, 13)), (1,))),
    ],
)
def test_cron_words_mean_what_they_mean_everywhere(words: str, read: tuple[tuple[int, ...], ...]) -> None:
    assert read_cron(words) == Cron(*read)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("", "five words"),
        ("0 9 * *", "five words"),
        ("0 9 * * * *", "five words"),
        ("@daily", "five words"),
        ("60 9 * * *", "'60' is no minute"),
        ("0 24 * * *", "'24' is no hour"),
        ("0 9 0 * *", "'0' is no day of the month"),
        ("0 9 * 13 *", "'13' is no month"),
        ("0 9 * * 8", "'8' is no day of the week"),
        ("0 9 * foo *", "'foo' is no month"),
        ("0 9 * * mon-", "cannot be read as a day of the week"),
        ("0 17-9 * * *", "names no hour"),
        ("*/0 9 * * *", "names no minute"),
        ("0 9 1 * 1", "* for the other"),
        ("0 9 ٣ * *", "cannot be read as a day of the month"),
        ("0 " + "9," * 200 + "9 * * *", "five words"),
    ],
)
def test_wrong_cron_words_are_refused_by_name(words: str, said: str) -> None:
    with pytest.raises(Invalid, match=said.replace("*", r"\*")) as refused:
        read_cron(words)
    assert refused.value.field == "cron"


@pytest.mark.parametrize("name", ["Madrid", "", "../etc/passwd", "Europe/Nowhere", "/usr/share"])
def test_a_zone_that_is_none_is_refused(name: str) -> None:
    with pytest.raises(Invalid) as refused:
        read_zone(name)
    assert refused.value.field == "zone"


def said(words: str, zone: str, after: str, count: int) -> list[str]:
    times = next_moments(read_cron(words), read_zone(zone), datetime.fromisoformat(after), count)
    return [each.isoformat() for each in times]


def test_nine_in_the_morning_is_nine_in_summer_and_in_winter() -> None:
    assert said("0 9 * * *", "Europe/Madrid", "2026-10-23T12:00+00:00", 3) == [
        "2026-10-24T09:00:00+02:00",
        "2026-10-25T09:00:00+01:00",
        "2026-10-26T09:00:00+01:00",
    ]


def test_an_hour_that_the_clock_skips_is_left_out_and_one_that_comes_twice_counts_once() -> None:
    assert said("30 2 * * *", "Europe/Madrid", "2026-03-27T12:00+00:00", 2) == [
        "2026-03-28T02:30:00+01:00",
        "2026-03-30T02:30:00+02:00",
    ]
    assert said("30 2 * * *", "Europe/Madrid", "2026-10-24T12:00+00:00", 2) == [
        "2026-10-25T02:30:00+01:00",
        "2026-10-26T02:30:00+01:00",
    ]


def test_what_is_due_each_quarter_misses_none_while_the_clock_is_changed() -> None:
    start = datetime(2026, 10, 24, 22, tzinfo=UTC)
    times = next_moments(read_cron("*/15 * * * *"), MADRID, start, 30)
    assert [each - start for each in times] == [timedelta(minutes=15 * n) for n in range(1, 31)]


def test_a_day_that_comes_rarely_is_found_and_one_that_never_comes_is_refused() -> None:
    assert said("0 0 29 2 *", "UTC", "2096-03-01T00:00+00:00", 1) == ["2104-02-29T00:00:00+00:00"]
    with pytest.raises(InvalidFields) as refused:
        judge_timetable(written(cron="0 0 30 2 *"), REPORT, NOW)
    assert list(refused.value.problems) == ["cron"]


@given(
    st.lists(st.integers(0, 59), min_size=1, max_size=4, unique=True),
    st.lists(st.integers(0, 23), min_size=1, max_size=3, unique=True),
    st.integers(0, 4 * 365 * 24 * 60),
    st.sampled_from(["Europe/Madrid", "America/New_York", "Asia/Kolkata", "UTC"]),
)
def test_times_rise_lie_ahead_and_are_what_the_words_say(
    minutes: list[int], hours: list[int], minutes_on: int, name: str
) -> None:
    words = f"{','.join(map(str, minutes))} {','.join(map(str, hours))} * * *"
    after, zone = NOW + timedelta(minutes=minutes_on), read_zone(name)
    times = next_moments(read_cron(words), zone, after, 10)
    assert len(times) == 10
    assert all(before < then for before, then in zip((after, *times), times, strict=False))
    assert {each.minute for each in times} <= set(minutes)
    assert {each.hour for each in times} <= set(hours)


def test_times_can_be_asked_for_without_end_of_patience() -> None:
    assert next(moments(read_cron("* * * * *"), MADRID, NOW)) == NOW + timedelta(minutes=1)


@pytest.mark.parametrize(
    ("change", "fields"),
    [
        ({"title": ""}, ["title"]),
        ({"cron": "soon", "overlap": "often"}, ["cron", "overlap"]),
        ({"zone": "CEST-2"}, ["zone"]),
        ({"catch_up_seconds": 59}, ["catch_up_seconds"]),
        ({"catch_up_seconds": int(LONGEST_CATCH_UP.total_seconds()) + 1}, ["catch_up_seconds"]),
        ({"input": {"day": "{{entity.id}}"}}, ["input.day"]),
        ({"input": {"day": 5}}, ["input.day"]),
    ],
)
def test_what_makes_no_sense_is_refused_by_the_names_of_its_fields(
    change: dict[str, Any], fields: list[str]
) -> None:
    with pytest.raises(InvalidFields) as refused:
        judge_timetable(written(**change), REPORT, NOW)
    assert sorted(refused.value.problems) == fields


def test_a_process_that_is_not_deployed_cannot_be_started() -> None:
    with pytest.raises(InvalidFields) as refused:
        judge_timetable(written(), None, NOW)
    assert list(refused.value.problems) == ["process"]


@pytest.mark.parametrize(
    ("overlap", "is_on", "is_outdated", "open_runs", "starts"),
    [
        (Overlap.SKIP, True, False, 0, True),
        (Overlap.SKIP, True, False, 1, False),
        (Overlap.BESIDE, True, False, 3, True),
        (Overlap.REPLACE, True, False, 1, True),
        (Overlap.BESIDE, False, False, 0, False),
        (Overlap.BESIDE, True, True, 0, False),
    ],
)
def test_a_time_is_left_out_for_a_reason(
    overlap: Overlap, is_on: bool, is_outdated: bool, open_runs: int, starts: bool
) -> None:
    why = left_out(overlap, is_on=is_on, is_outdated=is_outdated, open_runs=open_runs)
    assert bool(why) is not starts


def test_a_run_is_told_the_planned_day_of_its_own_zone() -> None:
    table = judge_timetable(written(zone="Asia/Tokyo"), REPORT, NOW)
    late = datetime(2026, 11, 30, 22, 0, tzinfo=UTC)
    assert input_for(table, late, REPORT) == {"day": "2026-12-01"}


def test_the_fingerprint_changes_with_everything_that_a_scheduler_has_to_know() -> None:
    table = judge_timetable(written(), REPORT, NOW)
    other = judge_timetable(written(cron="5 9 * * *"), REPORT, NOW)
    marks = {fingerprint(table, 1, True), fingerprint(table, 2, True), fingerprint(table, 1, False)}
    assert len({*marks, fingerprint(other, 1, True)}) == 4
    assert fingerprint(table, 1, True) in marks
