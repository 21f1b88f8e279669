"""A process as steps that name the next ones: `start_step`, then `node`, `go_to`, `condition`. Both ways, exactly."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from rules.errors import Invalid, InvalidFields
from rules.process import Edge, EdgeType, Process
from rules.process_content import edge_content, node_content, read_process, to_content

#: Where a step names the next ones -> the type of the edges; in this order they leave, unless one says its order.
_WAYS: Final = (
    ("go_to", EdgeType.SEQUENCE),
    ("satisfied", EdgeType.TRUE),
    ("not_satisfied", EdgeType.FALSE),
    ("always", EdgeType.ALWAYS),
    ("parallel", EdgeType.PARALLEL),
)
_IN_CONDITION: Final = ("satisfied", "not_satisfied")


def to_steps(process: Process) -> dict[str, Any]:
    """The step form of any process whose edges lead somewhere."""
    content = {name: value for name, value in to_content(process).items() if name not in ("nodes", "edges")}
    content["start_step"] = _targets([edge for edge in process.edges if edge.source is None], 0)
    content["steps"] = {}
    for node in process.nodes:
        written = node_content(node)
        step: dict[str, Any] = {"node": {name: value for name, value in written.items() if name != "id"}}
        condition: dict[str, Any] = {}
        place = 0
        for way, kind in _WAYS:
            edges = [edge for edge in process.edges if edge.source == node.id and edge.type is kind]
            if edges:
                (condition if way in _IN_CONDITION else step)[way] = _targets(edges, place)
            place += len(edges)
        if condition:
            step["condition"] = condition
        content["steps"][node.id] = step
    return content


def from_steps(content: object) -> Process:
    """The process that a step form means.

    A timeout that leads where neither answer leads becomes a condition of its own behind the step.

    Raises:
        InvalidFields: by the entry that is wrong, such as `steps.ask.go_to`.
    """
    if not isinstance(content, Mapping) or not isinstance(content.get("steps"), Mapping):
        raise InvalidFields({"steps": "There must be an object of steps, and a start_step."})
    reader = _Steps(content["steps"])
    try:
        for order, entry in enumerate(_listed(content.get("start_step", []))):
            reader.add_edge("start_step", None, EdgeType.START, order, entry)
        for step_id, step in content["steps"].items():
            reader.add_step(str(step_id), step)
    except Invalid as refusal:
        raise InvalidFields({refusal.field or "steps": refusal.message}) from None
    rest = {name: value for name, value in content.items() if name not in ("start_step", "steps")}
    try:
        return read_process({**rest, "nodes": reader.nodes, "edges": reader.edges})
    except InvalidFields as refusal:
        raise InvalidFields(dict(reader.renamed(refusal.problems))) from None


def _targets(edges: list[Edge], place: int) -> Any:
    """Next steps as text where nothing more is to be said, alone where there is one."""
    written: list[Any] = []
    for order, edge in enumerate(edges, place):
        content = edge_content(edge)
        entry: dict[str, Any] = {"step": edge.target}
        entry.update({name: content[name] for name in ("detached", "max_iterations") if name in content})
        if edge.order != order:
            entry["order"] = edge.order
        written.append(entry if len(entry) > 1 else edge.target)
    return written[0] if len(written) == 1 else written


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


class _Steps:
    """Steps as nodes and edges in their JSON form, with the place in the step form that each comes from."""

    def __init__(self, steps: Mapping[str, Any]) -> None:
        self.taken = dict.fromkeys(map(str, steps))
        self.nodes: list[dict[str, Any]] = []
        self.edges: list[dict[str, Any]] = []
        self.node_places: list[str] = []
        self.edge_places: list[str] = []

    def add_step(self, step_id: str, step: Any) -> None:
        at = f"steps.{step_id}"
        if not isinstance(step, Mapping) or not isinstance(step.get("node"), Mapping | str):
            raise Invalid("A step is an object with a node.", at)
        for name in sorted(map(str, step.keys() - {"node", "condition", "go_to", "always", "parallel"})):
            raise Invalid("This entry is unknown.", f"{at}.{name}")
        condition = step.get("condition", {})
        if not isinstance(condition, Mapping) or condition.keys() - {*_IN_CONDITION, "timeout"}:
            raise Invalid("A condition has satisfied, not_satisfied and timeout.", f"{at}.condition")
        said = step["node"]
        node: dict[str, Any] = {"type": said} if isinstance(said, str) else dict(said)
        ways = {**step, **condition}
        refused_by = step_id
        if "timeout" in condition:
            refused_by = self._add_timeout(step_id, node, condition, at)
        self._add_node(at, {**node, "id": step_id})
        order = 0
        for way, kind in _WAYS:
            source = refused_by if way == "not_satisfied" else step_id
            other = EdgeType.TRUE if source != step_id else kind
            for entry in _listed(ways[way]) if way in ways else ():
                self.add_edge(f"{at}.{way}", source, other, order, entry)
                order += 1

    def _add_timeout(self, step_id: str, node: dict[str, Any], condition: Mapping[str, Any], at: str) -> str:
        """Where a refusal leads on from: the step itself, or a condition that tells it from a timeout."""
        late = condition["timeout"]
        for way, kind in (("not_satisfied", EdgeType.FALSE), ("satisfied", EdgeType.TRUE)):
            if _listed(condition.get(way, [])) == _listed(late):
                node["on_timeout"] = kind.value
                return step_id
        number, answered = 2, f"{step_id}_answered"
        while answered in self.taken:
            answered, number = f"{step_id}_answered_{number}", number + 1
        self.taken[answered] = None
        node["on_timeout"] = EdgeType.FALSE.value
        test = {"left": f"{{{{{step_id}.outcome}}}}", "op": "neq", "right": "timeout"}
        self._add_node(at, {"id": answered, "type": "condition", "config": {"test": test}})
        self.add_edge(at, step_id, EdgeType.FALSE, 1, answered)
        for order, entry in enumerate(_listed(late)):
            self.add_edge(f"{at}.timeout", answered, EdgeType.FALSE, order, entry)
        return answered

    def add_edge(self, at: str, source: str | None, kind: EdgeType, order: int, entry: Any) -> None:
        said = entry if isinstance(entry, Mapping) else {"step": entry}
        if said.keys() - {"step", "order", "detached", "max_iterations"} or not isinstance(
            said.get("step"), str
        ):
            raise Invalid("Name the next step, or give an object with step.", at)
        rest = {name: value for name, value in said.items() if name != "step"}
        begins = {} if source is None else {"source": source}
        self.edges.append({**begins, "target": said["step"], "type": kind.value, "order": order, **rest})
        self.edge_places.append(at)

    def renamed(self, problems: Mapping[str, str]) -> Iterator[tuple[str, str]]:
        """Problems by their places in the step form."""
        for path, message in problems.items():
            group, _, rest = path.partition("[")
            number, _, entry = rest.partition("]")
            places = {"nodes": self.node_places, "edges": self.edge_places}.get(group)
            yield (f"{places[int(number)]}{entry}" if places and number else path), message

    def _add_node(self, at: str, node: dict[str, Any]) -> None:
        self.nodes.append(node)
        self.node_places.append(f"{at}.node")
