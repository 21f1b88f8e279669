"""Whatever happens to a run, in whatever order: its counts agree with its statuses, and what has ended stays ended."""

from __future__ import annotations

import json
import random
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.process import Edge, EdgeType, Join, Node, OnBranchFailure, OnError, OnTimeout, Outcome, Process
from rules.process_plan import Plan, make_plan
from rules.process_schedule import begin, cancel, give_up, is_over, ready, report, retry, skip, start
from rules.process_state import OPEN, EdgeStatus, NodeStatus, Result, State, Step, Turn
from tests.rules.graphs import random_graph

_ENDED = (NodeStatus.COMPLETED, NodeStatus.FAILED, NodeStatus.SKIPPED, NodeStatus.CANCELLED)


def wild(chance: random.Random) -> Process:
    """A loop, or none, with ends that terminate, joins that cancel, nodes that fail all, and detached branches."""
    process = random_graph(chance, most=9, loops=chance.random() < 0.5).process
    nodes = [_wild_node(chance, node) for node in process.nodes]
    edges = list(process.edges)
    for number in range(chance.randint(0, 2)):
        source = chance.choice(process.nodes).id
        nodes += [
            Node(f"x{number}", "wait", on_error=chance.choice(list(OnError))),
            Node(f"y{number}", "end"),
        ]
        edges += [
            Edge(source, f"x{number}", EdgeType.PARALLEL, detached=True),
            Edge(f"x{number}", f"y{number}"),
        ]
    failure = chance.choice(list(OnBranchFailure))
    return replace(process, nodes=tuple(nodes), edges=tuple(edges), on_branch_failure=failure)


def _wild_node(chance: random.Random, node: Node) -> Node:
    node = replace(node, on_error=chance.choice(list(OnError)), on_timeout=chance.choice(list(OnTimeout)))
    if node.join in (Join.ANY, Join.QUORUM):
        return replace(node, cancel_rest=chance.random() < 0.5)
    if chance.random() < 0.1:
        return replace(node, type="end", config={"terminate": True})
    return node


def check(plan: Plan, state: State) -> None:
    """What must hold of every state."""
    open_ones = [number for number, status in enumerate(state.nodes) if status in OPEN]
    assert state.open_detached == sum(plan.detached[number] for number in open_ones)
    assert state.open_main == len(open_ones) - state.open_detached
    assert {number for number in open_ones if state.nodes[number] is NodeStatus.READY} == set(state.queue)
    for number, edges in enumerate(plan.entering):
        statuses = [state.edges[edge] for edge in edges]
        assert state.unresolved[number] == statuses.count(EdgeStatus.PENDING)
        assert state.live[number] == statuses.count(EdgeStatus.LIVE)
        if state.nodes[number] is NodeStatus.SKIPPED:
            assert all(state.edges[edge] is EdgeStatus.DEAD for edge in plan.leaving[number])
    assert (state.result is Result.OPEN) is (state.open_main > 0)
    restored = State.from_content(plan, json.loads(json.dumps(state.to_content(plan))))
    assert [getattr(restored, name) for name in State.__slots__] == [
        getattr(state, name) for name in State.__slots__
    ]


def happen(chance: random.Random, plan: Plan, state: State) -> Step | None:
    """Something that may happen next; None where nothing is left."""
    open_ones = [number for number, status in enumerate(state.nodes) if status in OPEN]
    if not open_ones:
        return None
    if chance.random() < 0.01:
        return cancel(plan, state)
    for turn in ready(plan, state)[: chance.randint(0, 3)]:
        begin(plan, state, turn)
    number = chance.choice(open_ones)
    turn = Turn(plan.nodes[number].id, state.iterations[number])
    if state.nodes[number] is NodeStatus.INCIDENT:
        return chance.choice((retry, skip, give_up))(plan, state, turn)
    return report(plan, state, turn, chance.choice(list(Outcome)), "as it happened")


def live_through(seed: int) -> None:
    """One run of one process, with everything checked after every event."""
    chance = random.Random(seed)  # noqa: S311 (to be run again)
    plan = make_plan(wild(chance))
    state, first = start(plan)
    step: Step | None = first
    seen: list[Turn] = []
    while step is not None:
        check(plan, state)
        seen += step.ready
        for turn in step.cancelled:
            assert not report(plan, state, turn, Outcome.COMPLETED).accepted
        ended = [number for number, status in enumerate(state.nodes) if status in _ENDED]
        before = [(number, state.nodes[number], state.iterations[number]) for number in ended]
        step = happen(chance, plan, state)
        for number, status, iteration in before:
            assert state.iterations[number] > iteration or state.nodes[number] is status
    check(plan, state)
    assert is_over(state)
    assert NodeStatus.WAITING not in state.nodes
    tries = [turn for turn in seen if seen.count(turn) > 1]
    assert all(plan.nodes[plan.numbers[turn.node]].on_error is OnError.INCIDENT for turn in tries)


@given(st.integers(0, 2**32))
@settings(max_examples=60)
def test_whatever_happens_the_counts_agree_with_the_statuses(seed: int) -> None:
    live_through(seed)


@pytest.mark.whole
@pytest.mark.timeout(600)
def test_five_thousand_runs_live_through_whatever_happens() -> None:
    for seed in range(5000):
        live_through(seed)
