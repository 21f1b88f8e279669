"""The shape of a process: ids, edges and their types, joins, and whether everything is reached and reaches an end."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from rules.process import LONGEST_ID, RESERVED_IDS, Edge, EdgeType, Join, Process
from rules.process_flow import Flow
from rules.process_nodes import NODE_TYPES
from rules.process_problem import Problem, problem

_SAFE_ID: Final = re.compile(r"[a-z][a-z0-9_]*", re.ASCII)
_BRANCHES: Final = (EdgeType.TRUE, EdgeType.FALSE)


def shape_problems(process: Process) -> Iterator[Problem]:
    """What can be said of nodes and edges one by one."""
    if not any(edge.source is None for edge in process.edges):
        yield problem("start_missing", "Nothing is led to from the start.", "Draw an edge from the start.")
    yield from _id_problems(process)
    types = {node.id: node.type for node in process.nodes}
    seen: set[str] = set()
    for edge in process.edges:
        if edge.id in seen:
            yield problem(
                "edge_doubled", "The same edge is drawn twice.", "Remove one of them.", edge=edge.id
            )
        seen.add(edge.id)
        gone = [each for each in (edge.source, edge.target) if each is not None and each not in types]
        if gone:
            yield problem(
                "edge_dangling", f"There is no node {gone[0]!r}.", "Lead the edge to a node.", edge=edge.id
            )
        else:
            yield from _edge_problems(edge, types.get(edge.source or "", ""))
    yield from _branch_problems(process)


def _branch_problems(process: Process) -> Iterator[Problem]:
    types: dict[str | None, list[EdgeType]] = {}
    for edge in process.edges:
        types.setdefault(edge.source, []).append(edge.type)
    for node in process.nodes:
        kind, leaving = NODE_TYPES.get(node.type), types.get(node.id, [])
        if kind is None or not kind.branches:
            continue
        missing = [each for each in _BRANCHES if each not in leaving]
        if len(missing) == 1:
            said = f"The {missing[0].value} of {node.title} leads nowhere."
            yield problem(
                "branch_missing", said, "Draw it, at least to an end.", node=node.id, field=missing[0].value
            )
        elif missing and leaving and node.type != "sub_process":
            said = f"What {node.title} says makes no difference."
            yield problem("outcome_ignored", said, "Draw a true and a false edge.", node=node.id)


def _id_problems(process: Process) -> Iterator[Problem]:
    hint = "Lower-case letters, digits and _, beginning with a letter."
    seen: set[str] = set()
    for node in process.nodes:
        unsafe = not _SAFE_ID.fullmatch(node.id) or len(node.id) > LONGEST_ID or node.id in RESERVED_IDS
        if unsafe:
            said = f"{node.id!r} cannot be the id of a node."
            yield problem("id_unsafe", said, hint, node=node.id, field="id")
        if node.id in seen:
            said = f"Two nodes are called {node.id!r}."
            yield problem("id_doubled", said, "Give one of them another id.", node=node.id, field="id")
        seen.add(node.id)
    for each in process.inputs:
        if not _SAFE_ID.fullmatch(each.name) or len(each.name) > LONGEST_ID:
            yield problem("id_unsafe", f"{each.name!r} cannot be the name of an input.", hint, field="inputs")
    names = [each.name for each in process.inputs]
    for name in dict.fromkeys(name for name in names if names.count(name) > 1):
        yield problem(
            "id_doubled", f"Two inputs are called {name!r}.", "Give one another name.", field="inputs"
        )


def _edge_problems(edge: Edge, source_type: str) -> Iterator[Problem]:
    def refused(said: str, hint: str, field: str = "type") -> Problem:
        return problem("edge_type_not_allowed", said, hint, edge=edge.id, field=field)

    kind = NODE_TYPES.get(source_type)
    if (edge.source is None) is not (edge.type is EdgeType.START):
        yield refused("Edges of the start, and only these, are of type start.", "Choose another type.")
    elif source_type == "end":
        yield refused("No edge leaves an end.", "Lead it from the node before.")
    elif kind is not None and edge.type in _BRANCHES and not kind.branches:
        yield refused(f"A node of type {source_type} has no branches.", "Use sequence or always.")
    if edge.detached and edge.type is not EdgeType.PARALLEL:
        yield refused("Only a parallel branch can be detached.", "Make it a parallel edge.", "detached")


def graph_problems(flow: Flow) -> Iterator[Problem]:
    """What needs the whole graph: reach, joins, detached branches."""
    plan = flow.plan
    reached = flow.reachable(lambda edge: False)
    for number, node in enumerate(plan.nodes):
        if number not in reached:
            said = (
                f"No edge leads to {node.title}."
                if not plan.entering[number]
                else f"{node.title} is never reached."
            )
            yield problem("node_unreachable", said, "Connect it, or remove it.", node=node.id)
        elif not plan.detached[number] and node.type != "end":
            forward = [
                e for e in plan.leaving[number] if e not in plan.loops and not plan.process.edges[e].detached
            ]
            if not forward:
                said = f"{node.title} leads to no end."
                yield problem("end_unreachable", said, "Draw an edge to an end.", node=node.id)
        elif plan.detached[number] and node.type == "end" and node.config.get("terminate"):
            said = "A detached branch cannot end the others."
            yield problem(
                "detached_not_closed", said, "Take the setting out.", node=node.id, field="terminate"
            )
    for edge, (source, target) in enumerate(zip(plan.sources, plan.targets, strict=True)):
        inside = source is not None and source in reached and plan.detached[source]
        if inside and not plan.detached[target]:
            said = "A detached branch leads back to where it is waited for."
            hint = "Let it end by itself, or make it an ordinary parallel branch."
            yield problem("detached_not_closed", said, hint, edge=plan.edge_ids[edge])
    yield from _join_problems(flow)


def _join_problems(flow: Flow) -> Iterator[Problem]:
    plan = flow.plan
    for number, node in enumerate(plan.nodes):
        entering = len(plan.entering[number])
        said = ""
        if node.join is Join.QUORUM and not 1 <= node.quorum <= entering:
            said = f"A quorum of {node.quorum} cannot come together from {entering} edges."
        elif node.join is not Join.QUORUM and node.quorum:
            said = "Only a quorum says how many edges it needs."
        if said:
            hint = f"From 1 to {entering}, with the join quorum."
            yield problem("join_illegal", said, hint, node=node.id, field="quorum")
        if node.cancel_rest and node.join not in (Join.ANY, Join.QUORUM):
            said = "Nothing is left to be cancelled where every branch is waited for."
            hint = "Use the join any or quorum, or take the setting out."
            yield problem("join_illegal", said, hint, node=node.id, field="cancel_rest")
