"""How sure a figure is: intervals of means, ratios and changes, and whether a target is met."""

from __future__ import annotations

from dataclasses import astuple

import pytest

from rules.kpi import Share
from rules.kpi_estimate import Estimate, Standing, Target, change, of_mean, of_share, saved
from rules.kpi_review import TARGETS, ReviewTally, estimates


def test_a_share_of_enough_cases_carries_the_interval_of_wilson() -> None:
    estimate = of_share(Share(81, 263))
    assert (estimate.n, round(estimate.low or 0, 4), round(estimate.high or 0, 4)) == (263, 0.2553, 0.3662)


def test_too_few_cases_give_n_and_no_figure() -> None:
    assert of_share(Share(29, 29)) == Estimate(29)
    assert of_mean(29, 0.5, 0.1) == Estimate(29)
    assert of_mean(0, None, None) == Estimate(0)


def test_a_mean_of_a_hundred_is_sure_to_a_fifth_of_the_deviation_each_side() -> None:
    estimate = of_mean(100, 10.0, 5.0)
    assert astuple(estimate) == pytest.approx((100, 10.0, 9.02, 10.98), abs=1e-3)


def test_what_is_saved_is_a_part_of_the_slow_time_and_its_bounds_are_the_worst_and_the_best_case() -> None:
    estimate = saved(Estimate(40, 10.0, 8.0, 20.0), Estimate(50, 100.0, 80.0, 200.0))
    assert astuple(estimate) == pytest.approx((40, 0.9, 0.75, 0.96))


@pytest.mark.parametrize(
    ("quick", "slow"),
    [
        (Estimate(5), Estimate(50, 100.0, 80.0, 200.0)),
        (Estimate(50, 1.0, 1.0, 1.0), Estimate(5)),
        (Estimate(50, 1.0, 1.0, 1.0), Estimate(60, 0.0, 0.0, 0.0)),
    ],
)
def test_nothing_is_said_to_be_saved_where_one_time_is_not_known(quick: Estimate, slow: Estimate) -> None:
    assert saved(quick, slow) == Estimate(min(quick.n, slow.n))


@pytest.mark.parametrize(
    ("figure", "standing"),
    [
        (Estimate(100, 0.65, 0.61, 0.69), Standing.MET),
        (Estimate(100, 0.65, 0.55, 0.75), Standing.PERHAPS),
        (Estimate(100, 0.58, 0.50, 0.66), Standing.NEARLY),
        (Estimate(100, 0.50, 0.40, 0.59), Standing.MISSED),
        (Estimate(100, 0.80, 0.71, 0.90), Standing.MISSED),
        (Estimate(20), Standing.UNKNOWN),
    ],
)
def test_a_target_is_met_or_missed_only_where_the_whole_interval_says_so(
    figure: Estimate, standing: Standing
) -> None:
    assert Target(0.60, 0.70).standing(figure) is standing


# Newcombe, "Interval estimation for the difference between independent proportions", Statistics in Medicine 17 (1998),
# table II, method 10, row 56/70 against 48/80.
def test_a_change_of_a_share_has_the_published_interval() -> None:
    moved = change(of_share(Share(48, 80)), of_share(Share(56, 70)))
    assert moved is not None
    assert (round(moved.by, 4), round(moved.low, 4), round(moved.high, 4)) == (0.2, 0.0524, 0.3339)
    assert moved.is_certain


def test_a_change_that_chance_may_have_made_is_not_certain_and_one_of_nothing_is_none() -> None:
    moved = change(of_share(Share(20, 40)), of_share(Share(22, 40)))
    assert moved is not None
    assert not moved.is_certain
    assert change(Estimate(3), of_share(Share(22, 40))) is None
    assert change(of_share(Share(22, 40)), Estimate(3)) is None


def test_precision_rests_on_what_was_drawn_and_is_known_and_false_positives_on_all_that_is_known() -> None:
    tally = ReviewTally(
        given=400, drawn=50, right=38, wrong=2, judged_wrong=2, reversed_since=3, auto=390, reviewed=650
    )
    assert tally.precision == Share(38, 40)
    assert (tally.waiting, tally.false_positives) == (10, 5)
    assert tally.auto_approval_rate == Share(390, 650)


def test_every_target_is_of_a_figure_that_has_an_interval() -> None:
    assert set(TARGETS) <= set(estimates(ReviewTally()))
    assert all(each.is_small for each in estimates(ReviewTally()).values())
