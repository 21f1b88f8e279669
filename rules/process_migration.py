"""Whether a running process can go on with another version, and with what state: what has happened must be unchanged."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from rules.errors import BusinessError
from rules.process import EdgeType
from rules.process_content import edge_content, node_content
from rules.process_event import is_live
from rules.process_plan import Plan
from rules.process_schedule import settle
from rules.process_state import OPEN, NodeStatus, Result, State, Step


@dataclass(frozen=True)
class Blocker:
    """A node because of which a run stays on its version; empty where it is the run itself."""

    node: str
    why: str


class CannotMigrate(BusinessError):
    """What has happened in the run is not what the new version says.

    Attributes:
        blockers: never none.
    """

    status = 409

    def __init__(self, blockers: tuple[Blocker, ...]) -> None:
        super().__init__(f"{blockers[0].node or 'The run'}: {blockers[0].why}")
        self.blockers = blockers


def blockers(old: Plan, state: State, new: Plan) -> tuple[Blocker, ...]:
    """Everything that keeps a run from going on with the new version; none where it may."""
    if state.result is not Result.OPEN or state.failed_by is not None:
        return (Blocker("", "It has ended, or is about to."),)
    return tuple(_blockers(old, state, new))


def migrate(old: Plan, state: State, new: Plan) -> tuple[State, Step]:
    """The run on the new version, and what is ready at once because of it; the old state is left as it is.

    Raises:
        CannotMigrate: see `blockers`.
    """
    found = blockers(old, state, new)
    if found:
        raise CannotMigrate(found)
    moved = State(new)
    edge_numbers = {edge_id: number for number, edge_id in enumerate(old.edge_ids)}
    fresh: list[int] = []
    for number, edge_id in enumerate(new.edge_ids):
        if edge_id in edge_numbers:
            moved.edges[number] = state.edges[edge_numbers[edge_id]]
        else:
            fresh.append(number)
    for node_id, number in new.numbers.items():
        before = old.numbers.get(node_id)
        if before is not None and _has_happened(state, before):
            _carry_over(state, before, moved, number, detached=new.detached[number])
    for edge, rounds in state.rounds.items():
        moved.rounds[new.edge_ids.index(old.edge_ids[edge])] = rounds
    moved.queue = dict.fromkeys(new.numbers[old.nodes[number].id] for number in state.queue)
    moved.ends = [new.numbers[old.nodes[number].id] for number in state.ends]
    moved.count_anew(new, range(len(new.nodes)))
    return moved, settle(new, moved, _already_decided(new, moved, fresh))


def _carry_over(state: State, before: int, moved: State, number: int, *, detached: bool) -> None:
    moved.nodes[number] = state.nodes[before]
    moved.iterations[number] = state.iterations[before]
    if before in state.outcomes:
        moved.outcomes[number] = state.outcomes[before]
    if before in state.errors:
        moved.errors[number] = state.errors[before]
    if state.nodes[before] in OPEN:
        moved.open_detached += detached
        moved.open_main += not detached


def _has_happened(state: State, number: int) -> bool:
    return state.nodes[number] is not NodeStatus.WAITING or state.iterations[number] > 1


def _blockers(old: Plan, state: State, new: Plan) -> Iterator[Blocker]:
    for number, node in enumerate(old.nodes):
        if not _has_happened(state, number):
            continue
        other = new.numbers.get(node.id)
        if other is None:
            yield Blocker(node.id, "It has happened, and the new version does not have it.")
        elif node_content(new.nodes[other]) != node_content(node):
            yield Blocker(node.id, "It has happened, and is another node in the new version.")
        elif _entering(old, number) != _entering(new, other):
            yield Blocker(node.id, "It has happened, and other edges lead to it in the new version.")
        else:
            yield from _handled_otherwise(old, state, new, number, other)
    wanted = {each.name: each for each in old.process.inputs}
    for each in new.process.inputs:
        before = wanted.get(each.name)
        if (before is None and each.required) or (before is not None and before.kind is not each.kind):
            yield Blocker("", f"The new version wants the input {each.name!r}, which this run was not given.")
    for edge in state.rounds:
        if old.edge_ids[edge] not in (new.edge_ids[each] for each in new.loops):
            tail = old.process.edges[edge].source or ""
            yield Blocker(tail, "It has led back, and does not in the new version.")


def _handled_otherwise(old: Plan, state: State, new: Plan, number: int, other: int) -> Iterator[Blocker]:
    """What left a node when it ended would have been decided in another way by edges that are new, or gone."""
    node_id = old.nodes[number].id
    if number in state.errors and _handles(old, number) is not _handles(new, other):
        yield Blocker(node_id, "It has failed, and the new version goes on from a failure in another way.")
    ways_back = [old.edge_ids[edge] for edge in old.back[number]] != [
        new.edge_ids[edge] for edge in new.back[other]
    ]
    if ways_back and state.nodes[number] in (NodeStatus.COMPLETED, NodeStatus.FAILED):
        yield Blocker(node_id, "It has gone on, and the new version may lead back from it.")


def _handles(plan: Plan, number: int) -> bool:
    return any(plan.types[edge] is EdgeType.ALWAYS for edge in plan.leaving[number])


def _entering(plan: Plan, number: int) -> list[tuple[str, bool]]:
    """The edges that lead to a node, in whatever order they leave theirs."""
    edges = (plan.process.edges[edge] for edge in plan.entering[number])
    return sorted((edge.id, "detached" in edge_content(edge)) for edge in edges)


def _already_decided(plan: Plan, state: State, edges: list[int]) -> Iterator[tuple[int, bool]]:
    """Edges that the new version draws from what has ended: they are what they would have been."""
    for edge in edges:
        source = plan.sources[edge]
        if source is None:
            yield edge, True
        elif state.nodes[source] is NodeStatus.SKIPPED:
            yield edge, False
        elif state.nodes[source] in (NodeStatus.COMPLETED, NodeStatus.FAILED):
            outcome, on_timeout = state.outcomes[source], plan.nodes[source].on_timeout
            yield edge, is_live(plan.types[edge], outcome, on_timeout)
