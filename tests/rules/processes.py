"""Processes in the short notation of the cases: `c-T>a, c-F>b, a>j`. T, F, P, A, D (detached) and `-F3>` for rework."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from rules.process import Edge, EdgeType, Join, Node, OnBranchFailure, OnError, OnTimeout, Outcome, Process
from rules.process_plan import Plan, make_plan

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
