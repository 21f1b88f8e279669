"""Builds: what may be a name or a share, and until when polls show life."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.build import (
    POLLED_WITHIN,
    BuildHasNoWorkers,
    BuildIsCurrent,
    BuildIsGone,
    BuildIsInUse,
    BuildIsRejected,
    BuildState,
    check_build_id,
    check_may_forget,
    check_may_have_traffic,
    check_percent,
    polled_until,
)
from rules.errors import Invalid

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize("text", ["", "a.b", "a:b", "a b", "ñ", "x" * 64, "a\n", "../a"])
def test_what_temporal_would_refuse_is_no_build_id(text: str) -> None:
    with pytest.raises(Invalid):
        check_build_id(text)


@pytest.mark.parametrize("text", ["a", "7f3a9c1", "2026-11-21_b", "x" * 63])
def test_a_build_id_is_taken_as_it_is(text: str) -> None:
    assert check_build_id(text) == text


@pytest.mark.parametrize(
    "value", ["NaN", "Infinity", "-Infinity", "-0.1", "100.1", "0.05", "ten", "", float("nan")]
)
def test_what_is_no_share_is_refused(value: str | float) -> None:
    with pytest.raises(Invalid):
        check_percent(value)


@given(st.integers(0, 1000))
def test_every_tenth_of_a_percent_is_a_share(tenths: int) -> None:
    assert check_percent(tenths / 10) == Decimal(tenths) / 10


def test_the_queue_that_was_asked_longest_ago_decides_how_long_a_build_lives() -> None:
    earlier, later = NOW - timedelta(seconds=50), NOW
    assert polled_until([later, earlier]) == earlier + POLLED_WITHIN


def test_a_build_that_never_asked_one_of_its_queues_does_not_live() -> None:
    assert polled_until([NOW, None]) is None
    assert polled_until([]) is None


def test_a_drained_build_without_workers_may_be_forgotten() -> None:
    check_may_forget(BuildState.DRAINED, is_live=False)


@pytest.mark.parametrize("state", sorted(set(BuildState) - {BuildState.DRAINED, BuildState.GONE}))
def test_a_build_that_may_still_get_work_is_kept(state: BuildState) -> None:
    with pytest.raises(BuildIsInUse, match=state.value):
        check_may_forget(state, is_live=False)


def test_a_build_whose_worker_lives_is_kept_and_a_forgotten_one_is_gone() -> None:
    with pytest.raises(BuildIsInUse, match="alive"):
        check_may_forget(BuildState.DRAINED, is_live=True)
    with pytest.raises(BuildIsGone):
        check_may_forget(BuildState.GONE, is_live=False)


def test_a_living_build_that_nobody_rejected_may_have_traffic() -> None:
    check_may_have_traffic("b2", rejected_why=None, is_live=True, is_current=False)


def test_a_rejected_build_says_why_whatever_else_holds() -> None:
    with pytest.raises(BuildIsRejected, match="it eats orders"):
        check_may_have_traffic("b2", rejected_why="it eats orders", is_live=False, is_current=True)


def test_a_dead_build_and_the_current_one_get_no_traffic_by_a_rollout() -> None:
    with pytest.raises(BuildHasNoWorkers):
        check_may_have_traffic("b2", rejected_why=None, is_live=False, is_current=False)
    with pytest.raises(BuildIsCurrent):
        check_may_have_traffic("b2", rejected_why=None, is_live=True, is_current=True)
