"""Trying a process: after every event what stands where, and why what was skipped was."""

from __future__ import annotations

from rules.process import Outcome
from rules.process_plan import make_plan
from rules.process_play import play
from rules.process_state import NodeStatus, Result
from rules.process_trial import MOST_FRAMES, try_out
from tests.rules.processes import drawn


def test_every_event_shows_what_stands_where_after_it() -> None:
    frames = try_out(make_plan(drawn("c-T>a, c-F>b, a>j, b>j")), {"c": (Outcome.SATISFIED,)})
    assert [frame.ended and frame.ended[0].node for frame in frames] == [None, "c", "a", "j"]
    assert [frame.nodes["b"] for frame in frames][:2] == [NodeStatus.WAITING, NodeStatus.SKIPPED]
    assert frames[1].nodes["a"] is NodeStatus.READY
    assert frames[-1].result is Result.COMPLETED
    assert [dead.source for dead in frames[-1].why["b"].dead] == ["c"]
    assert "b" not in frames[0].why


def test_a_node_that_runs_in_a_later_round_is_no_longer_told_as_skipped() -> None:
    plan = make_plan(drawn("d-P>a, d-P>b, a-T>x, a>k, x>k, b>k, k-F3>d, k-T>e"))
    frames = try_out(
        plan,
        {
            "a": (Outcome.NOT_SATISFIED, Outcome.SATISFIED),
            "k": (Outcome.NOT_SATISFIED, Outcome.SATISFIED),
        },
    )
    assert any("x" in frame.why for frame in frames)
    assert frames[-1].nodes["x"] is NodeStatus.COMPLETED
    assert "x" not in frames[-1].why
    assert frames[-1].rounds["x"] == 2


def test_the_try_out_and_the_game_start_the_same_nodes_in_the_same_order() -> None:
    plan = make_plan(drawn("f-P>a, f-P>b, a>j, b>j, j>e"))
    frames = try_out(plan, {})
    assert tuple(turn for frame in frames for turn in frame.step.ready) == play(plan, {}).order


def test_a_run_that_waits_is_not_over_and_a_trial_has_an_end() -> None:
    frames = try_out(make_plan(drawn("a>b")), {"a": (None,)})
    assert len(frames) == 1
    assert not frames[-1].is_over
    assert len(frames) < MOST_FRAMES
