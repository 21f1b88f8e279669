"""Processes in the short notation of the cases: `c-T>a, c-F>b, a>j`. T, F, P, A, D (detached) and `-F3>` for rework."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from rules.process import (
    Edge,
    EdgeType,
    Input,
    Join,
    Node,
    OnBranchFailure,
    OnError,
    OnTimeout,
    Outcome,
    Process,
    ValueKind,
)
from rules.process_check import check_process
from rules.process_language import Language
from rules.process_plan import Plan, make_plan
from rules.process_play import play
from rules.process_steps import to_steps
from rules.process_words import tell

OUTCOMES = {
    "T": Outcome.SATISFIED,
    "F": Outcome.NOT_SATISFIED,
    "C": Outcome.COMPLETED,
    "X": Outcome.FAILED,
    "O": Outcome.TIMEOUT,
    "-": None,
}
_TYPES = {"": EdgeType.SEQUENCE, "T": EdgeType.TRUE, "F": EdgeType.FALSE, "P": EdgeType.PARALLEL}
_TYPES |= {"A": EdgeType.ALWAYS, "D": EdgeType.PARALLEL}
_PART = re.compile(r"(?P<source>\w+)(?:-(?P<kind>[TFPAD])(?P<most>\d*))?>(?P<target>\w+)")
_ENUMS: dict[str, Any] = {"join": Join, "on_error": OnError, "on_timeout": OnTimeout}

#: The entries of a case that `drawn` takes.
SETTINGS = ("graph", "nodes", "on_branch_failure")
CASES: list[dict[str, Any]] = json.loads(
    (Path(__file__).parent / "cases" / "process.json").read_text(encoding="utf-8")
)["cases"]


def drawn(graph: str, nodes: Mapping[str, Mapping[str, Any]] | None = None, **more: Any) -> Process:
    """The process of a graph; whatever nothing leads to is entered from the start. `nodes` changes some of them."""
    edges = list(_edges(graph))
    ids = dict.fromkeys(each for edge in edges for each in (edge.source, edge.target) if each)
    forward = {edge.target for edge in edges if not edge.is_rework}
    starts = [Edge(None, each, EdgeType.START) for each in ids if each not in forward]
    made = {each: Node(each, _type(each, edges)) for each in ids}
    for node_id, change in (nodes or {}).items():
        read = {name: _ENUMS[name](value) if name in _ENUMS else value for name, value in change.items()}
        made[node_id] = replace(made.get(node_id, Node(node_id, "notify")), **read)
    if "on_branch_failure" in more:
        more["on_branch_failure"] = OnBranchFailure(more["on_branch_failure"])
    return Process("drawn", nodes=tuple(made.values()), edges=(*starts, *edges), **more)


def planned(graph: str, nodes: Mapping[str, Mapping[str, Any]] | None = None, **more: Any) -> Plan:
    """The plan of `drawn`."""
    return make_plan(drawn(graph, nodes, **more))


def answers(given: Mapping[str, str]) -> dict[str, Sequence[Outcome | None]]:
    """`{"c": "FT"}`: c is not satisfied in its first round and satisfied in all others."""
    return {node_id: [OUTCOMES[letter] for letter in word] for node_id, word in given.items()}


def _edges(graph: str) -> Iterator[Edge]:
    orders: dict[str, int] = {}
    for part in filter(None, re.split(r"[,\s]+", graph)):
        found = _PART.fullmatch(part)
        assert found, part
        source, kind = found["source"], found["kind"] or ""
        orders[source] = orders.get(source, -1) + 1
        yield Edge(
            source, found["target"], _TYPES[kind], orders[source], kind == "D", int(found["most"] or 0)
        )


def _type(node_id: str, edges: Sequence[Edge]) -> str:
    kinds = {edge.type for edge in edges if edge.source == node_id}
    return "approval" if kinds & {EdgeType.TRUE, EdgeType.FALSE} else "notify" if kinds else "end"


#: A config for each type with nothing wrong in it.
USUAL_CONFIGS: dict[str, dict[str, Any]] = {
    "approval": {"who": [{"role": "finance"}], "deadline": "7 d"},
    "automated_review": {},
    "call_external": {"url": "https://stock.example.com/check", "deadline": "2 d"},
    "condition": {"test": {"left": "{{input.amount}}", "op": "gt", "right": "500.00"}},
    "end": {},
    "notify": {"to": [{"role": "finance"}], "subject": "To know"},
    "place_order": {"product": "{{input.url}}", "unit_price": "{{input.amount}}", "currency": "EUR"},
    "send_message": {"topic": "stock"},
    "set": {"values": {"seen": 1}},
    "sub_process": {"process": "onboarding"},
    "validate_product": {"url": "{{input.url}}"},
    "wait": {"duration": "3 d"},
    "wait_for_signal": {"signal": "paid", "deadline": "3 d"},
    "webhook": {"url": "https://example.com/hook", "secret_name": "stock"},
}
INPUTS = (
    Input("amount", ValueKind.AMOUNT),
    Input("count", ValueKind.NUMBER),
    Input("note", ValueKind.TEXT, required=False),
    Input("url", ValueKind.TEXT),
)


def sound(graph: str, nodes: Mapping[str, Mapping[str, Any]] | None = None, **more: Any) -> Process:
    """The process of a graph, each node with the usual config of its type unless `nodes` gives one."""
    process = drawn(graph, nodes, inputs=more.pop("inputs", INPUTS), **more)
    configured = (
        node
        if "config" in (nodes or {}).get(node.id, {})
        else replace(node, config=USUAL_CONFIGS.get(node.type, {}))
        for node in process.nodes
    )
    return replace(process, nodes=tuple(configured))


def everything_said() -> str:
    """All that follows from the cases, in its order: a workflow is replayed in another process, with other hashes."""
    said: list[object] = []
    for case in CASES:
        plan = planned(**{name: case[name] for name in SETTINGS if name in case})
        played = play(plan, answers(case.get("outcomes", {})))
        said += [played.order, played.steps, played.state.to_content(plan), tell(plan, Language.SPANISH)]
        said += [to_steps(plan.process), [each.to_content() for each in check_process(plan.process)]]
    return hashlib.sha256(json.dumps(said).encode()).hexdigest()
