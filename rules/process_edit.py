"""The operations by which a process is changed: one vocabulary for autosave, undo, audit, diff and proposals."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Final

from rules.errors import BusinessError
from rules.process import Edge, Node, Process, Scenario
from rules.process_content import (
    edge_content,
    node_content,
    read_edge,
    read_node,
    read_process,
    read_scenario,
    scenario_content,
    to_content,
)


class Kind(StrEnum):
    """What an operation does. Ids of nodes never change: what is read, signed and drawn goes by them."""

    ADD_NODE = "add_node"
    REMOVE_NODE = "remove_node"  # with its edges
    SET_NODE = "set_node"
    SET_CONFIG = "set_config"
    UNSET_CONFIG = "unset_config"
    CONNECT = "connect"
    DISCONNECT = "disconnect"
    SET_EDGE = "set_edge"
    MOVE = "move"
    SET_PROCESS = "set_process"
    SET_SCENARIO = "set_scenario"  # the one of that name; one without a value is removed


_OPPOSITE: Final = {Kind.ADD_NODE: Kind.REMOVE_NODE, Kind.CONNECT: Kind.DISCONNECT}
#: What may be set of a process; its nodes and edges have operations of their own.
_OF_PROCESS: Final = ("key", "name", "inputs", "on_branch_failure", "detached_timeout_seconds")


@dataclass(frozen=True)
class Operation:
    """One change.

    Attributes:
        target: the id of a node or of an edge, or a scenario's name; empty for the process.
        field: an attribute of the node, edge or process, or an entry of the node's config.
        value: in JSON form; None where the field shall have its usual value, and where there is none to give.
    """

    kind: Kind
    target: str = ""
    field: str = ""
    value: Any = None

    def to_content(self) -> dict[str, Any]:
        """The JSON form."""
        return {"op": self.kind.value, "target": self.target, "field": self.field, "value": self.value}

    @classmethod
    def from_content(cls, content: object) -> Operation:
        """The operation that a JSON object means; raises CannotBeApplied."""
        if not isinstance(content, Mapping) or content.keys() - {"op", "target", "field", "value"}:
            raise CannotBeApplied("An operation has op, target, field and value.")
        kind, target, field = (content.get(name, "") for name in ("op", "target", "field"))
        if kind not in list(Kind) or not isinstance(target, str) or not isinstance(field, str):
            raise CannotBeApplied(f"{kind!r} is no operation; known are {', '.join(Kind)}.")
        return cls(Kind(kind), target, field, content.get("value"))


class CannotBeApplied(BusinessError):
    """What the operation is about is not there, or is there already: the draft has moved on since it was made."""

    status = 409


def apply(process: Process, operation: Operation) -> Process:
    """The process after an operation.

    Raises:
        CannotBeApplied: see there.
        InvalidFields: the value is of no shape.
    """
    return _APPLY[operation.kind](process, operation)


def apply_all(process: Process, operations: Iterable[Operation]) -> Process:
    """The process after all of them, one after the other."""
    for operation in operations:
        process = apply(process, operation)
    return process


def apply_and_invert(
    process: Process, operations: Iterable[Operation]
) -> tuple[Process, tuple[Operation, ...]]:
    """The process after all of them, and what takes them back together."""
    back: list[Operation] = []
    for operation in operations:
        back = [*invert(process, operation), *back]
        process = apply(process, operation)
    return process, tuple(back)


def invert(process: Process, operation: Operation) -> tuple[Operation, ...]:
    """What takes an operation back; `process` is the one before it. Raises CannotBeApplied."""
    kind, target, field = operation.kind, operation.target, operation.field
    if kind in _OPPOSITE:
        return (Operation(_OPPOSITE[kind], target),)
    if kind is Kind.REMOVE_NODE:
        return tuple(_brought_back(process, target))
    if kind is Kind.SET_NODE:
        return (Operation(kind, target, field, node_content(_node(process, target)).get(field)),)
    if kind in (Kind.SET_CONFIG, Kind.UNSET_CONFIG):
        config = _node(process, target).config
        if field in config:
            return (Operation(Kind.SET_CONFIG, target, field, config[field]),)
        return (Operation(Kind.UNSET_CONFIG, target, field),)
    if kind is Kind.DISCONNECT:
        return (Operation(Kind.CONNECT, target, value=edge_content(_edge(process, target))),)
    if kind is Kind.SET_EDGE:
        before = edge_content(_edge(process, target)).get(field)
        return (Operation(kind, _changed_edge(process, operation).id, field, before),)
    if kind is Kind.MOVE:
        place = process.layout.get(target)
        return (Operation(kind, target, value=None if place is None else list(place)),)
    if kind is Kind.SET_SCENARIO:
        before = next((scenario_content(each) for each in process.scenarios if each.name == target), None)
        return (Operation(kind, target, value=before),)
    return (Operation(kind, "", field, to_content(process).get(field)),)


def add_node(node: Node) -> Operation:
    """The operation that adds this node."""
    return Operation(Kind.ADD_NODE, node.id, value=node_content(node))


def connect(edge: Edge) -> Operation:
    """The operation that draws this edge."""
    return Operation(Kind.CONNECT, edge.id, value=edge_content(edge))


def set_scenario(scenario: Scenario) -> Operation:
    """The operation that writes this scenario."""
    return Operation(Kind.SET_SCENARIO, scenario.name, value=scenario_content(scenario))


def _node(process: Process, node_id: str) -> Node:
    node = process.node(node_id)
    if node is None:
        raise CannotBeApplied(f"There is no node {node_id!r}.", node_id)
    return node


def _edge(process: Process, edge_id: str) -> Edge:
    edge = process.edge(edge_id)
    if edge is None:
        raise CannotBeApplied(f"There is no edge {edge_id!r}.", edge_id)
    return edge


def _with_node(process: Process, node: Node) -> Process:
    return replace(process, nodes=(*(each for each in process.nodes if each.id != node.id), node))


def _added_node(process: Process, operation: Operation) -> Process:
    node = read_node(operation.value)
    if process.node(node.id) is not None or node.id != operation.target:
        raise CannotBeApplied(f"A node {node.id!r} is there already, or is not the one to be added.", node.id)
    return _with_node(process, node)


def _removed_node(process: Process, operation: Operation) -> Process:
    gone = _node(process, operation.target).id
    return replace(
        process,
        nodes=tuple(each for each in process.nodes if each.id != gone),
        edges=tuple(each for each in process.edges if gone not in (each.source, each.target)),
        layout={node_id: place for node_id, place in process.layout.items() if node_id != gone},
    )


def _set_node(process: Process, operation: Operation) -> Process:
    if operation.field == "id":
        raise CannotBeApplied("The id of a node never changes.", operation.target)
    content = _with_entry(node_content(_node(process, operation.target)), operation)
    return _with_node(process, read_node(content))


def _set_config(process: Process, operation: Operation) -> Process:
    node = _node(process, operation.target)
    content = {**node_content(node), "config": {**node.config, operation.field: operation.value}}
    return _with_node(process, read_node(content))


def _unset_config(process: Process, operation: Operation) -> Process:
    node = _node(process, operation.target)
    config = {name: value for name, value in node.config.items() if name != operation.field}
    return _with_node(process, replace(node, config=config))


def _connected(process: Process, operation: Operation) -> Process:
    edge = read_edge(operation.value)
    if process.edge(edge.id) is not None or edge.id != operation.target:
        raise CannotBeApplied(
            f"An edge {edge.id!r} is there already, or is not the one to be drawn.", edge.id
        )
    return replace(process, edges=(*process.edges, edge))


def _disconnected(process: Process, operation: Operation) -> Process:
    gone = _edge(process, operation.target)
    return replace(process, edges=tuple(each for each in process.edges if each.id != gone.id))


def _changed_edge(process: Process, operation: Operation) -> Edge:
    return read_edge(_with_entry(edge_content(_edge(process, operation.target)), operation))


def _set_edge(process: Process, operation: Operation) -> Process:
    changed = _changed_edge(process, operation)
    if changed.id != operation.target and process.edge(changed.id) is not None:
        raise CannotBeApplied(f"An edge {changed.id!r} is there already.", changed.id)
    return replace(process, edges=(*(each for each in process.edges if each.id != operation.target), changed))


def _moved(process: Process, operation: Operation) -> Process:
    layout = {
        node_id: list(place) for node_id, place in process.layout.items() if node_id != operation.target
    }
    if operation.value is not None:
        layout[_node(process, operation.target).id] = operation.value
    return replace(process, layout=read_process({"key": process.key, "layout": layout}).layout)


def _set_process(process: Process, operation: Operation) -> Process:
    if operation.field not in _OF_PROCESS:
        raise CannotBeApplied(f"{operation.field!r} of a process cannot be set.", operation.field)
    return read_process(_with_entry(to_content(process), operation))


def _set_scenario(process: Process, operation: Operation) -> Process:
    kept = [each for each in process.scenarios if each.name != operation.target]
    if operation.value is None:
        if len(kept) == len(process.scenarios):
            raise CannotBeApplied(f"There is no scenario {operation.target!r}.", operation.target)
        return replace(process, scenarios=tuple(kept))
    scenario = read_scenario(operation.value)
    if scenario.name != operation.target:
        raise CannotBeApplied("A scenario is set under its own name.", operation.target)
    return replace(process, scenarios=(*kept, scenario))


def _with_entry(content: Mapping[str, Any], operation: Operation) -> dict[str, Any]:
    changed = {name: value for name, value in content.items() if name != operation.field}
    return changed if operation.value is None else {**changed, operation.field: operation.value}


def _brought_back(process: Process, node_id: str) -> Iterator[Operation]:
    yield add_node(_node(process, node_id))
    for edge in process.edges:
        if node_id in (edge.source, edge.target):
            yield connect(edge)
    if node_id in process.layout:
        yield Operation(Kind.MOVE, node_id, value=list(process.layout[node_id]))


_APPLY: Final = {
    Kind.ADD_NODE: _added_node,
    Kind.REMOVE_NODE: _removed_node,
    Kind.SET_NODE: _set_node,
    Kind.SET_CONFIG: _set_config,
    Kind.UNSET_CONFIG: _unset_config,
    Kind.CONNECT: _connected,
    Kind.DISCONNECT: _disconnected,
    Kind.SET_EDGE: _set_edge,
    Kind.MOVE: _moved,
    Kind.SET_PROCESS: _set_process,
    Kind.SET_SCENARIO: _set_scenario,
}
