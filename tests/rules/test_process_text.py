"""The written forms of a process: JSON and steps both ways, a list in, Mermaid and sentences out."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings

from rules.errors import InvalidFields
from rules.process import Edge, EdgeType, Node, OnTimeout, Outcome, Process
from rules.process_check import check_process
from rules.process_content import content_hash, read_process, to_content
from rules.process_language import Language
from rules.process_list import from_list
from rules.process_mermaid import to_mermaid
from rules.process_plan import make_plan
from rules.process_play import play
from rules.process_steps import from_steps, to_steps
from rules.process_why import why_not
from rules.process_words import say_why, tell
from tests.rules.drafts import DRAFTS
from tests.rules.processes import INPUTS, answers, drawn, planned, sound


@given(DRAFTS)
@settings(max_examples=60)
def test_a_process_comes_back_from_json_as_it_was(process: Process) -> None:
    written = json.dumps(to_content(process))
    back = read_process(json.loads(written))
    assert back == process
    assert json.dumps(to_content(back)) == written


@given(DRAFTS)
@settings(max_examples=60)
def test_a_process_comes_back_from_its_steps_as_it_was(process: Process) -> None:
    assert from_steps(json.loads(json.dumps(to_steps(process)))) == process


def test_the_same_process_has_the_same_hash_however_it_is_listed() -> None:
    process = sound("c-T>a, c-F>b, a>e, b>e")
    content = to_content(process)
    shuffled = {
        **dict(reversed(content.items())),
        "nodes": content["nodes"][::-1],
        "edges": content["edges"][::-1],
        "layout": {"a": [10, 20]},
    }
    assert content_hash(read_process(shuffled)) == content_hash(process)
    assert read_process(shuffled) == replace(process, layout={"a": (10, 20)})


def test_whatever_happens_otherwise_has_another_hash() -> None:
    process = sound("c-T>a, c-F>b, a>e, b>e")
    changes: list[dict[str, Any]] = [
        {"name": "x"},
        {"config": {}},
        {"on_timeout": OnTimeout.FAIL},
        {"quorum": 1},
    ]
    others = [
        replace(process, name="Other"),
        replace(process, edges=process.edges[1:]),
        replace(process, inputs=INPUTS[1:]),
        *(
            replace(process, nodes=(replace(process.nodes[0], **change), *process.nodes[1:]))
            for change in changes
        ),
    ]
    assert len({content_hash(each) for each in (process, *others)}) == len(others) + 1


@pytest.mark.parametrize(
    ("content", "place"),
    [
        ([], "process"),
        ({}, "key"),
        ({"key": "Upper"}, "key"),
        ({"key": "a", "steps": []}, "steps"),
        ({"key": "a", "nodes": {}}, "nodes"),
        ({"key": "a", "nodes": ["x"]}, "nodes[0]"),
        ({"key": "a", "nodes": [{"id": "x"}]}, "nodes[0].type"),
        ({"key": "a", "nodes": [{"id": "x", "type": "end", "join": "some"}]}, "nodes[0].join"),
        ({"key": "a", "nodes": [{"id": "x", "type": "end", "config": {"a": 0.5}}]}, "nodes[0].config"),
        ({"key": "a", "nodes": [{"id": "x", "type": "end", "quorum": True}]}, "nodes[0].quorum"),
        (
            {"key": "a", "nodes": [{"id": "x", "type": "e", "retry": {"attempts": 0}}]},
            "nodes[0].retry.attempts",
        ),
        ({"key": "a", "nodes": [{"id": "x", "type": "e", "retry": {"tries": 1}}]}, "nodes[0].retry.tries"),
        ({"key": "a", "edges": [{"source": "x"}]}, "edges[0].target"),
        ({"key": "a", "edges": [{"target": "x", "type": "maybe"}]}, "edges[0].type"),
        ({"key": "a", "edges": [{"target": "x", "order": -1}]}, "edges[0].order"),
        ({"key": "a", "inputs": [{"name": "x", "kind": "money"}]}, "inputs[0].kind"),
        ({"key": "a", "layout": {"x": [1]}}, "layout"),
    ],
)
def test_what_is_of_no_shape_is_refused_by_its_path(content: Any, place: str) -> None:
    with pytest.raises(InvalidFields) as caught:
        read_process(content)
    assert list(caught.value.problems) == [place]


def test_a_config_may_not_be_endless() -> None:
    deep: Any = 1
    for _ in range(30):
        deep = [deep]
    with pytest.raises(InvalidFields, match="nested"):
        read_process({"key": "a", "nodes": [{"id": "x", "type": "end", "config": {"a": deep}}]})


STEPS: dict[str, Any] = {
    "key": "travel",
    "start_step": "ask",
    "steps": {
        "ask": {
            "node": {"type": "approval", "config": {"who": [{"role": "manager"}], "deadline": "3 d"}},
            "condition": {"satisfied": "tell", "not_satisfied": "no"},
        },
        "tell": {
            "node": {"type": "notify", "config": {"to": [{"role": "finance"}], "subject": "x"}},
            "go_to": "yes",
        },
        "yes": {"node": "end"},
        "no": {"node": "end"},
    },
}


def with_timeout(target: Any) -> Process:
    content = json.loads(json.dumps(STEPS))
    content["steps"]["ask"]["condition"]["timeout"] = target
    content["steps"]["late"] = {"node": "end"}
    if target != "late":
        del content["steps"]["late"]
    return from_steps(content)


def ended(process: Process, outcome: Outcome) -> str:
    plan = make_plan(process)
    given: dict[str, list[Outcome | None]] = {"ask": [outcome], "ask_answered": [Outcome.NOT_SATISFIED]}
    if outcome is Outcome.NOT_SATISFIED:
        given["ask_answered"] = [Outcome.SATISFIED]  # what the condition says of such an answer
    return play(plan, given).order[-1].node


def test_steps_are_written_as_shortly_as_they_can_be_read() -> None:
    ends = {"yes": {"node": {"type": "end"}}, "no": {"node": {"type": "end"}}}
    assert to_steps(from_steps(STEPS)) == {**STEPS, "steps": {**STEPS["steps"], **ends}}


@pytest.mark.parametrize(
    ("timeout", "ends"),
    [("no", "yes no no"), ("tell", "yes no yes"), ("late", "yes no late"), (["no"], "yes no no")],
)
def test_steps_say_where_each_answer_and_a_timeout_lead(timeout: Any, ends: str) -> None:
    process = with_timeout(timeout)
    assert check_process(process) == ()
    outcomes = (Outcome.SATISFIED, Outcome.NOT_SATISFIED, Outcome.TIMEOUT)
    assert [ended(process, outcome) for outcome in outcomes] == ends.split()


def test_steps_and_a_list_load_into_the_graph_that_is_drawn() -> None:
    graph = drawn("a-T>n, a-F>e, n>e", {"n": {"type": "notify"}})
    steps = {
        "key": "drawn",
        "start_step": "a",
        "steps": {
            "a": {"node": "approval", "condition": {"satisfied": "n", "not_satisfied": "e"}},
            "n": {"node": "notify", "go_to": "e"},
            "e": {"node": "end"},
        },
    }
    listed = {
        "key": "drawn",
        "list": [
            {
                "id": "a",
                "decision": {"type": "approval"},
                "then": [{"id": "n", "activity": {"type": "notify"}}],
            },
            {"id": "e", "activity": {"type": "end"}},
        ],
    }
    assert from_steps(steps) == graph
    from_a_list = from_list(listed)
    assert {(edge.id) for edge in from_a_list.edges} == {edge.id for edge in graph.edges}
    assert from_a_list.nodes == graph.nodes


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"steps": []}, "steps"),
        ({"start_step": 5}, "start_step"),
        ({"steps": {"a": {}}}, "steps.a"),
        ({"steps": {"a": {"node": "end", "next": "b"}}}, "steps.a.next"),
        ({"steps": {"a": {"node": "end", "condition": {"maybe": "b"}}}}, "steps.a.condition"),
        ({"steps": {"a": {"node": "end", "go_to": {"to": "b"}}}}, "steps.a.go_to"),
        ({"steps": {"a": {"node": {"type": "end", "join": "some"}}}}, "steps.a.node.join"),
        ({"steps": {"a": {"node": "end", "go_to": {"step": "b", "order": "x"}}}}, "steps.a.go_to.order"),
        ({"unknown": 1}, "unknown"),
    ],
)
def test_steps_of_no_shape_are_refused_by_their_place(change: dict[str, Any], place: str) -> None:
    with pytest.raises(InvalidFields) as caught:
        from_steps({**STEPS, **change})
    assert list(caught.value.problems) == [place]


TELL = {"type": "notify", "config": {"to": [{"role": "finance"}], "subject": "x"}}
APPROVE = {"type": "approval", "config": {"who": [{"role": "finance"}], "deadline": "7 d"}}
DEAR = {"left": "{{input.amount}}", "op": "gt", "right": "500.00"}
PAID = {"signal": "paid", "deadline": "1 d"}
LIST = {
    "key": "listed",
    "inputs": [{"name": "amount", "kind": "amount"}],
    "list": [
        {"activity": TELL, "id": "first"},
        {"parallel": [[{"activity": APPROVE, "id": "a"}], [{"wait": "3 d", "id": "w"}, {"wait": PAID}]]},
        {"activity": TELL, "id": "dear", "when": DEAR},
        {"decision": DEAR, "id": "c", "then": [{"activity": APPROVE, "id": "b"}], "else": []},
        {"activity": TELL, "id": "last"},
    ],
}


@pytest.mark.parametrize(
    ("given_outcomes", "order"),
    [
        ({"condition_1": "T", "c": "T"}, "first a w wait_for_signal_1 condition_1 dear c b last end_1"),
        ({"condition_1": "F", "c": "F"}, "first a w wait_for_signal_1 condition_1 c last end_1"),
    ],
)
def test_a_list_runs_in_its_order(given_outcomes: dict[str, str], order: str) -> None:
    process = from_list(LIST)
    assert [each.code for each in check_process(process)] == ["outcome_ignored"] * 3
    types = {edge.id: edge.type for edge in process.edges}
    assert [types["first-parallel>a"], types["first-parallel>w"]] == [EdgeType.PARALLEL] * 2
    played = play(make_plan(process), answers(given_outcomes))
    assert " ".join(turn.node for turn in played.order) == order


@pytest.mark.parametrize(
    ("listed", "place"),
    [
        ({}, "list"),
        ([{}], "list[0]"),
        ([{"activity": TELL, "wait": "1 d"}], "list[0]"),
        ([{"activity": "notify"}], "list[0]"),
        ([{"parallel": [[]]}], "list[0]"),
        ([{"activity": TELL, "then": []}], "list[0]"),
        ([{"decision": DEAR, "then": [{"jump": 1}]}], "list[0].then[0]"),
        ([{"activity": {"type": "end"}}, {"activity": TELL}], "list[1]"),
        ([{"activity": {**TELL, "join": "some"}}], "list[0].join"),
        ([{"parallel": [[{"activity": {**TELL, "name": 5}}], []]}], "list[0].parallel[0][0].name"),
    ],
)
def test_a_list_of_no_shape_is_refused_by_its_place(listed: Any, place: str) -> None:
    with pytest.raises(InvalidFields) as caught:
        from_list({"key": "listed", "list": listed})
    assert list(caught.value.problems) == [place]


def test_mermaid_takes_nothing_that_people_typed_as_markup() -> None:
    nodes = (Node("end", "notify", 'end"] --> x; <img> `b` #1'), Node("b", "approval"), Node("c", "end"))
    edges = (
        Edge(None, "end", EdgeType.START),
        Edge("end", "b"),
        Edge("b", "c", EdgeType.TRUE),
        Edge("b", "end", EdgeType.FALSE, max_iterations=3),
        Edge("b", "gone", EdgeType.ALWAYS),
    )
    text = to_mermaid(Process("p", nodes=nodes, edges=edges), Language.ENGLISH)
    assert text.splitlines() == [
        "flowchart TD",
        '  s((" "))',
        '  n1(["Approval"])',
        '  n2(("End"))',
        '  n3["end#34;#93; --#62; x#59; #60;img#62; #96;b#96; #35;1"]',
        "  s --> n3",
        "  n1 -->|yes| n2",
        "  n1 -.->|no, again, up to 3 rounds| n3",
        "  n3 --> n1",
    ]


WORDY = sound(
    "d>c, c-T>a, c-F>o, a-T>o, a-F3>d, a-F>no, o-D>t, o>e",
    {
        "d": {"config": {"to": [{"manager_of": "{{input.requester}}"}], "subject": "x"}},
        "c": {"type": "condition", "name": "Dear"},
        "a": {
            "config": {"who": [{"role": "finance"}, {"role": "manager"}], "policy": "all", "deadline": "7 d"}
        },
        "o": {"type": "place_order", "on_error": "fail"},
        "t": {"type": "wait"},
        "no": {"type": "end", "config": {"result": "not_satisfied", "terminate": True}},
    },
)


ASKED = "3. Ask all of finance and the managers to approve within 7 days. If yes, 4. If no, or without an answer in time,"
ASIDE = "Beside it, and waited for by nobody,"


def test_a_process_is_told_in_english() -> None:
    assert tell(make_plan(WORDY), Language.ENGLISH) == (
        "It begins with 1.",
        "1. Tell the manager of input.requester. Then 2.",
        "2. Dear: If input.amount is over 500.00. If yes, 3. If no, 4.",
        f"{ASKED} back to 1, for at most 3 rounds in all; after the last, 5.",
        f"4. Order input.url. Then 7. {ASIDE} 6. If it fails, so does the process.",
        "5. End as refused, and end all other branches.",
        "6. Wait 3 days.",
        "7. End.",
    )


def test_a_process_is_told_in_spanish() -> None:
    told = tell(make_plan(WORDY), Language.SPANISH)
    assert told[0] == "Empieza por 1."
    assert told[3].startswith(
        "3. Pedir aprobación a todos: finanzas y los responsables en un plazo de 7 días. Si sí, 4."
    )
    assert told[5] == "5. Terminar como rechazado y cerrar las demás ramas."


@pytest.mark.parametrize(
    ("language", "arrived", "strictly"),
    [
        (Language.ENGLISH, "Once every branch under way has arrived.", "Only if every branch arrives."),
        (Language.SPANISH, "Cuando llegan todas las ramas en curso.", "Solo si llegan todas las ramas."),
    ],
)
def test_what_is_waited_for_is_told_where_branches_run_side_by_side(
    language: Language, arrived: str, strictly: str
) -> None:
    def told(graph: str, **nodes: Any) -> str:
        return tell(planned(graph, nodes), language)[-1]

    assert arrived in told("s-P>a, s-P>b, a>j, b>j")
    assert arrived not in told("c-T>a, c-F>j, a>j")
    assert strictly in told("c-T>a, c-F>j, a>j", j={"join": "strict"})


def test_why_a_node_did_not_run_is_told() -> None:
    plan = planned("c-T>a, a>b, b>j, x>j, x-T>j", {"j": {"join": "strict"}, "c": {"name": "Dear"}})
    state = play(plan, answers({"c": "F", "x": "C"})).state
    told = {}
    for node in ("a", "b", "j"):
        why = why_not(plan, state, node)
        assert why
        told[node] = say_why(plan, why, Language.ENGLISH)
    assert told == {
        "a": ("“Dear” ended with: no.",),
        "b": ("“a” did not run either, after “Dear”.",),
        "j": (
            "1 of 3 ways that were needed were open.",
            "“b” did not run either, after “Dear”.",
            "“x” ended with: completed.",
        ),
    }
    assert why_not(plan, state, "c") is None
    failed = planned("a>b, a-A>h")
    why = why_not(failed, play(failed, answers({"a": "X"})).state, "b")
    assert why
    assert say_why(failed, why, Language.SPANISH) == ("«a» falló.",)
