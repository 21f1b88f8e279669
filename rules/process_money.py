"""Nothing is ordered that nobody agreed to: checked on the whole process, on each run, and when somebody skips a node.

A node runs only if a chain of live edges leads to it from the start. So it is enough that every way from the start to an
order goes through the true edge of an approval, or of an automated review whose yes was released as sufficient.
"""

from __future__ import annotations

from rules.errors import BusinessError, Invalid
from rules.process import Edge, EdgeType, Outcome
from rules.process_flow import Flow
from rules.process_nodes import NODE_TYPES
from rules.process_plan import Plan
from rules.process_state import EdgeStatus, State


class NobodyAgreed(BusinessError):
    """Money would be spent, or let go, without anybody's consent."""

    status = 403


def unapproved_ways(flow: Flow) -> dict[str, tuple[str, ...]]:
    """Each node that spends money and can be reached without consent -> one such way, from its first node to it."""
    plan = flow.plan
    found = flow.reachable(lambda edge: _is_consent(plan, edge))
    return {plan.nodes[number].id: _way(plan, found, number) for number in found if _spends(plan, number)}


def check_agreed(plan: Plan, state: State, node_id: str) -> None:
    """For a node that is about to spend money; raises NobodyAgreed unless somebody agreed in this very run.

    The same as `unapproved_ways`, asked of what has happened: it holds even for a definition that was never checked.
    """
    number = plan.numbers[node_id]
    seen, pending = {number: None}, [number]
    while pending:
        for edge in plan.entering[pending.pop()]:
            if state.edges[edge] is not EdgeStatus.LIVE or _is_consent(plan, plan.process.edges[edge]):
                continue
            source = plan.sources[edge]
            if source is None:
                raise NobodyAgreed(f"Nobody has agreed to {plan.nodes[number].title}.", node_id)
            if source not in seen:
                seen[source] = None
                pending.append(source)


def check_skip(plan: Plan, node_id: str, outcome: Outcome) -> None:
    """An operator may skip a node that failed, but not say in its place that money may go; raises NobodyAgreed."""
    node = plan.nodes[plan.numbers[node_id]]
    kind = NODE_TYPES.get(node.type)
    if outcome is Outcome.SATISFIED and kind is not None and kind.lets_go(node):
        raise NobodyAgreed(
            f"{node.title} can be skipped, but not as agreed: that is for those who are asked.", node_id
        )
    if outcome in (Outcome.TIMEOUT, Outcome.FAILED):
        raise Invalid("A node is skipped as completed, satisfied or not satisfied.", "outcome")


def _is_consent(plan: Plan, edge: Edge) -> bool:
    if edge.type is not EdgeType.TRUE or edge.source is None:
        return False
    node = plan.nodes[plan.numbers[edge.source]]
    kind = NODE_TYPES.get(node.type)
    return kind is not None and kind.lets_go(node)


def _spends(plan: Plan, number: int) -> bool:
    kind = NODE_TYPES.get(plan.nodes[number].type)
    return kind is not None and kind.spends


def _way(plan: Plan, found: dict[int, int | None], number: int) -> tuple[str, ...]:
    way: list[str] = []
    at: int | None = number
    while at is not None:
        way.append(plan.nodes[at].id)
        at = found[at]
    return tuple(reversed(way))
