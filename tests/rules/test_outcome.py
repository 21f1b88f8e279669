"""Outcomes are kept for a while, and for as long as a rollout may be judged by them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from rules.outcome import KEPT_FOR, kept_since

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize("open_since", [None, NOW, NOW - KEPT_FOR])
def test_outcomes_are_kept_for_their_time(open_since: datetime | None) -> None:
    assert kept_since(NOW, open_since) == NOW - KEPT_FOR


def test_what_an_open_rollout_may_be_judged_by_is_kept_however_old() -> None:
    began = NOW - KEPT_FOR - timedelta(days=30)
    assert kept_since(NOW, began) == began
