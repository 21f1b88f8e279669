"""Why a node did not run: which edges that enter it are dead, and what made each so. Says nothing, in no language."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from rules.process import Outcome
from rules.process_plan import Plan
from rules.process_state import EdgeStatus, NodeStatus, State


class Reason(StrEnum):
    """What made an edge dead."""

    SOURCE_SKIPPED = "source_skipped"
    SOURCE_FAILED = "source_failed"
    OTHER_BRANCH = "other_branch"  # its source ended with another outcome


@dataclass(frozen=True)
class DeadEdge:
    """One dead edge.

    Attributes:
        outcome: how its source ended; None where it was skipped.
        roots: for a skipped source the nodes that ended so that it was, from near to far.
    """

    edge: str
    source: str
    reason: Reason
    outcome: Outcome | None = None
    roots: tuple[str, ...] = ()


@dataclass(frozen=True)
class WhyNot:
    """Why a node was skipped: of the edges that enter it `live` are live, `wanted` would have been needed."""

    node: str
    live: int
    wanted: int
    dead: tuple[DeadEdge, ...]


def read_why(content: Mapping[str, Any]) -> WhyNot:
    """What `dataclasses.asdict` made of one, as it comes back from JSON."""
    dead = tuple(
        DeadEdge(
            each["edge"],
            each["source"],
            Reason(each["reason"]),
            Outcome(each["outcome"]) if each["outcome"] else None,
            tuple(each["roots"]),
        )
        for each in content["dead"]
    )
    return WhyNot(content["node"], content["live"], content["wanted"], dead)


def why_not(plan: Plan, state: State, node_id: str) -> WhyNot | None:
    """What kept a node from running; None for one that was not skipped."""
    number = plan.numbers[node_id]
    if state.nodes[number] is not NodeStatus.SKIPPED:
        return None
    node, entering = plan.nodes[number], plan.entering[number]
    wanted = {"strict": len(entering), "quorum": node.quorum}.get(node.join.value, 1)
    dead = tuple(
        _dead(plan, state, edge, source)
        for edge in entering
        if state.edges[edge] is EdgeStatus.DEAD and (source := plan.sources[edge]) is not None
    )
    return WhyNot(node_id, sum(state.edges[edge] is EdgeStatus.LIVE for edge in entering), wanted, dead)


def _dead(plan: Plan, state: State, edge: int, source: int) -> DeadEdge:
    edge_id, source_id = plan.process.edges[edge].id, plan.nodes[source].id
    if state.nodes[source] is NodeStatus.SKIPPED:
        return DeadEdge(edge_id, source_id, Reason.SOURCE_SKIPPED, roots=_roots(plan, state, source))
    failed = state.nodes[source] is NodeStatus.FAILED
    reason = Reason.SOURCE_FAILED if failed else Reason.OTHER_BRANCH
    return DeadEdge(edge_id, source_id, reason, state.outcomes.get(source))


def _roots(plan: Plan, state: State, skipped: int) -> tuple[str, ...]:
    """The nodes that did run, and ended so that this one was skipped."""
    found: dict[int, None] = {}
    seen, pending = {skipped: None}, [skipped]
    for number in pending:  # grows while it is walked through
        for edge in plan.entering[number]:
            source = plan.sources[edge]
            if source is None or state.edges[edge] is not EdgeStatus.DEAD or source in seen:
                continue
            seen[source] = None
            if state.nodes[source] is NodeStatus.SKIPPED:
                pending.append(source)
            else:
                found[source] = None
    return tuple(plan.nodes[number].id for number in found)
