"""What a process means: who agrees to spend, who is asked and until when, what it sets off, and how large it gets."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

from rules.process import EdgeType, Node, Process
from rules.process_content import to_content
from rules.process_flow import Flow
from rules.process_money import unapproved_ways
from rules.process_node import FieldKind
from rules.process_nodes import NODE_TYPES
from rules.process_problem import Problem, Surroundings, problem
from rules.process_template import has_template

#: A run loads its definition in one piece, well below the 256 KB at which Temporal warns.
LARGEST_DEFINITION_BYTES: Final = 200_000
MANY_NODES: Final = 500
MANY_BRANCHES: Final = 200
#: Events after which a run is continued as new.
LONG_HISTORY: Final = 10_000


def meaning_problems(flow: Flow, around: Surroundings) -> Iterator[Problem]:
    """What is sound and yet wrong."""
    for node_id, way in unapproved_ways(flow).items():
        said = f"Nobody has to agree before {_title(flow, node_id)}: {' → '.join(way)}."
        hint = (
            "Lead every way to it through the true branch of an approval, or of a released automated review."
        )
        yield problem("order_not_agreed", said, hint, node=node_id)
    for node in flow.plan.nodes:
        yield from _people_problems(node, around)
        kind = NODE_TYPES.get(node.type)
        if kind is None:
            continue
        if any(field.name == "deadline" for field in kind.fields) and not node.config.get("deadline"):
            said = f"{node.title} may wait for ever."
            yield problem("deadline_missing", said, "For example 7 d.", node=node.id, field="deadline")
        for thing in kind.edits:
            if thing in around.triggers:
                said = f"{node.title} changes the {thing} whose changes start this process."
                hint = "Let the trigger ask for fields that the process does not change."
                yield problem("triggers_itself", said, hint, node=node.id)
        named = node.config.get("process")
        if node.type == "sub_process" and isinstance(named, str) and not has_template(named):
            yield from _sub_process_problems(flow, node, named, around)


def size_problems(process: Process) -> Iterator[Problem]:
    """What is too large, or will be."""
    runs = replace(process, layout={}, scenarios=())  # no run loads the others
    size = len(json.dumps(to_content(runs), ensure_ascii=False).encode())
    if size > LARGEST_DEFINITION_BYTES:
        said = f"The definition has {size:,} bytes; at most {LARGEST_DEFINITION_BYTES:,} can be run."
        yield problem("definition_too_large", said, "Move a part into a sub-process.")
    if len(process.nodes) > MANY_NODES:
        said = f"{len(process.nodes)} nodes are hard to follow, for people too."
        yield problem("many_nodes", said, "Move a part into a sub-process.")
    branches: dict[str, int] = {}
    for edge in process.edges:
        if edge.type is EdgeType.PARALLEL and edge.source:
            branches[edge.source] = branches.get(edge.source, 0) + 1
    for node_id, number in branches.items():
        if number > MANY_BRANCHES:
            said = f"{number} branches begin here at once."
            yield problem("many_branches", said, "Move some into sub-processes.", node=node_id)
    events = history_events(process)
    if events > LONG_HISTORY:
        said = f"A run may write about {events:,} events of history and be continued as new in between."
        yield problem("long_history", said, "Lower the rounds, or use sub-processes.")


def history_events(process: Process) -> int:
    """About how many events of history a run writes at most, with every round taken and nothing going wrong."""
    rounds = 1
    for edge in process.edges:
        rounds *= max(1, edge.max_iterations)
    each = sum(NODE_TYPES[node.type].history_events for node in process.nodes if node.type in NODE_TYPES)
    return 5 + each * rounds


def _people_problems(node: Node, around: Surroundings) -> Iterator[Problem]:
    kind = NODE_TYPES.get(node.type)
    if kind is None:
        return
    if node.type == "approval" and not node.config.get("who"):
        said = f"Nobody is asked by {node.title}."
        yield problem("approver_missing", said, "For example [{role: finance}].", node=node.id, field="who")
    for field in kind.fields:
        if field.kind is not FieldKind.PEOPLE or around.roles is None:
            continue
        for role in _roles(node.config.get(field.name)):
            if role not in around.roles and not has_template(role):
                hint = f"Known are: {', '.join(around.roles)}."
                yield problem(
                    "role_unknown", f"There is no role {role!r}.", hint, node=node.id, field=field.name
                )


def _roles(people: Any) -> Iterator[str]:
    for each in people if isinstance(people, list) else ():
        if isinstance(each, Mapping) and isinstance(each.get("role"), str):
            yield each["role"]


def _sub_process_problems(flow: Flow, node: Node, named: str, around: Surroundings) -> Iterator[Problem]:
    if named == flow.plan.process.key:
        yield problem(
            "process_unknown", "A process cannot be a part of itself.", "", node=node.id, field="process"
        )
    elif around.processes is not None and named not in around.processes:
        hint = f"Known are: {', '.join(around.processes) or 'none'}."
        yield problem(
            "process_unknown", f"There is no process {named!r}.", hint, node=node.id, field="process"
        )


def _title(flow: Flow, node_id: str) -> str:
    return flow.plan.nodes[flow.plan.numbers[node_id]].title
