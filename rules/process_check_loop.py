"""Rework: a way back is allowed only where its body is closed, so that nothing of it runs when it begins anew."""

from __future__ import annotations

from collections.abc import Iterator

from rules.process import EdgeType, Join
from rules.process_flow import Flow
from rules.process_nodes import NODE_TYPES
from rules.process_plan import Loop
from rules.process_problem import Problem, problem


def loop_problems(flow: Flow) -> Iterator[Problem]:
    """Every way back that is not one."""
    plan = flow.plan
    for edge, loop in plan.loops.items():
        for said, hint in _complaints(flow, loop):
            yield problem("rework_illegal", said, hint, edge=plan.edge_ids[edge])


def _complaints(flow: Flow, loop: Loop) -> Iterator[tuple[str, str]]:
    plan = flow.plan
    edge, tail = plan.process.edges[loop.edge], plan.sources[loop.edge]
    if tail is None:
        return
    kind = NODE_TYPES.get(plan.nodes[tail].type)
    if edge.type not in (EdgeType.TRUE, EdgeType.FALSE) or kind is None or not kind.branches:
        yield (
            "Only a true or a false edge of a node that decides may lead back.",
            "Put a condition before it.",
        )
    if loop.most < 2:
        yield "A way back with one round in all is never taken.", "Allow at least 2."
    twins = [each for each in plan.back[tail] if plan.types[each] is edge.type]
    if twins[0] != loop.edge:
        yield "Two ways back leave this node on the same branch.", "Keep one of them."
    without_head = flow.reachable(lambda each: each.target == edge.target)
    if tail in without_head and tail != loop.head:
        title = plan.nodes[loop.head].title
        yield f"Not every way here goes through {title}.", "Lead back to a node that every way goes through."
        return
    yield from _open_ends(flow, loop, tail)


def _open_ends(flow: Flow, loop: Loop, tail: int) -> Iterator[tuple[str, str]]:
    plan = flow.plan
    inside = dict.fromkeys(loop.body)
    for number in loop.body:
        node = plan.nodes[number]
        if plan.detached[number] and not plan.detached[tail]:
            continue
        if number != loop.head and node.join in (Join.ANY, Join.QUORUM) and not node.cancel_rest:
            said = f"{node.title} goes on while branches of this round may still run."
            yield said, "Let it cancel the rest, or wait for all."
        if number != tail and any(plan.targets[each] not in inside for each in plan.leaving[number]):
            said = f"{node.title} leads out of what is repeated before it is decided whether it is."
            yield said, f"Leave only at {plan.nodes[tail].title}, or by a detached branch."
