"""The checks of a process: each problem where it is, and nothing else; and that nobody orders without consent."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.errors import Invalid
from rules.process import Edge, EdgeType, Input, Node, OnTimeout, Outcome, Process
from rules.process_check import ProcessHasErrors, Severity, Surroundings, check_process, require_no_errors
from rules.process_flow import Flow, joins
from rules.process_money import NobodyAgreed, check_agreed, check_skip, unapproved_ways
from rules.process_plan import Plan, make_plan
from rules.process_play import answer, play
from rules.process_problem import CODES
from rules.process_schedule import begin, report, start
from rules.process_state import EdgeStatus, NodeStatus, Turn
from tests.rules.drafts import DRAFTS
from tests.rules.graphs import GRAPHS, Graph, random_graph
from tests.rules.processes import sound

CASES: list[dict[str, Any]] = json.loads(
    (Path(__file__).parent / "cases" / "process_check.json").read_text(encoding="utf-8")
)["cases"]
AROUND = Surroundings(roles=("finance", "manager"), processes=("onboarding",))


def said(process: Process, around: Surroundings = AROUND) -> list[list[str]]:
    return [[each.code, each.node or each.edge, each.field] for each in check_process(process, around)]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_exactly_what_is_wrong_is_said(case: dict[str, Any]) -> None:
    around = replace(AROUND, triggers=tuple(case.get("triggers", ())))
    assert said(sound(case["graph"], case.get("nodes")), around) == case["says"]


def large(count: int) -> Process:
    nodes = [Node(f"n{number}", "notify") for number in range(count)]
    return Process(
        "large", nodes=tuple(nodes), edges=tuple(Edge(None, each.id, EdgeType.START) for each in nodes)
    )


def drawn_badly() -> Iterator[tuple[str, Process]]:
    """What the short notation cannot write."""
    fine = sound("a>e")
    twice = replace(fine, nodes=(*fine.nodes, Node("a", "end")))
    yield "id_doubled a id", twice
    yield "edge_dangling a-sequence>gone ", replace(fine, edges=(*fine.edges, Edge("a", "gone")))
    yield "edge_doubled a-sequence>e ", replace(fine, edges=(*fine.edges, Edge("a", "e", order=3)))
    start_within = Edge("a", "e", EdgeType.START)
    yield "edge_type_not_allowed a-start>e type", replace(fine, edges=(*fine.edges, start_within))
    detached = Edge("a", "e", EdgeType.ALWAYS, detached=True)
    yield "edge_type_not_allowed a-always>e detached", replace(fine, edges=(*fine.edges, detached))
    yield "id_unsafe  inputs", replace(fine, inputs=(Input("Amount"),))
    yield "id_doubled  inputs", replace(fine, inputs=(Input("amount"), Input("amount")))


@pytest.mark.parametrize(
    ("says", "process"), list(drawn_badly()), ids=lambda each: each if isinstance(each, str) else ""
)
def test_what_no_hand_would_draw_is_found_too(says: str, process: Process) -> None:
    assert [" ".join(each) for each in said(process)][:1] == [says]


def test_size_is_told_before_it_hurts() -> None:
    many = [code for code, _, _ in said(large(501)) if code.startswith(("many", "definition"))]
    assert many == ["many_nodes"]
    text = sound(
        "a>e", {"a": {"config": {"to": [{"role": "finance"}], "subject": "x", "text": "y" * 200_001}}}
    )
    assert [code for code, _, _ in said(text)] == ["config_invalid", "definition_too_large"]
    wide = sound(",".join(f"a-P>n{number}" for number in range(201)))
    assert said(wide) == [["many_branches", "a", ""]]


def test_every_code_of_the_catalogue_is_provoked_here() -> None:
    provoked = {says[0] for case in CASES for says in case["says"]}
    provoked |= {text.split(" ")[0] for text, _ in drawn_badly()}
    provoked |= {"many_nodes", "many_branches", "definition_too_large"}
    assert provoked == set(CODES)


def test_every_problem_has_a_sentence_and_says_what_would_be_right() -> None:
    for case in CASES:
        for each in check_process(sound(case["graph"], case.get("nodes")), AROUND):
            assert each.message.endswith(".")
            assert each.to_content()["code"] == each.code
            assert each.hint or each.code in {
                "process_unknown",
                "template_unreadable",
                "config_invalid",
                "approval_policy",
                "approval_times",
                "webhook_address",
                "config_missing",
            }


def test_a_draft_may_still_read_what_may_be_missing() -> None:
    case = next(each for each in CASES if each["name"] == "an input that need not be given")
    process = sound(case["graph"], case["nodes"])
    (draft,) = check_process(process, replace(AROUND, is_draft=True))
    assert draft.severity is Severity.WARNING
    with pytest.raises(ProcessHasErrors, match="need not be given"):
        require_no_errors(process, AROUND)


@given(DRAFTS)
@settings(max_examples=60)
def test_whatever_somebody_draws_is_judged(process: Process) -> None:
    problems = check_process(process, AROUND)
    assert all(each.severity is CODES[each.code] for each in problems)
    places = {"", *(node.id for node in process.nodes), *(edge.id for edge in process.edges)}
    assert {each.node for each in problems} | {each.edge for each in problems} <= places


def test_warnings_do_not_keep_a_process_from_being_deployed() -> None:
    case = next(each for each in CASES if each["name"] == "an answer that makes no difference")
    (warning,) = require_no_errors(sound(case["graph"], case["nodes"]), AROUND)
    assert warning.code == "outcome_ignored"


def bought(graph: Graph, chance: random.Random) -> Process:
    """The graph with some of its nodes as approvals, reviews and orders."""
    types = ("approval", "approval", "automated_review", "place_order", "notify")
    nodes = []
    for node in graph.process.nodes:
        config = {"released": chance.random() < 0.5}
        timeout = chance.choice((OnTimeout.FALSE, OnTimeout.FALSE, OnTimeout.TRUE))
        nodes.append(replace(node, type=chance.choice(types), config=config, on_timeout=timeout))
    return replace(graph.process, nodes=tuple(nodes))


def consents(process: Process, edge: Edge) -> bool:
    source = process.node(edge.source or "")
    if source is None or edge.type is not EdgeType.TRUE:
        return False
    if source.type == "approval":
        return source.on_timeout is not OnTimeout.TRUE
    return source.type == "automated_review" and bool(source.config["released"])


def walked(process: Process) -> set[str]:
    """The orders at the end of a way without consent, found by walking every single way."""
    found: set[str] = set()
    ways = [(edge,) for edge in process.edges if edge.source is None]
    while ways:
        way = ways.pop()
        if any(consents(process, edge) for edge in way):
            continue
        target = process.node(way[-1].target)
        assert target
        if target.type == "place_order":
            found.add(target.id)
        ways += [(*way, edge) for edge in process.edges if edge.source == target.id]  # type: ignore[misc]
    return found


@given(st.integers(0, 2**32))
@settings(max_examples=80)
def test_orders_without_consent_are_those_that_walking_every_way_finds(seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 (the drawn seed makes it)
    process = bought(random_graph(chance, most=8), chance)
    ways = unapproved_ways(Flow(make_plan(process)))
    assert set(ways) == walked(process)
    for node, way in ways.items():
        assert way[-1] == node
        pairs = list(zip((None, *way), way, strict=False))
        assert all(any((edge.source, edge.target) == pair for edge in process.edges) for pair in pairs)


def orders(plan: Plan, graph: Graph) -> Iterator[tuple[str, bool]]:
    """Each order that a run starts, and whether somebody had agreed by then."""
    state, step = start(plan)
    queue = list(step.ready)
    for turn in queue:  # grows while it is walked through
        begin(plan, state, turn)
        if plan.nodes[plan.numbers[turn.node]].type == "place_order":
            try:
                check_agreed(plan, state, turn.node)
                yield turn.node, True
            except NobodyAgreed:
                yield turn.node, False
        outcome = answer(graph.answers, turn)
        assert outcome
        queue.extend(report(plan, state, turn, outcome, "as played").ready)


@given(GRAPHS, st.integers(0, 2**32))
@settings(max_examples=80)
def test_a_process_that_passed_never_orders_without_consent(graph: Graph, seed: int) -> None:
    plan = make_plan(bought(graph, random.Random(seed)))  # noqa: S311 (the drawn seed makes it)
    suspected = unapproved_ways(Flow(plan))
    for node, agreed in orders(plan, graph):
        assert agreed or node in suspected


def test_a_run_is_asked_again_before_it_spends() -> None:
    plan = make_plan(
        sound("c-T>a, c-F>o, a-T>o, a-F>e, o>e", {"c": {"type": "condition"}, "o": {"type": "place_order"}})
    )
    for outcomes, agreed in (({"c": "F"}, False), ({"c": "T"}, True)):
        answers = {
            node: [{"T": Outcome.SATISFIED, "F": Outcome.NOT_SATISFIED}[word]]
            for node, word in outcomes.items()
        }
        graph = Graph(plan.process, {"a": [Outcome.SATISFIED], **answers})
        assert list(orders(plan, graph)) == [("o", agreed)]


def test_nobody_agrees_by_skipping() -> None:
    plan = make_plan(sound("a-T>o, a-F>e, o>e", {"o": {"type": "place_order"}}))
    with pytest.raises(NobodyAgreed):
        check_skip(plan, "a", Outcome.SATISFIED)
    check_skip(plan, "a", Outcome.NOT_SATISFIED)
    check_skip(plan, "o", Outcome.COMPLETED)
    with pytest.raises(Invalid):
        check_skip(plan, "o", Outcome.TIMEOUT)


@given(GRAPHS)
@settings(max_examples=80)
def test_what_is_sure_to_have_run_has_run(graph: Graph) -> None:
    plan = make_plan(graph.process)
    flow = Flow(plan)
    state, step = start(plan)
    queue: list[Turn] = list(step.ready)
    for turn in queue:  # grows while it is walked through
        number = plan.numbers[turn.node]
        for other in range(len(plan.nodes)):
            if flow.ended_before(other, number):
                assert state.nodes[other] in (NodeStatus.COMPLETED, NodeStatus.FAILED, NodeStatus.SKIPPED)
            if flow.ran_before(other, number):
                assert state.nodes[other] in (NodeStatus.COMPLETED, NodeStatus.FAILED)
            if flow.completed_before(other, number):
                assert state.nodes[other] is NodeStatus.COMPLETED
                assert other not in state.errors
        begin(plan, state, turn)
        outcome = answer(graph.answers, turn)
        assert outcome
        queue.extend(report(plan, state, turn, outcome, "as played").ready)


@given(GRAPHS)
@settings(max_examples=40)
def test_what_excludes_each_other_never_runs_in_one_run(graph: Graph) -> None:
    plan = make_plan(graph.process)
    flow = Flow(plan)
    state, step = start(plan)
    queue: list[Turn] = list(step.ready)
    for turn in queue:  # grows while it is walked through
        outcome = answer(graph.answers, turn)
        assert outcome
        queue.extend(report(plan, state, turn, outcome, "as played").ready)
    ran = [number for number, status in enumerate(state.nodes) if status is not NodeStatus.SKIPPED]
    assert not any(flow.excludes(one, other) for one in ran for other in ran if one < other)


@given(GRAPHS)
@settings(max_examples=80)
def test_a_run_comes_by_two_edges_only_where_that_is_known_before(graph: Graph) -> None:
    plan = make_plan(graph.process)
    state = play(plan, graph.answers).state
    waits = joins(plan)
    for number, entering in enumerate(plan.entering):
        arrived = sum(state.edges[edge] is EdgeStatus.LIVE for edge in entering)
        assert arrived < 2 or waits[number]


@pytest.mark.parametrize(
    ("graph", "waiting"),
    [
        ("a-T>e, a-F>e", []),
        ("c-T>a, c-F>o, a-T>o, a-F>e, o>e", []),
        ("c-T>a, c-F>d, d-T>m, d-F>q, a>m, m-T>e, m-F>r, q>e", []),
        ("s-P>a, s-P>b, a>j, b>j, j>e", ["j"]),
        ("a>j, b>j", ["j"]),
        ("a-T>e, a-T>b, b>e, a-F>n", ["e"]),
        ("a-T>b, a-A>e, b>e, a-F>n", ["e"]),
        ("s-P>a, s-P>b, a-T>j, a-F>n, b-T>j, b-F>n", ["j", "n"]),
        ("a>b, b-F3>a, b-T>e", []),
    ],
)
def test_a_node_waits_where_branches_run_side_by_side_and_not_where_one_excludes_the_other(
    graph: str, waiting: list[str]
) -> None:
    plan = make_plan(sound(graph))
    found = zip(plan.nodes, joins(plan), strict=True)
    assert sorted(node.id for node, waits in found if waits) == waiting
