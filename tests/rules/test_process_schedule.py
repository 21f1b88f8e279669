"""How a process is scheduled: the published cases, what operators may do, and what holds for every graph."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.process import Outcome
from rules.process_event import NO_ROUND_LEFT
from rules.process_plan import Plan, ProcessCannotRun, make_plan
from rules.process_play import Played, play
from rules.process_schedule import (
    NoIncident,
    begin,
    cancel,
    give_up,
    is_over,
    ready,
    report,
    retry,
    skip,
    start,
)
from rules.process_state import EdgeStatus, NodeStatus, Result, State, StateOfAnotherProcess, Turn
from tests.rules.graphs import GRAPHS, Graph, random_graph
from tests.rules.processes import CASES, SETTINGS, answers, drawn, everything_said, planned


def having(plan: Plan, state: State, status: NodeStatus) -> set[str]:
    return {node.id for node, each in zip(plan.nodes, state.nodes, strict=True) if each is status}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_a_published_case_comes_out(case: dict[str, Any]) -> None:
    plan = planned(**{name: case[name] for name in SETTINGS if name in case})
    played = play(plan, answers(case.get("outcomes", {})))
    state = played.state
    assert " ".join(turn.node for turn in played.order) == case["order"]
    assert having(plan, state, NodeStatus.SKIPPED) == set(case["skipped"].split())
    assert having(plan, state, NodeStatus.CANCELLED) == set(case.get("cancelled", "").split())
    assert having(plan, state, NodeStatus.FAILED) == set(case.get("failed", "").split())
    assert state.result.value == case.get("result", "completed")
    assert [step.result for step in played.steps].count(state.result) == 1 or state.result is Result.OPEN
    if state.result is Result.COMPLETED:
        assert bool(state.ends) is case.get("reaches_end", True)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_a_case_goes_on_from_its_written_state_after_every_event(case: dict[str, Any]) -> None:
    plan = planned(**{name: case[name] for name in SETTINGS if name in case})
    given_answers = answers(case.get("outcomes", {}))
    straight = play(plan, given_answers)
    state, _ = start(plan)
    order: list[Turn] = []
    running: list[Turn] = []
    while True:
        state = State.from_content(plan, json.loads(json.dumps(state.to_content(plan))))
        for turn in ready(plan, state):
            begin(plan, state, turn)
            order.append(turn)
            running.append(turn)
        ended = next(
            (turn for turn in running if (given_answers.get(turn.node) or [Outcome.COMPLETED])[0]), None
        )
        if ended is None:
            break
        running.remove(ended)
        listed = given_answers.get(ended.node) or [Outcome.COMPLETED]
        outcome = listed[min(ended.iteration, len(listed)) - 1]
        assert outcome
        report(plan, state, ended, outcome, "as played" if outcome is Outcome.FAILED else "")
    assert tuple(order) == straight.order
    assert state.to_content(plan) == straight.state.to_content(plan)


def test_a_refused_quorum_is_decided_before_the_last_answer() -> None:
    case = next(each for each in CASES if each["name"] == "V18")
    plan = planned(case["graph"], case["nodes"])
    state, _ = start(plan)
    report(plan, state, Turn("f", 1), Outcome.COMPLETED)
    assert report(plan, state, Turn("a", 1), Outcome.NOT_SATISFIED).skipped == ()
    assert report(plan, state, Turn("b", 1), Outcome.NOT_SATISFIED).skipped == ("j", "e")
    last = report(plan, state, Turn("c", 1), Outcome.SATISFIED)
    assert (last.ready, last.result, dict(last.edges)) == (
        (),
        Result.COMPLETED,
        {"c-true_branch>j": EdgeStatus.LIVE},
    )


def test_a_result_does_not_wait_for_a_detached_branch_but_the_run_does() -> None:
    played = play(planned("a-D>n, a>e"), answers({"n": "-"}))
    assert (played.state.result, played.is_over) == (Result.COMPLETED, False)
    assert play(planned("a-D>n, a>e"), {}).is_over


def failed_branch(on_branch_failure: str = "cancel_all") -> tuple[Plan, State]:
    plan = planned("f-P>a, f-P>b, a>j, b>j", on_branch_failure=on_branch_failure)
    state = play(plan, answers({"a": "X", "b": "-"})).state
    assert having(plan, state, NodeStatus.INCIDENT) == {"a"}
    return plan, state


def test_an_operator_has_an_incident_tried_again() -> None:
    plan, state = failed_branch()
    assert retry(plan, state, Turn("a", 1)).ready == (Turn("a", 1),)
    assert report(plan, state, Turn("a", 1), Outcome.COMPLETED).edges == (("a-sequence>j", EdgeStatus.LIVE),)
    assert report(plan, state, Turn("b", 1), Outcome.COMPLETED).ready == (Turn("j", 1),)


def test_an_operator_skips_an_incident() -> None:
    plan, state = failed_branch()
    report(plan, state, Turn("b", 1), Outcome.COMPLETED)
    assert skip(plan, state, Turn("a", 1)).ready == (Turn("j", 1),)
    assert state.errors == {}


def test_an_operator_gives_up_an_incident_and_the_process_fails() -> None:
    plan, state = failed_branch()
    step = give_up(plan, state, Turn("a", 1))
    assert (step.cancelled, step.result, state.result) == ((Turn("b", 1),), Result.FAILED, Result.FAILED)


def test_a_process_that_lets_running_branches_end_fails_when_they_have() -> None:
    plan, state = failed_branch("finish_running")
    step = give_up(plan, state, Turn("a", 1))
    assert (step.cancelled, state.result) == ((), Result.OPEN)
    assert report(plan, state, Turn("b", 1), Outcome.COMPLETED).result is Result.FAILED
    assert having(plan, state, NodeStatus.CANCELLED) == {"j"}


@pytest.mark.parametrize("act", [retry, skip, give_up])
@pytest.mark.parametrize("turn", [Turn("b", 1), Turn("a", 2), Turn("nowhere", 1)])
def test_an_operator_is_refused_where_there_is_no_incident(act: Any, turn: Turn) -> None:
    plan, state = failed_branch()
    before = state.to_content(plan)
    with pytest.raises(NoIncident):
        act(plan, state, turn)
    assert state.to_content(plan) == before


def test_a_loop_without_a_round_left_says_so() -> None:
    plan = planned("d>m, m-F2>d, m-T>p")
    played = play(plan, answers({"m": "F"}))
    assert played.steps[-1].incident == Turn("m", 2)
    assert played.state.errors == {plan.numbers["m"]: NO_ROUND_LEFT}


def test_what_is_reported_of_an_earlier_round_changes_nothing() -> None:
    plan = planned("d-D>n, d>m, m-F2>d, m-T>e")
    state = play(plan, answers({"m": "F-", "n": "-"})).state
    before = state.to_content(plan)
    assert not report(plan, state, Turn("n", 1), Outcome.COMPLETED).accepted
    assert not report(plan, state, Turn("m", 1), Outcome.SATISFIED).accepted
    assert state.to_content(plan) == before
    assert report(plan, state, Turn("n", 2), Outcome.COMPLETED).accepted


def test_the_next_round_ends_only_the_detached_branch_of_the_last() -> None:
    played = play(planned("d-D>n, d>m, m-F2>d, m-T>e"), answers({"m": "FT", "n": "-"}))
    assert [step.cancelled for step in played.steps if step.cancelled] == [(Turn("n", 1),)]


def test_the_first_of_two_failures_fails_the_process() -> None:
    case = next(each for each in CASES if each["name"] == "a second failure while the rest may end")
    plan = planned(**{name: case[name] for name in SETTINGS if name in case})
    assert play(plan, answers(case["outcomes"])).state.failed_by == plan.numbers["a"]


def test_a_new_round_forgets_what_failed_in_the_last() -> None:
    plan = planned("d>x, x>m, m-F3>d, m-T>e", {"x": {"on_error": "continue"}})
    assert play(plan, answers({"x": "XC", "m": "F-"})).state.errors == {}
    assert play(plan, answers({"x": "CX", "m": "F-"})).state.errors == {plan.numbers["x"]: "as played"}


def test_nothing_is_reported_twice() -> None:
    plan = planned("a>b, b>c")
    state, _ = start(plan)
    assert report(plan, state, Turn("a", 1), Outcome.COMPLETED).accepted
    assert not report(plan, state, Turn("a", 1), Outcome.FAILED, "too late").accepted
    assert having(plan, state, NodeStatus.COMPLETED) == {"a"}


def test_a_cancelled_run_starts_nothing_and_skips_nothing() -> None:
    plan = planned("f-P>a, f-D>b, a>j, b>c")
    state = play(plan, answers({"a": "-", "b": "-"})).state
    step = cancel(plan, state)
    assert (step.result, step.skipped, step.edges) == (Result.CANCELLED, (), ())
    assert step.cancelled == (Turn("a", 1), Turn("b", 1))
    assert is_over(state)
    assert not report(plan, state, Turn("a", 1), Outcome.COMPLETED).accepted


def test_a_state_belongs_to_one_definition() -> None:
    plan, other = planned("a>b"), planned("a>b, b>c")
    state, _ = start(plan)
    with pytest.raises(StateOfAnotherProcess):
        State.from_content(other, state.to_content(plan))


@pytest.mark.parametrize("graph", ["a>b, b>c, c>b", "a>b, b>a", "a>a"])
def test_a_circle_without_a_maximum_is_no_plan(graph: str) -> None:
    with pytest.raises(ProcessCannotRun):
        make_plan(drawn(graph))


def judge_every_graph(graph: Graph, seed: int) -> None:
    """Terminates, resolves each edge once, and ends the same whoever is quicker."""
    plan = make_plan(graph.process)
    first = play(plan, graph.answers)
    resolved = [edge for step in first.steps for edge, _ in step.edges]
    assert len(resolved) == len(set(resolved))
    assert first.state.result is not Result.OPEN
    assert EdgeStatus.PENDING not in first.state.edges
    assert NodeStatus.WAITING not in first.state.nodes
    chance = random.Random(seed)  # noqa: S311 (which of those that ended is told first)
    other: Played = play(plan, graph.answers, chance.randrange)
    assert other.state.nodes == first.state.nodes
    assert other.state.edges == first.state.edges
    assert sorted(turn.node for turn in other.order) == sorted(turn.node for turn in first.order)


@given(GRAPHS, st.integers(0, 2**32))
@settings(max_examples=100)
def test_every_graph_ends_with_each_edge_resolved_once_and_the_same_whoever_is_quicker(
    graph: Graph, seed: int
) -> None:
    judge_every_graph(graph, seed)


@pytest.mark.whole
@pytest.mark.timeout(600)
def test_twenty_thousand_graphs_end_the_same_whoever_is_quicker() -> None:
    chance = random.Random(20261121)  # noqa: S311 (a simulation, and to be run again)
    for number in range(20_000):
        judge_every_graph(random_graph(chance, most=16), number)


def test_nothing_depends_on_how_python_hashes_text() -> None:
    command = "from tests.rules.processes import everything_said; print(everything_said())"
    said = [
        subprocess.run(
            [sys.executable, "-c", command],
            env={**os.environ, "PYTHONHASHSEED": seed},
            cwd=Path(__file__).parents[2],
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for seed in ("1", "2")
    ]
    assert said == [f"{everything_said()}\n"] * 2


@given(st.data())
@settings(max_examples=40)
def test_every_graph_with_loops_ends_and_enters_each_round_of_a_node_once(data: st.DataObject) -> None:
    seed = data.draw(st.integers(0, 2**32))
    chance = random.Random(seed)  # noqa: S311 (the drawn seed makes it)
    graph = random_graph(chance, most=8, loops=True)
    played = play(make_plan(graph.process), graph.answers)
    assert len(set(played.order)) == len(played.order)
    assert played.state.result is not Result.OPEN
    other = play(make_plan(graph.process), graph.answers, chance.randrange)
    assert other.state.nodes == played.state.nodes
    assert other.state.iterations == played.state.iterations
