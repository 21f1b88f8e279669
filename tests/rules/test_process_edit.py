"""Changing a process: every operation can be taken back, versions differ by operations, runs move where they may."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.errors import InvalidFields
from rules.process import Edge, EdgeType, Node, Outcome, Process
from rules.process_content import content_hash, edge_content, node_content, to_content
from rules.process_diff import Mark, diff, marks
from rules.process_edit import CannotBeApplied, Kind, Operation, add_node, apply, apply_all, invert
from rules.process_edit_words import describe
from rules.process_language import Language
from rules.process_migration import CannotMigrate, blockers, migrate
from rules.process_plan import make_plan
from rules.process_play import go_on, play
from rules.process_schedule import report
from rules.process_state import NodeStatus, Turn
from tests.rules.drafts import DRAFTS, random_draft
from tests.rules.graphs import random_graph
from tests.rules.processes import answers, drawn, planned, sound


def random_operation(chance: random.Random, process: Process) -> Operation:
    """One that may be applied, most of the time."""
    other = random_draft(chance)
    node = chance.choice(process.nodes or other.nodes)
    edge = chance.choice(process.edges or other.edges or (Edge(None, node.id, EdgeType.START),))
    new_node, new_edge = chance.choice(other.nodes), chance.choice(other.edges or (edge,))
    content, edge_entries = node_content(new_node), edge_content(new_edge)
    field = chance.choice([name for name in ("type", "name", "join", "on_error", "retry") if name in content])
    entry = chance.choice(list(edge_entries))
    return chance.choice(
        (
            add_node(new_node),
            Operation(Kind.REMOVE_NODE, node.id),
            Operation(Kind.SET_NODE, node.id, field, content[field]),
            Operation(Kind.SET_CONFIG, node.id, "who", content.get("config", {}).get("who")),
            Operation(Kind.UNSET_CONFIG, node.id, chance.choice(("who", "test"))),
            Operation(Kind.CONNECT, new_edge.id, value=edge_entries),
            Operation(Kind.DISCONNECT, edge.id),
            Operation(Kind.SET_EDGE, edge.id, entry, edge_entries[entry]),
            Operation(Kind.MOVE, node.id, value=chance.choice((None, [3, 4]))),
            Operation(Kind.SET_PROCESS, "", "name", other.name or None),
            Operation(Kind.SET_PROCESS, "", "inputs", to_content(other).get("inputs")),
        )
    )


@given(st.integers(0, 2**32))
@settings(max_examples=60)
def test_every_operation_can_be_taken_back(seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 (the drawn seed makes it)
    process = random_draft(chance)
    operation = random_operation(chance, process)
    assert Operation.from_content(json.loads(json.dumps(operation.to_content()))) == operation
    try:
        after = apply(process, operation)
    except (CannotBeApplied, InvalidFields):
        return
    back = invert(process, operation)
    assert apply_all(after, back) == process
    assert all(describe(each, language).endswith(".") for each in (operation, *back) for language in Language)


UNMARKED = (Kind.MOVE, Kind.SET_PROCESS, Kind.SET_SCENARIO)


@given(DRAFTS, DRAFTS)
@settings(max_examples=30)
def test_two_versions_differ_by_operations(old: Process, new: Process) -> None:
    operations = diff(old, new, with_layout=True)
    assert apply_all(old, operations) == new
    assert content_hash(apply_all(old, diff(old, new))) == content_hash(new)
    assert diff(new, new, with_layout=True) == ()
    assert set(marks(operations)) == {each.target for each in operations if each.kind not in UNMARKED}


def test_a_moved_node_is_no_change_and_a_changed_limit_is_one() -> None:
    old = sound("c-T>a, c-F>e, a-T>e, a-F>e", {"c": {"type": "condition"}, "a": {"type": "approval"}})
    moved = replace(old, layout={"a": (10, 10)})
    assert diff(old, moved) == ()
    assert content_hash(old) == content_hash(moved)
    test = {"left": "{{input.amount}}", "op": "gt", "right": "900.00"}
    operation = Operation(Kind.SET_CONFIG, "c", "test", test)
    new = apply_all(moved, [operation, Operation(Kind.DISCONNECT, "a-false_branch>e")])
    assert diff(moved, new) == (Operation(Kind.DISCONNECT, "a-false_branch>e"), operation)
    assert marks(diff(moved, new)) == {"a-false_branch>e": Mark.REMOVED, "c": Mark.CHANGED}


def test_true_is_not_one_and_the_order_of_names_is_nothing() -> None:
    old, new, same = (
        drawn("a>e", {"a": {"config": config}})
        for config in ({"x": 1, "y": 2}, {"x": True, "y": 2}, {"y": 2, "x": 1})
    )
    assert diff(old, new) == (Operation(Kind.SET_CONFIG, "a", "x", True),)
    assert diff(old, same) == ()


@pytest.mark.parametrize(
    "operation",
    [
        Operation(Kind.REMOVE_NODE, "gone"),
        Operation(Kind.SET_NODE, "gone", "name", "x"),
        Operation(Kind.SET_NODE, "a", "id", "b"),
        Operation(Kind.SET_CONFIG, "gone", "x", 1),
        Operation(Kind.ADD_NODE, "a", value={"id": "a", "type": "end"}),
        Operation(Kind.ADD_NODE, "b", value={"id": "c", "type": "end"}),
        Operation(Kind.CONNECT, "a-sequence>e", value={"source": "a", "target": "e"}),
        Operation(Kind.DISCONNECT, "a-always>e"),
        Operation(Kind.SET_EDGE, "a-sequence>e", "type", "always"),
        Operation(Kind.MOVE, "gone", value=[1, 2]),
        Operation(Kind.SET_PROCESS, "", "nodes", []),
    ],
    ids=lambda each: each.kind.value,
)
def test_an_operation_on_a_draft_that_has_moved_on_is_refused(operation: Operation) -> None:
    process = drawn("a>e")
    process = replace(process, edges=(*process.edges, Edge("a", "e", EdgeType.ALWAYS)))
    if operation.kind is Kind.DISCONNECT:
        process = drawn("a>e")
    with pytest.raises(CannotBeApplied):
        apply(process, operation)


@pytest.mark.parametrize(
    "content", [None, {}, {"op": "paint"}, {"op": "move", "target": 5}, {"op": "move", "to": [1, 2]}]
)
def test_what_is_no_operation_is_refused(content: Any) -> None:
    with pytest.raises(CannotBeApplied):
        Operation.from_content(content)


def test_an_operation_of_no_shape_is_refused_by_its_field() -> None:
    with pytest.raises(InvalidFields, match="join"):
        apply(drawn("a>e"), Operation(Kind.SET_NODE, "a", "join", "some"))


def test_a_run_moves_to_a_version_that_changes_what_lies_ahead() -> None:
    old = planned("f-P>a, f-P>b, a>j, b>j, j>e")
    state = play(old, answers({"b": "-"})).state
    before = state.to_content(old)
    new = planned(
        "f-P>a, f-P>b, f-P>x, a>j, b>j, j>k, k>e, a-A>y", {"x": {"type": "notify"}, "y": {"type": "notify"}}
    )
    assert blockers(old, state, new) == ()
    moved, step = migrate(old, state, new)
    assert step.ready == (Turn("y", 1), Turn("x", 1))
    assert moved.nodes[new.numbers["b"]] is NodeStatus.RUNNING
    assert state.to_content(old) == before


def test_a_run_goes_on_where_what_it_waited_for_is_gone() -> None:
    old = planned("f-P>a, f-P>c, c>b, a>j, b>j, j>e")
    state = play(old, answers({"c": "-"})).state
    new = planned("f-P>a, f-P>c, a>j, c>e, j>e")
    moved, step = migrate(old, state, new)
    assert step.ready == (Turn("j", 1),)
    assert moved.nodes[new.numbers["c"]] is NodeStatus.RUNNING


@pytest.mark.parametrize(
    ("graph", "nodes", "node"),
    [
        ("f-P>b, b>j, j>e", None, "a"),
        ("f-P>a, f-P>b, a>j, b>j, j>e", {"a": {"name": "Other"}}, "a"),
        ("f-P>a, f-P>b, f-P>n, n>b, a>j, b>j, j>e", None, "b"),
        ("f-P>a, f-P>b, a>b, b>j, j>e", None, "b"),
    ],
)
def test_the_node_that_has_happened_otherwise_is_named(graph: str, nodes: Any, node: str) -> None:
    old = planned("f-P>a, f-P>b, a>j, b>j, j>e")
    state = play(old, answers({"b": "-"})).state
    with pytest.raises(CannotMigrate) as caught:
        migrate(old, state, planned(graph, nodes))
    assert [each.node for each in caught.value.blockers] == [node]


def test_a_loop_that_has_led_back_must_still_be_there() -> None:
    old = planned("d>m, m-F4>d, m-T>p")
    state = play(old, answers({"m": "F-"})).state
    longer, gone = planned("d>m, m-F9>d, m-T>p"), planned("d>m, m-F>q, m-T>p")
    moved, _ = migrate(old, state, longer)
    assert (moved.rounds, moved.iterations[longer.numbers["m"]]) == (state.rounds, 2)
    assert [each.node for each in blockers(old, state, gone)] == ["m"]


def test_a_failure_that_would_be_handled_otherwise_keeps_a_run_where_it_is() -> None:
    old = planned("a>b, b>e", {"a": {"on_error": "continue"}})
    state = play(old, answers({"a": "X", "b": "-"})).state
    assert [
        each.node
        for each in blockers(old, state, planned("a>b, b>e, a-A>h", {"a": {"on_error": "continue"}}))
    ] == ["a"]


def test_a_new_way_back_from_what_has_ended_keeps_a_run_where_it_is() -> None:
    old, new = planned("d>m, m-T>p, m-F>q"), planned("d>m, m-T>p, m-F3>d, m-F>q")
    state = play(old, answers({"m": "F", "q": "-"})).state
    assert [each.node for each in blockers(old, state, new)] == ["m"]


def test_what_ran_in_an_earlier_round_has_happened() -> None:
    old = planned("d>x, x>m, m-F4>d, m-T>p")
    state = play(old, {"m": [Outcome.NOT_SATISFIED], "d": [Outcome.COMPLETED, None]}).state
    assert state.nodes[old.numbers["x"]] is NodeStatus.WAITING
    new = planned("d>x, x>m, m-F4>d, m-T>p", {"x": {"name": "Other"}})
    assert [each.node for each in blockers(old, state, new)] == ["x"]


def test_a_run_that_has_ended_stays_where_it_is() -> None:
    plan = planned("a>e")
    assert [each.node for each in blockers(plan, play(plan, {}).state, plan)] == [""]


def extended(chance: random.Random, process: Process) -> Process:
    """The process with something more behind some of its nodes, and without some of its edges."""
    edges, nodes = list(process.edges), list(process.nodes)
    for number in range(chance.randint(0, 3)):
        source = chance.choice(process.nodes).id
        nodes.append(Node(f"x{number}", "notify"))
        edges.append(
            Edge(source, f"x{number}", chance.choice((EdgeType.SEQUENCE, EdgeType.ALWAYS, EdgeType.TRUE)))
        )
    if edges and chance.random() < 0.5:
        lost = chance.choice(edges)
        rest = [edge for edge in edges if edge.target == lost.target and edge is not lost]
        edges = [edge for edge in edges if edge is not lost] if rest else edges
    return replace(process, nodes=tuple(nodes), edges=tuple(edges))


@given(st.integers(0, 2**32))
@settings(max_examples=60)
def test_a_moved_run_ends_as_one_that_followed_the_new_version_from_the_start(seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 (the drawn seed makes it)
    graph = random_graph(chance, most=9)
    old, new = make_plan(graph.process), make_plan(extended(chance, graph.process))
    if any(node.quorum > len(new.entering[number]) for number, node in enumerate(new.nodes)):
        return
    held: dict[str, Any] = {node.id: [None] for node in old.nodes if chance.random() < 0.4}
    state = play(old, {**graph.answers, **held}).state
    if blockers(old, state, new):
        return
    running = [
        Turn(node.id, 1)
        for node, each in zip(old.nodes, state.nodes, strict=True)
        if each is NodeStatus.RUNNING
    ]
    moved, step = migrate(old, state, new)
    for turn in running:
        played = go_on(new, moved, step, graph.answers)
        step = played.steps[-1]._replace(ready=())
        outcome = graph.answers[turn.node][0]
        assert outcome
        step = report(new, moved, turn, outcome, "as played" if outcome is Outcome.FAILED else "")
    go_on(new, moved, step, graph.answers)
    straight = play(new, graph.answers).state
    assert moved.to_content(new) == straight.to_content(new)
