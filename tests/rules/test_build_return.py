"""Ways back: to whom a build may be returned, and what an old or missing gate says of it."""

from __future__ import annotations

from typing import Any

import pytest

from rules.build_return import NoWayBack, can_replay, check_way_back
from rules.gate import Gate, Replayed, ReplayFailure

FAILURE = ReplayFailure("purchase-1", 3, "gone")


@pytest.mark.parametrize("known", [True, None])
def test_a_living_build_that_may_replay_takes_over(known: bool | None) -> None:
    check_way_back("b2", "b1", stable_is_live=True, can_replay=known)


def test_where_only_the_server_knows_the_old_build_it_is_asked_there_whether_it_lives() -> None:
    check_way_back("b2", None, stable_is_live=False, can_replay=None)


@pytest.mark.parametrize(
    ("is_live", "known", "why"), [(False, True, "b1 has no live worker"), (True, False, "cannot replay")]
)
def test_a_build_that_cannot_take_over_is_refused_and_a_freeze_offered(
    is_live: bool, known: bool, why: str
) -> None:
    with pytest.raises(NoWayBack, match=f"(?i){why}.*freeze b2"):
        check_way_back("b2", "b1", stable_is_live=is_live, can_replay=known)


@pytest.mark.parametrize(
    ("back", "known"),
    [
        (Replayed("b1", "histories of b2", 9), True),
        (Replayed("b1", "histories of b2", 9, (FAILURE,)), False),
        (Replayed("b1", "histories of b2", 0, broken="no worktree"), None),
        (None, None),
    ],
)
def test_the_gate_tells_whether_the_old_code_replays(back: Replayed | None, known: bool | None) -> None:
    assert can_replay(Gate("b2", "b1", back=back).as_json()) is known


@pytest.mark.parametrize("gate", [None, {}, {"back": {}}])
def test_what_no_gate_tells_is_not_known(gate: dict[str, Any] | None) -> None:
    assert can_replay(gate) is None
