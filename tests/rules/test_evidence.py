"""The arithmetic of evidence against known numbers: when it fires, when it passes, and when a split is broken."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.evidence import (
    FIRES_AT,
    Counts,
    bounds,
    check_split,
    chi_square_tail,
    e_value,
    more_bad_until_it_fires,
    more_good_until_it_passes,
    odds_times,
    upper_bound,
)


def at_five(bad: int, total: int) -> float:
    return e_value([(Counts(bad, total), 0.05)])


def counts() -> st.SearchStrategy[Counts]:
    return st.integers(0, 300).flatmap(lambda n: st.integers(0, n).map(lambda bad: Counts(bad, n)))


def limits() -> st.SearchStrategy[float]:
    return st.floats(0.005, 0.95)


def test_three_bad_of_three_fire_and_two_of_two_do_not() -> None:
    assert at_five(3, 3) >= FIRES_AT > at_five(2, 2)


def test_the_mixture_is_that_of_the_formula() -> None:
    suspected = (0.08, 0.12, 0.2, 0.35, 0.6, 0.95)
    by_hand = sum((g / 0.05) ** 4 * ((1 - g) / 0.95) ** 26 for g in suspected) / 6
    assert at_five(4, 30) == pytest.approx(by_hand)


def test_no_case_is_no_evidence() -> None:
    assert e_value([]) == e_value([(Counts(0, 0), 0.05)]) == 1.0


@given(limits(), st.integers(0, 12))
def test_a_build_that_is_just_as_bad_as_allowed_gathers_no_evidence_on_average(limit: float, n: int) -> None:
    """The mean over all outcomes is 1: what makes looking at any time harmless."""
    mean = math.fsum(
        math.comb(n, bad) * limit**bad * (1 - limit) ** (n - bad) * e_value([(Counts(bad, n), limit)])
        for bad in range(n + 1)
    )
    assert mean == pytest.approx(1.0, rel=1e-6)


@given(counts(), limits())
def test_a_bad_case_is_more_evidence_and_a_good_one_less(seen: Counts, limit: float) -> None:
    worse, better = Counts(seen.bad + 1, seen.total + 1), Counts(seen.bad, seen.total + 1)
    less, now, more = (e_value([(each, limit)]) for each in (better, seen, worse))
    assert less < now < more or now == math.inf


def test_what_breaks_one_department_is_not_drowned_by_the_others() -> None:
    elsewhere = [(Counts(0, 400), 0.05)] * 4
    assert e_value([(Counts(3, 3), 0.05), *elsewhere]) >= FIRES_AT
    assert e_value([(Counts(3, 403), 0.05), *elsewhere]) < 1


def test_more_evidence_than_a_float_holds_is_infinite() -> None:
    assert at_five(100_000, 100_000) == math.inf


@pytest.mark.parametrize("limit", [0.0, 1.0, -0.1, 1.5, math.nan])
def test_a_share_that_nothing_exceeds_is_no_limit(limit: float) -> None:
    with pytest.raises(ValueError, match="exceeded"):
        e_value([(Counts(1, 1), limit)])


@pytest.mark.parametrize(("bad", "total"), [(-1, 3), (4, 3), (0, -1), (math.nan, 3), (1.0, 3), (True, 3)])
def test_what_cannot_have_been_counted_is_refused(bad: int, total: int) -> None:
    with pytest.raises(ValueError, match="counted"):
        Counts(bad, total)


def test_none_bad_of_52_are_below_five_percent_and_of_51_not() -> None:
    assert upper_bound(Counts(0, 52)) <= 0.05 < upper_bound(Counts(0, 51))
    assert more_good_until_it_passes(Counts(0, 0), 0.05, 1) == 52
    assert more_good_until_it_passes(Counts(0, 60), 0.05, 1) == 0


def test_without_a_case_everything_is_possible() -> None:
    assert (bounds(Counts(0, 0)), upper_bound(Counts(0, 0))) == ((0.0, 1.0), 1.0)


@given(counts(), limits())
def test_how_many_more_fire_is_the_smallest_number_that_does(seen: Counts, limit: float) -> None:
    more = more_bad_until_it_fires([(seen, limit)])
    if more is None:
        return
    assert e_value([(Counts(seen.bad + more, seen.total + more), limit)]) >= FIRES_AT
    if more:
        assert e_value([(Counts(seen.bad + more - 1, seen.total + more - 1), limit)]) < FIRES_AT


@given(st.floats(0.001, 0.999), st.floats(0.1, 10))
def test_odds_stay_within_zero_and_one(share: float, factor: float) -> None:
    scaled = odds_times(share, factor)
    assert 0 < scaled < 1
    assert scaled / (1 - scaled) == pytest.approx(factor * share / (1 - share))


#: Percentage points of chi-square from printed tables: (degrees, value at 5 %, value at 0.1 %).
TABLE = [
    (1, 3.841, 10.828),
    (2, 5.991, 13.816),
    (3, 7.815, 16.266),
    (4, 9.488, 18.467),
    (7, 14.067, 24.322),
    (10, 18.307, 29.588),
]


@pytest.mark.parametrize(("degrees", "at_5", "at_01"), TABLE)
def test_the_tail_of_chi_square_is_that_of_the_tables(degrees: int, at_5: float, at_01: float) -> None:
    assert chi_square_tail(at_5, degrees) == pytest.approx(0.05, rel=2e-3)
    assert chi_square_tail(at_01, degrees) == pytest.approx(0.001, rel=2e-3)
    assert chi_square_tail(0, degrees) == 1.0


def test_a_split_that_chance_does_not_make_is_broken() -> None:
    assert not check_split([5040, 4960], [1, 1]).is_broken
    assert check_split([5200, 4800], [1, 1]).is_broken
    assert not check_split([1010, 1990, 7000], [1, 2, 7]).is_broken
    assert check_split([1200, 1800, 7000], [1, 2, 7]).is_broken
    assert check_split([50, 0], [1, 1]).is_broken
    assert check_split([0, 0], [1, 1]).p == 1.0


@pytest.mark.parametrize(
    ("assigned", "weights"), [([1], [1]), ([1, 2], [1]), ([1, 2], [1, 0]), ([-1, 2], [1, 1])]
)
def test_what_is_no_split_is_refused(assigned: list[int], weights: list[int]) -> None:
    with pytest.raises(ValueError, match="a split needs"):
        check_split(assigned, weights)
