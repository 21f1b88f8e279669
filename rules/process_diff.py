"""What a version changed, as the operations that lead from one to the other. A moved node is no change of the process."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from enum import StrEnum
from typing import Any

from rules.process import Node, Process
from rules.process_content import edge_content, node_content, scenario_content, to_content
from rules.process_edit import Kind, Operation, add_node, connect


class Mark(StrEnum):
    """How a node or an edge is shown beside its earlier version."""

    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"


def diff(old: Process, new: Process, *, with_layout: bool = False) -> tuple[Operation, ...]:
    """The operations that make the new process of the old one, in an order in which each can be applied."""
    operations = [*_process_changes(old, new), *_lost(old, new), *_gained(old, new), *_scenarios(old, new)]
    if with_layout:
        operations += _moves(old, new)
    return tuple(operations)


def together(old: Process, new: Process) -> Process:
    """The new version with what was removed from the old one, for one picture of both."""
    here, edges = {node.id for node in new.nodes}, {edge.id for edge in new.edges}
    return replace(
        new,
        nodes=(*new.nodes, *(node for node in old.nodes if node.id not in here)),
        edges=(*new.edges, *(edge for edge in old.edges if edge.id not in edges)),
        layout={**old.layout, **new.layout},
    )


def marks(operations: Iterable[Operation]) -> dict[str, Mark]:
    """Node or edge id -> its mark, for showing two versions as one picture."""
    found: dict[str, Mark] = {}
    for each in operations:
        if each.kind in (Kind.ADD_NODE, Kind.CONNECT):
            found[each.target] = Mark.ADDED
        elif each.kind in (Kind.REMOVE_NODE, Kind.DISCONNECT):
            found[each.target] = Mark.REMOVED
        elif each.kind in (Kind.SET_NODE, Kind.SET_CONFIG, Kind.UNSET_CONFIG, Kind.SET_EDGE):
            found[each.target] = Mark.CHANGED
    return found


def _process_changes(old: Process, new: Process) -> Iterator[Operation]:
    before, after = to_content(old), to_content(new)
    for name in sorted({**before, **after}.keys() - {"nodes", "edges", "layout", "scenarios"}):
        if not _same(before.get(name), after.get(name)):
            yield Operation(Kind.SET_PROCESS, "", name, after.get(name))


def _lost(old: Process, new: Process) -> Iterator[Operation]:
    """Edges first, so that a removed node takes none with it that is not named."""
    kept = {edge.id for edge in new.edges}
    for edge in old.edges:
        if edge.id not in kept:
            yield Operation(Kind.DISCONNECT, edge.id)
    for node in old.nodes:
        if new.node(node.id) is None:
            yield Operation(Kind.REMOVE_NODE, node.id)


def _gained(old: Process, new: Process) -> Iterator[Operation]:
    earlier_nodes = {node.id: node for node in old.nodes}
    for node in new.nodes:
        before = earlier_nodes.get(node.id)
        if before is None:
            yield add_node(node)
        else:
            yield from _node_changes(before, node)
    earlier_edges = {edge.id: edge for edge in old.edges}
    for edge in new.edges:
        if edge.id not in earlier_edges:
            yield connect(edge)
        elif earlier_edges[edge.id] != edge:
            changes = _changed(edge_content(earlier_edges[edge.id]), edge_content(edge))
            for name, value in changes:
                yield Operation(Kind.SET_EDGE, edge.id, name, value)


def _node_changes(before: Node, after: Node) -> Iterator[Operation]:
    old, new = node_content(before), node_content(after)
    for name, value in _changed(old, new):
        if name != "config":
            yield Operation(Kind.SET_NODE, after.id, name, value)
    for name in sorted({**before.config, **after.config}):
        if name not in after.config:
            yield Operation(Kind.UNSET_CONFIG, after.id, name)
        elif name not in before.config or not _same(before.config[name], after.config[name]):
            yield Operation(Kind.SET_CONFIG, after.id, name, after.config[name])


def _scenarios(old: Process, new: Process) -> Iterator[Operation]:
    before = {each.name: scenario_content(each) for each in old.scenarios}
    after = {each.name: scenario_content(each) for each in new.scenarios}
    for name, value in _changed(before, after):
        yield Operation(Kind.SET_SCENARIO, name, value=value)


def _moves(old: Process, new: Process) -> Iterator[Operation]:
    left = {node_id: place for node_id, place in old.layout.items() if new.node(node_id) is not None}
    for node_id in sorted({**left, **new.layout}):
        place = new.layout.get(node_id)
        if left.get(node_id) != place:
            yield Operation(Kind.MOVE, node_id, value=None if place is None else list(place))


def _changed(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for name in sorted({**before, **after}):
        if not _same(before.get(name), after.get(name)):
            yield name, after.get(name)


def _same(one: Any, other: Any) -> bool:
    """Equal as they are written: to Python 1 is true, in a config it is not."""
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)
