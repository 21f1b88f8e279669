"""A process as numbers, made once for many runs: who follows whom, which body a loop has. Knows no run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter

from rules.errors import BusinessError
from rules.process import EdgeType, Join, Node, OnBranchFailure, Process
from rules.process_content import content_hash


class ProcessCannotRun(BusinessError):
    """The definition is no graph that could run; the checks say more than this sentence."""


@dataclass(frozen=True)
class Loop:
    """What one rework edge runs again.

    Attributes:
        head: where it leads to.
        body: in order, from the head to the edge's source, with the detached branches that leave them.
        edges: those within the body, ways back among them.
        most: how often the body may run in all.
    """

    edge: int
    head: int
    body: tuple[int, ...]
    edges: tuple[int, ...]
    most: int


@dataclass(frozen=True)
class Plan:
    """A process whose nodes and edges are numbers, in the order of the definition.

    Attributes:
        numbers: node id -> number.
        nodes, edge_ids: by number.
        leaving: for each node its edges, rework among them, in order.
        entering: for each node its edges without rework.
        order: all nodes so that each stands behind all that lead to it.
        back: for each node those of its edges that are rework.
        detached: for each node whether only detached branches lead to it.
        loops: rework edge -> its loop.
        feeders: for each node that cancels the rest the nodes that run only for its sake.
    """

    process: Process
    sha256: str
    nodes: tuple[Node, ...]
    edge_ids: tuple[str, ...]
    numbers: dict[str, int]
    sources: tuple[int | None, ...]
    targets: tuple[int, ...]
    types: tuple[EdgeType, ...]
    starts: tuple[int, ...]
    leaving: tuple[tuple[int, ...], ...]
    entering: tuple[tuple[int, ...], ...]
    order: tuple[int, ...]
    back: tuple[tuple[int, ...], ...]
    detached: tuple[bool, ...]
    loops: dict[int, Loop]
    feeders: dict[int, tuple[int, ...]]

    @property
    def cancels_all(self) -> bool:
        """Whether a branch that fails the process takes the others with it."""
        return self.process.on_branch_failure is OnBranchFailure.CANCEL_ALL


def make_plan(process: Process) -> Plan:
    """The plan of a process; O(nodes + edges) for one without loops and without joins that cancel the rest.

    Raises:
        ProcessCannotRun: an id is given twice, an edge leads nowhere, or there is a circle without a maximum.
    """
    numbers = {node.id: number for number, node in enumerate(process.nodes)}
    if len(numbers) != len(process.nodes):
        raise ProcessCannotRun("Two nodes have the same id.")
    count = len(numbers)
    leaving: list[list[int]] = [[] for _ in range(count)]
    entering: list[list[int]] = [[] for _ in range(count)]
    starts: list[int] = []
    sources: list[int | None] = []
    targets: list[int] = []
    for number, edge in enumerate(process.edges):
        if edge.target not in numbers or (edge.source is not None and edge.source not in numbers):
            raise ProcessCannotRun(f"The edge {edge.id} leads from or to a node that is not there.")
        source, target = None if edge.source is None else numbers[edge.source], numbers[edge.target]
        sources.append(source)
        targets.append(target)
        (starts if source is None else leaving[source]).append(number)
        if not edge.is_rework:
            entering[target].append(number)
    rework = {number for number, edge in enumerate(process.edges) if edge.is_rework}
    after = [[targets[edge] for edge in edges if edge not in rework] for edges in leaving]
    order = _in_order(after)
    attached = reached(
        [targets[edge] for edge in starts],
        [
            [targets[e] for e in edges if e not in rework and not process.edges[e].detached]
            for edges in leaving
        ],
    )
    detached = tuple(number not in attached for number in range(count))
    before = [[source for e in edges if (source := sources[e]) is not None] for edges in entering]
    return Plan(
        process=process,
        sha256=content_hash(process),
        nodes=process.nodes,
        edge_ids=tuple(edge.id for edge in process.edges),
        numbers=numbers,
        sources=tuple(sources),
        targets=tuple(targets),
        types=tuple(edge.type for edge in process.edges),
        starts=tuple(starts),
        leaving=tuple(map(tuple, leaving)),
        entering=tuple(map(tuple, entering)),
        order=order,
        back=tuple(tuple(edge for edge in edges if edge in rework) for edges in leaving),
        detached=detached,
        loops=_loops(process, sources, targets, (before, after, leaving), order, detached),
        feeders={
            number: tuple(_feeders(number, before, [[targets[e] for e in edges] for edges in leaving]))
            for number, node in enumerate(process.nodes)
            if node.cancel_rest and node.join in {Join.ANY, Join.QUORUM}
        },
    )


def reached(first: Iterable[int], after: Sequence[Sequence[int]]) -> dict[int, None]:
    """All numbers that can be reached from `first`, these included, in the order in which they are found."""
    found = dict.fromkeys(first)
    pending = list(found)
    while pending:
        for number in after[pending.pop()]:
            if number not in found:
                found[number] = None
                pending.append(number)
    return found


def _in_order(after: Sequence[Sequence[int]]) -> tuple[int, ...]:
    """The nodes so that each stands behind all that lead to it."""
    sorter: TopologicalSorter[int] = TopologicalSorter()
    for number, nexts in enumerate(after):
        sorter.add(number)
        for each in nexts:
            sorter.add(each, number)
    try:
        return tuple(sorter.static_order())
    except CycleError:
        raise ProcessCannotRun("The edges go round in a circle without a maximum.") from None


def _loops(
    process: Process,
    sources: Sequence[int | None],
    targets: Sequence[int],
    ways: tuple[Sequence[Sequence[int]], Sequence[Sequence[int]], Sequence[Sequence[int]]],
    order: Sequence[int],
    detached: Sequence[bool],
) -> dict[int, Loop]:
    """Rework edge -> its loop; `ways` are the nodes before, the nodes after and the edges that leave."""
    before, after, leaving = ways
    place = {number: at for at, number in enumerate(order)}
    loops = {}
    for number, edge in enumerate(process.edges):
        if edge.is_rework:
            found = dict.fromkeys(_body(sources[number], targets[number], before, after, detached))
            body = tuple(sorted(found, key=place.__getitem__))
            within = tuple(each for node in body for each in leaving[node] if targets[each] in found)
            loops[number] = Loop(number, targets[number], body, within, edge.max_iterations)
    return loops


def _body(
    tail: int | None,
    head: int,
    before: Sequence[Sequence[int]],
    after: Sequence[Sequence[int]],
    detached: Sequence[bool],
) -> Iterator[int]:
    """The nodes that reach the tail without passing the head, and the detached branches that leave them."""
    if tail is None:
        raise ProcessCannotRun("An edge of the start cannot lead back.")
    found = dict.fromkeys((head, tail))
    pending = [tail] if tail != head else []
    while pending:
        for number in before[pending.pop()]:
            if number not in found:
                found[number] = None
                pending.append(number)
    yield from found
    if not detached[tail]:
        branches = (each for number in found for each in after[number] if detached[each])
        yield from (number for number in reached(branches, after) if number not in found)


def _feeders(join: int, before: Sequence[Sequence[int]], after: Sequence[Sequence[int]]) -> Iterator[int]:
    """The nodes all of whose ways lead through the join."""
    ancestors = reached(before[join], before)
    found: set[int] = {join}
    waiting = {number: sum(1 for each in after[number] if each != number) for number in ancestors}
    pending = [join]
    while pending:
        inside = pending.pop()
        for number in before[inside]:
            if number not in waiting or number in found:
                continue
            waiting[number] -= 1
            if not waiting[number]:
                found.add(number)
                pending.append(number)
    return (number for number in ancestors if number in found and number != join)
