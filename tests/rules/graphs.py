"""Made-up processes: graphs without circles, with every kind of edge and join, and bodies that are run again."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hypothesis import strategies as st

from rules.process import Edge, EdgeType, Join, Node, OnError, Outcome, Process

_KINDS = (EdgeType.SEQUENCE, EdgeType.TRUE, EdgeType.FALSE, EdgeType.ALWAYS, EdgeType.PARALLEL)
_OUTCOMES = (Outcome.COMPLETED, Outcome.SATISFIED, Outcome.NOT_SATISFIED, Outcome.TIMEOUT, Outcome.FAILED)


@dataclass(frozen=True)
class Graph:
    """A process, and how each of its nodes ends."""

    process: Process
    answers: Mapping[str, Sequence[Outcome | None]]


def random_graph(chance: random.Random, most: int, loops: bool = False) -> Graph:
    """A graph of at most so many nodes; each but the first has an edge from an earlier one, or from the start."""
    count = chance.randint(1, most)
    edges: dict[str, Edge] = {}
    for target in range(count):
        for _ in range(chance.choice((1, 1, 2, 3)) if target else 1):
            edge = _edge(chance, target)
            edges[edge.id] = edge
    outcomes = [[chance.choice(_OUTCOMES) for _ in range(4)] for _ in range(count)]
    nodes = [_node(chance, number, list(edges.values()), loops, outcomes[number]) for number in range(count)]
    answers: dict[str, Sequence[Outcome | None]] = {
        node.id: each for node, each in zip(nodes, outcomes, strict=True)
    }
    if loops:
        nodes, edges = _with_a_loop(chance, nodes, edges)
        answers["tail"] = [Outcome.NOT_SATISFIED] * chance.randint(0, 3) + [Outcome.SATISFIED]
    return Graph(Process("made-up", nodes=tuple(nodes), edges=tuple(edges.values())), answers)


def _edge(chance: random.Random, target: int) -> Edge:
    source = chance.randrange(-1, target) if target else -1
    if source < 0:
        return Edge(None, _name(target), EdgeType.START)
    return Edge(_name(source), _name(target), chance.choice(_KINDS), chance.randrange(3))


def _node(
    chance: random.Random, number: int, edges: Sequence[Edge], loops: bool, outcomes: Sequence[Outcome]
) -> Node:
    entering = sum(edge.target == _name(number) for edge in edges)
    join = chance.choice((Join.ALL, Join.STRICT) if loops else (Join.ALL, *Join))
    quorum = chance.randint(1, entering) if join is Join.QUORUM else 0
    # Nothing may come to a halt: who fails has an edge for it, or goes on all the same.
    handled = any(edge.source == _name(number) and edge.type is EdgeType.ALWAYS for edge in edges)
    halts = Outcome.FAILED in outcomes and not handled
    on_error = OnError.CONTINUE if halts or chance.random() < 0.2 else OnError.INCIDENT
    return Node(_name(number), "notify", join=join, quorum=quorum, on_error=on_error)


def _with_a_loop(
    chance: random.Random, nodes: list[Node], edges: dict[str, Edge]
) -> tuple[list[Node], dict[str, Edge]]:
    """The graph as the body between a head and a tail that leads back, and something behind."""
    inner = [
        Edge(edge.source or "head", edge.target, _or_sequence(edge), edge.order) for edge in edges.values()
    ]
    loose = {node.id for node in nodes} - {edge.source for edge in inner}
    made = [
        Edge(None, "head", EdgeType.START),
        *inner,
        *(Edge(each, "tail", EdgeType.ALWAYS) for each in sorted(loose)),
        Edge("head", "tail", EdgeType.ALWAYS, 9),
        Edge("tail", "head", EdgeType.FALSE, 0, max_iterations=chance.randint(2, 4)),
        Edge("tail", "behind", EdgeType.TRUE),
        Edge("tail", "refused", EdgeType.FALSE, 1),
    ]
    more = [Node(each, "notify") for each in ("head", "tail", "behind", "refused")]
    return [*nodes, *more], {edge.id: edge for edge in made}


def _or_sequence(edge: Edge) -> EdgeType:
    return EdgeType.SEQUENCE if edge.source is None else edge.type


def _name(number: int) -> str:
    return f"n{number:02d}"


#: By a seed: drawing each choice through hypothesis takes ten times as long.
GRAPHS = st.builds(random_graph, st.integers(0, 2**32).map(random.Random), st.integers(1, 14))
