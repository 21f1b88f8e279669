"""Where the nodes of a process stand when it is drawn: in rows from above, or as somebody placed them. Draws nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final

from rules.process import Edge, Process

#: The size of a node, the same as on the canvas (app/frontend/designer/graph.js), and the room between two.
WIDTH: Final = 210
HEIGHT: Final = 64
ROOM_BESIDE: Final = 36
ROOM_BELOW: Final = 56
#: The dot that a run begins at; no node may have this id.
START: Final = ""
DOT: Final = 14
#: How wide an edge is where it passes between nodes.
_LANE: Final = 24
_SWEEPS: Final = 4

Point = tuple[int, int]
#: A node's id and _NODE, or an edge's id and the row that it passes.
_Key = tuple[str, int]
_NODE: Final = -1


@dataclass(frozen=True)
class Layout:
    """Where everything stands; x grows to the right, y downwards.

    Attributes:
        boxes: node id -> its left upper corner; the start under START.
        bends: edge id -> the points through which it passes other nodes, from its source on.
    """

    boxes: Mapping[str, Point]
    bends: Mapping[str, Sequence[Point]] = field(default_factory=dict)


def lay_out(process: Process) -> Layout:
    """As it was placed, if every node was; else in rows, each node below all that lead to it."""
    if process.nodes and all(node.id in process.layout for node in process.nodes):
        return _as_placed(process)
    return _in_rows(process)


def _as_placed(process: Process) -> Layout:
    boxes = {node.id: process.layout[node.id] for node in process.nodes}
    starts = [edge.target for edge in process.edges if edge.source is None and edge.target in boxes]
    if starts:
        first = min((boxes[each] for each in starts), key=lambda place: (place[1], place[0]))
        boxes[START] = (first[0] + (WIDTH - DOT) // 2, first[1] - ROOM_BELOW - DOT)
    return Layout(boxes)


def _in_rows(process: Process) -> Layout:
    forward = _forward(process)
    row_of = _rows(process, forward)
    rows: list[list[_Key]] = [[] for _ in range(max(row_of.values()) + 1)]
    for node_id, row in row_of.items():
        rows[row].append((node_id, _NODE))
    links: list[tuple[_Key, _Key]] = []
    for edge in forward:
        source = edge.source or START
        passes = [(edge.id, row) for row in range(row_of[source] + 1, row_of[edge.target])]
        for key in passes:
            rows[key[1]].append(key)
        links += pairwise([(source, _NODE), *passes, (edge.target, _NODE)])
    _untangle(rows, links)
    middles = _middles(rows, links)
    boxes: dict[str, Point] = {}
    bends: dict[str, list[Point]] = {}
    for row, keys in enumerate(rows):
        top = DOT + 40 + (row - 1) * (HEIGHT + ROOM_BELOW) if row else 0
        for key in keys:
            middle = round(middles[key])
            if key[1] == _NODE:
                boxes[key[0]] = (middle - (DOT if key[0] == START else WIDTH) // 2, top)
            else:
                # Straight down between the nodes of a row, so that it bends only in the room between rows.
                bends.setdefault(key[0], []).extend([(middle, top), (middle, top + HEIGHT)])
    return Layout(boxes, bends)


def _forward(process: Process) -> list[Edge]:
    """The edges that lead down: no rework, and none that closes a circle, whatever somebody has drawn."""
    known = {node.id for node in process.nodes}
    leaving: dict[str, list[Edge]] = {}
    for edge in process.edges:
        if not edge.is_rework and edge.target in known and (edge.source is None or edge.source in known):
            leaving.setdefault(edge.source or START, []).append(edge)
    found: list[Edge] = []
    done: dict[str, bool] = {}  # whether all behind a node was walked through; missing where it was not seen
    for first in (START, *(node.id for node in process.nodes)):
        way: list[tuple[str, Iterator[Edge]]] = []
        if first not in done:
            done[first] = False
            way.append((first, iter(leaving.get(first, ()))))
        while way:
            here, edges = way[-1]
            for edge in edges:
                if done.get(edge.target) is not False:  # else it leads back to where this way came from
                    found.append(edge)
                if edge.target not in done:
                    done[edge.target] = False
                    way.append((edge.target, iter(leaving.get(edge.target, ()))))
                    break
            else:
                done[here] = True
                way.pop()
    return found


def _rows(process: Process, forward: Sequence[Edge]) -> dict[str, int]:
    """Node -> its row: one below the lowest that leads to it. The start has the first row for itself."""
    after: dict[str, list[str]] = {}
    waits: dict[str, int] = {node.id: 0 for node in process.nodes}
    for edge in forward:
        after.setdefault(edge.source or START, []).append(edge.target)
        waits[edge.target] += 1
    rows = {START: 0} | dict.fromkeys(waits, 1)
    pending = [START, *(node_id for node_id, count in waits.items() if not count)]
    for node_id in pending:  # grows while it is walked through
        for each in after.get(node_id, ()):
            rows[each] = max(rows[each], rows[node_id] + 1)
            waits[each] -= 1
            if not waits[each]:
                pending.append(each)
    return rows


def _untangle(rows: Sequence[list[_Key]], links: Sequence[tuple[_Key, _Key]]) -> None:
    """Order each row by the middle of its neighbours above, then below, a few times: fewer edges cross."""
    above, below = _neighbours(links)
    for sweep in range(_SWEEPS):
        down = sweep % 2 == 0
        for row in range(1, len(rows)) if down else range(len(rows) - 2, -1, -1):
            beside = {key: place for place, key in enumerate(rows[row - 1 if down else row + 1])}
            near = above if down else below
            own = {key: place for place, key in enumerate(rows[row])}
            wish = {key: _mean([beside[each] for each in near.get(key, ())], own[key]) for key in rows[row]}
            rows[row].sort(key=lambda key, wish=wish, own=own: (wish[key], own[key]))  # type: ignore[misc]


def _middles(rows: Sequence[Sequence[_Key]], links: Sequence[tuple[_Key, _Key]]) -> dict[_Key, float]:
    """Key -> the x of its middle: near to its neighbours, with room between, in the order of its row."""
    above, below = _neighbours(links)
    at: dict[_Key, float] = {}
    for keys in rows:
        at.update(zip(keys, _apart(keys, [0.0] * len(keys)), strict=True))
    for sweep in range(2 * _SWEEPS):
        near = above if sweep % 2 == 0 else below
        for keys in rows if sweep % 2 == 0 else reversed(rows):
            wishes = [_mean([at[each] for each in near.get(key, ())], at[key]) for key in keys]
            at.update(zip(keys, _apart(keys, wishes), strict=True))
    return at


def _apart(keys: Sequence[_Key], wishes: Sequence[float]) -> list[float]:
    """As near to the wishes as room allows: half of what pushing right and half of what pushing left gives."""
    room = [(_wide(one) + _wide(next_one)) / 2 + ROOM_BESIDE for one, next_one in pairwise(keys)]
    right, left = list(wishes), list(wishes)
    for place in range(1, len(keys)):
        right[place] = max(right[place], right[place - 1] + room[place - 1])
    for place in range(len(keys) - 2, -1, -1):
        left[place] = min(left[place], left[place + 1] - room[place])
    return [(one + other) / 2 for one, other in zip(right, left, strict=True)]


def _wide(key: _Key) -> int:
    return WIDTH if key[1] == _NODE else _LANE


def _mean(found: Sequence[float], usual: float) -> float:
    return sum(found) / len(found) if found else usual


def _neighbours(
    links: Sequence[tuple[_Key, _Key]],
) -> tuple[dict[_Key, list[_Key]], dict[_Key, list[_Key]]]:
    above: dict[_Key, list[_Key]] = {}
    below: dict[_Key, list[_Key]] = {}
    for upper, lower in links:
        above.setdefault(lower, []).append(upper)
        below.setdefault(upper, []).append(lower)
    return above, below
