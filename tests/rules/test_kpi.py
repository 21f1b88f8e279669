"""Shares, intervals, windows, weeks, and whose figures a person sees."""

from __future__ import annotations

from datetime import UTC, date, datetime
from itertools import pairwise
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.errors import InvalidFields, NotAllowed, NotFound
from rules.kpi import (
    SMALLEST_N,
    Durations,
    Grain,
    Scope,
    Share,
    Tally,
    judge_department,
    judge_window,
    wilson,
)
from rules.person import OPENED_TO, Act, Person, Role

TODAY = date(2026, 11, 21)  # a Saturday
DEPARTMENTS = ("it", "marketing")


# Newcombe, "Two-sided confidence intervals for the single proportion", Statistics in Medicine 17 (1998), table I, method 3.
@pytest.mark.parametrize(
    ("part", "whole", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_the_wilson_interval_is_the_published_one(part: int, whole: int, low: float, high: float) -> None:
    interval = wilson(part, whole)
    assert (round(interval.low, 4), round(interval.high, 4)) == (low, high)


@given(st.integers(1, 5000).flatmap(lambda whole: st.tuples(st.integers(0, whole), st.just(whole))))
def test_an_interval_lies_within_0_and_1_and_holds_its_share_and_mirrors(case: tuple[int, int]) -> None:
    part, whole = case
    interval, mirrored = wilson(part, whole), wilson(whole - part, whole)
    assert 0 <= interval.low <= part / whole + 1e-12
    assert part / whole - 1e-12 <= interval.high <= 1
    assert interval.low == pytest.approx(1 - mirrored.high)


@pytest.mark.parametrize(("part", "whole"), [(0, 0), (3, 2), (-1, 5)])
def test_a_share_that_is_none_has_no_interval(part: int, whole: int) -> None:
    with pytest.raises(ValueError, match="no share"):
        wilson(part, whole)


def test_a_share_of_fewer_than_thirty_is_only_a_count() -> None:
    assert Share(29, SMALLEST_N - 1).value is None
    assert Share(29, SMALLEST_N - 1).interval is None
    assert Share(15, SMALLEST_N).value == 0.5
    assert Share(15, SMALLEST_N).interval == wilson(15, SMALLEST_N)


def test_quantiles_are_given_only_where_n_allows() -> None:
    assert Durations.of(29, 1.0, 2.0, 3.0) == Durations(29)
    assert Durations.of(99, 1.0, 2.0, 3.0) == Durations(99, 1.0, 2.0, None)
    assert Durations.of(100, 1.0, 2.0, 3.0) == Durations(100, 1.0, 2.0, 3.0)


def test_each_share_of_a_tally_has_its_own_denominator() -> None:
    tally = Tally(
        decided=100,
        reviewed=90,
        auto=45,
        approved=40,
        rejected=10,
        expired=5,
        withdrawn=7,
        completed=80,
        order_refused=4,
    )
    assert tally.auto_approval_rate == Share(45, 90)
    assert tally.automation_coverage == Share(90, 100)
    assert tally.rejected_rate == Share(10, 50)
    assert tally.expired_rate == Share(5, 55)
    assert tally.withdrawn_rate == Share(7, 107)
    assert tally.order_refused_rate == Share(4, 84)


def _scope(first: date, last: date) -> Scope:
    return Scope(first, last, None, include_demo=True)


def test_a_window_holds_its_first_and_its_last_day() -> None:
    scope = _scope(date(2026, 11, 20), date(2026, 11, 21))
    assert scope.start == datetime(2026, 11, 20, tzinfo=UTC)
    assert scope.end == datetime(2026, 11, 22, tzinfo=UTC)


def test_weeks_are_iso_weeks_also_around_new_year() -> None:
    weeks = _scope(date(2026, 12, 28), date(2027, 1, 10)).periods(Grain.WEEK)
    assert [(week.name, week.first, week.is_whole) for week in weeks] == [
        ("2026-W53", date(2026, 12, 28), True),
        ("2027-W01", date(2027, 1, 4), True),
    ]


def test_a_period_that_the_window_cuts_is_not_whole() -> None:
    scope = _scope(date(2026, 10, 28), date(2026, 11, 21))
    assert [week.is_whole for week in scope.periods(Grain.WEEK)] == [False, True, True, False]
    assert [(month.name, month.last.day, month.is_whole) for month in scope.periods(Grain.MONTH)] == [
        ("2026-10", 31, False),
        ("2026-11", 30, False),
    ]


@given(st.dates(date(2000, 1, 1), date(2098, 1, 1)), st.integers(0, 800), st.sampled_from(Grain))
def test_periods_cover_the_window_without_gap_or_overlap(first: date, length: int, grain: Grain) -> None:
    last = date.fromordinal(first.toordinal() + length)
    periods = _scope(first, last).periods(grain)
    assert periods[0].first <= first
    assert periods[-1].first <= last <= periods[-1].last
    for earlier, later in pairwise(periods):
        assert later.first.toordinal() == earlier.last.toordinal() + 1


def test_without_a_choice_the_window_is_twelve_iso_weeks_up_to_today() -> None:
    assert judge_window("", "", TODAY) == (date(2026, 8, 31), TODAY)
    assert judge_window("2026-11-01", "2026-11-30", TODAY) == (date(2026, 11, 1), date(2026, 11, 30))
    assert judge_window("", "2026-01-10", TODAY) == (date(2025, 10, 20), date(2026, 1, 10))


@pytest.mark.parametrize(
    ("first", "last", "field"),
    [
        ("yesterday", "", "first"),
        ("", "21.11.2026", "last"),
        ("2026-11-22", "2026-11-21", "first"),
        ("2020-01-01", "2026-11-21", "first"),
        ("0001-01-01", "0001-01-02", "first"),
        ("", "9999-12-31", "last"),
    ],
)
def test_a_window_that_makes_no_sense_is_refused_at_its_field(first: str, last: str, field: str) -> None:
    with pytest.raises(InvalidFields) as refused:
        judge_window(first, last, TODAY)
    assert field in refused.value.problems


def _person(*roles: Role) -> Person:
    return Person(UUID(int=1), "Ana", "marketing", frozenset(roles))


@pytest.mark.parametrize("role", [Role.FINANCE, Role.PLATFORM, Role.AUDITOR])
def test_finance_platform_and_auditors_see_the_company_and_each_department(role: Role) -> None:
    assert judge_department(_person(role), "", DEPARTMENTS) is None
    assert judge_department(_person(role), "it", DEPARTMENTS) == "it"


def test_a_manager_sees_the_own_department_only() -> None:
    manager = _person(Role.EMPLOYEE, Role.MANAGER)
    assert judge_department(manager, "", DEPARTMENTS) == "marketing"
    assert judge_department(manager, "marketing", DEPARTMENTS) == "marketing"
    with pytest.raises(NotAllowed):
        judge_department(manager, "it", DEPARTMENTS)


def test_a_manager_in_finance_sees_the_company() -> None:
    assert judge_department(_person(Role.MANAGER, Role.FINANCE), "", DEPARTMENTS) is None


def test_whoever_may_read_figures_has_a_scope_and_nobody_else() -> None:
    for role in Role:
        if role in OPENED_TO[Act.READ_KPI]:
            judge_department(_person(role), "", DEPARTMENTS)
        else:
            with pytest.raises(NotAllowed):
                judge_department(_person(role), "", DEPARTMENTS)


def test_a_department_that_does_not_exist_has_no_figures() -> None:
    with pytest.raises(NotFound):
        judge_department(_person(Role.FINANCE), "sales", DEPARTMENTS)


def test_the_window_before_is_as_long_and_ends_the_day_before() -> None:
    before = _scope(date(2026, 11, 2), date(2026, 11, 15)).before
    assert (before.first, before.last) == (date(2026, 10, 19), date(2026, 11, 1))
    assert before.end == _scope(date(2026, 11, 2), date(2026, 11, 15)).start
