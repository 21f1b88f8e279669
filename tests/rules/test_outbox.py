"""Messages that failed rest longer each time, but never so long that a recovered part waits for them."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.outbox import LONGEST_REST_SECONDS, Kind, rest_seconds


@pytest.mark.parametrize(
    ("attempts", "seconds"), [(1, 0.5), (2, 1.0), (3, 2.0), (4, 4.0), (5, 8.0), (6, 16.0), (7, 30.0), (8, 30.0)]
)  # fmt: skip
def test_the_rest_doubles_from_half_a_second_to_thirty(attempts: int, seconds: float) -> None:
    assert rest_seconds(attempts) == seconds


@given(st.integers(0, 10**9))
def test_the_rest_never_shrinks_and_stays_within_bounds(attempts: int) -> None:
    assert 0 < rest_seconds(attempts) <= rest_seconds(attempts + 1) <= LONGEST_REST_SECONDS
    assert math.isfinite(rest_seconds(attempts))


def test_kinds_are_words_that_the_store_keeps() -> None:
    # Rows that wait carry these; a renamed one would never be carried over.
    assert {kind.value for kind in Kind} >= {
        "start_approval",
        "signal_decision",
        "signal_withdraw",
        "signal_settled",
        "spread_flags",
    }
    assert all(kind.value == kind.name.lower() for kind in Kind)
