"""What a new version would have done with finished runs: who parts where, and that nobody parts from what they did."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.process import Outcome
from rules.process_book import Book
from rules.process_content import read_process
from rules.process_impact import How, Parting, Recorded, RecordedRun, would_part
from rules.process_inline import compute
from rules.process_nodes import NODE_TYPES
from rules.process_plan import Plan, make_plan
from rules.process_play import Answers, answer
from rules.process_schedule import ready
from rules.process_state import NodeStatus, Turn
from tests.process_samples import Content, content
from tests.rules.graphs import random_graph

APPROVAL: Content = {"type": "approval", "config": {"who": [{"role": "manager"}], "deadline": "7 d"}}


def trip(limit: str = "500", **more: Any) -> Content:
    """Below a limit the manager, else finance."""
    test = {"left": "{{input.amount}}", "op": "lt", "right": limit, "as": "amount"}
    nodes = {
        "small": {"type": "condition", "config": {"test": test}},
        "manager": APPROVAL,
        "finance": APPROVAL,
        "yes": {"type": "end", "config": {"result": "satisfied"}},
        "no": {"type": "end", "config": {"result": "not_satisfied"}},
        **more.pop("nodes", {}),
    }
    edges = more.pop("edges", "")
    usual = (
        ">small, small true>manager, small false>finance, manager true>yes, manager false>no, "
        "finance true>yes, finance false>no"
    )
    return content("trip", nodes, edges or usual, inputs=[{"name": "amount", "kind": "amount"}])


def plan(definition: Content) -> Plan:
    return make_plan(read_process(definition))


def recorded(old: Plan, given: Mapping[str, Any], answers: Answers) -> RecordedRun:
    """A run of a version, carried as its workflow carries it, as Postgres knows it afterwards."""
    book, seq, nodes = Book(old, given, None), 0, dict[Turn, Recorded]()
    while turns := ready(old, book.state):
        for turn in turns:
            book.begin(turn)
            node = old.nodes[old.numbers[turn.node]]
            kind = NODE_TYPES.get(node.type)
            output: Mapping[str, Any] = {}
            variables: Mapping[str, Any] = {}
            if kind is not None and kind.is_inline:
                computed = compute(node, book.context())
                outcome, output, variables = computed.outcome, computed.output, computed.variables
            else:
                found = answer(answers, turn)
                nodes[turn] = Recorded(turn, 0, NodeStatus.CANCELLED, None)
                if found is None:
                    continue
                outcome = found
            seq += 1
            error = "as played" if outcome is Outcome.FAILED else ""
            step = book.report(turn, outcome, output, error, variables=variables)
            if step.accepted:
                ended = NodeStatus.FAILED if outcome is Outcome.FAILED else NodeStatus.COMPLETED
                nodes[turn] = Recorded(turn, seq, ended, outcome, output, error)
    end = book.end()
    return RecordedRun(given, list(nodes.values()), end.result, end.outcome)


YES = {"manager": [Outcome.SATISFIED], "finance": [Outcome.SATISFIED]}


def run_of(amount: str, answers: Answers = YES) -> RecordedRun:
    """A trip for so much by the first version."""
    return recorded(plan(trip()), {"amount": amount}, answers)


@pytest.mark.parametrize("amount", ["12.00", "499.99", "500.00"])
def test_a_run_does_not_part_from_the_version_that_it_followed(amount: str) -> None:
    assert would_part(plan(trip()), run_of(amount)) is None


def test_only_a_run_between_the_two_limits_would_have_been_decided_by_somebody_else() -> None:
    new = plan(trip("1000"))
    assert would_part(new, run_of("12.00")) is None
    assert would_part(new, run_of("1000.00")) is None
    assert would_part(new, run_of("700.00")) == Parting(
        How.OTHER_OUTCOME, "small", "not_satisfied", "satisfied"
    )


def test_a_node_that_nobody_was_asked_in_is_where_it_parts() -> None:
    edges = (
        ">small, small true>manager, small false>finance, manager true>director, manager false>no, "
        "finance true>yes, finance false>no, director true>yes, director false>no"
    )
    new = plan(trip(nodes={"director": APPROVAL}, edges=edges))
    assert would_part(new, run_of("12.00")) == Parting(How.NEW_NODE, "director")
    assert would_part(new, run_of("12.00", {"manager": [Outcome.NOT_SATISFIED]})) is None
    assert would_part(new, run_of("700.00")) is None


def test_a_node_that_is_gone_is_where_it_parts() -> None:
    nodes = {
        "told": {
            "type": "notify",
            "config": {"to": [{"role": "finance"}], "subject": "A trip", "text": "Done."},
        }
    }
    old = plan(
        trip(
            nodes=nodes,
            edges=">small, small true>manager, small false>finance, manager true>told, manager false>no, "
            "told>yes, finance true>yes, finance false>no",
        )
    )
    run = recorded(old, {"amount": "12.00"}, YES)
    assert would_part(plan(trip()), run) == Parting(How.LEFT_OUT, "told", "completed")


def test_the_same_nodes_may_lead_to_another_end() -> None:
    turned = {"yes": {"type": "end", "config": {"result": "completed"}}}
    assert would_part(plan(trip(nodes=turned)), run_of("12.00")) == Parting(
        How.OTHER_END, "", "completed satisfied", "completed completed"
    )


def test_a_condition_that_cannot_be_computed_any_more_is_where_it_parts() -> None:
    test = {"left": "{{input.sum}}", "op": "lt", "right": "500", "as": "amount"}
    new = plan(trip(nodes={"small": {"type": "condition", "config": {"test": test}}}))
    parting = would_part(new, run_of("12.00"))
    assert parting == Parting(How.OTHER_OUTCOME, "small", "satisfied", "failed")


def test_what_an_operator_let_fail_fails_again() -> None:
    old = plan(trip())
    run = recorded(old, {"amount": "12.00"}, {})
    nodes = [
        replace(each, status=NodeStatus.FAILED, outcome=Outcome.FAILED, error="nobody", is_operated=True)
        for each in run.nodes
        if each.turn.node == "manager"
    ]
    kept = [each for each in run.nodes if each.turn.node == "small"]
    failed = RecordedRun(run.given, [*kept, *nodes], "failed", "")
    assert would_part(old, failed) is None


@given(st.integers(0, 2**32))
@settings(max_examples=150)
def test_no_run_parts_from_its_own_version(seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 (the drawn seed makes it)
    graph = random_graph(chance, most=9, loops=chance.random() < 0.4)
    own = make_plan(graph.process)
    run = recorded(own, {}, graph.answers)
    assert would_part(own, run) is None
