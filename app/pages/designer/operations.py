"""What a form of the designer means, in the one vocabulary of changes: see rules/process_edit.py. Saves nothing."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields
from typing import Any, Final

from flask_babel import gettext as _
from werkzeug.datastructures import MultiDict

from app.pages.designer.typed import read_field, read_seconds
from app.process_yaml import read_definition
from rules.errors import Invalid
from rules.process import LONGEST_ID, RESERVED_IDS, Edge, EdgeType, Node, Process, Retry, Scenario
from rules.process_content import edge_content, node_content, read_edge, read_node, to_content
from rules.process_cover_make import cover, scenario_for
from rules.process_diff import diff
from rules.process_edit import CannotBeApplied, Kind, Operation, add_node, connect, set_scenario
from rules.process_nodes import NODE_TYPES
from rules.process_plan import make_plan
from rules.process_sandbox import Chosen
from rules.process_scenario import as_it_goes

Form = MultiDict[str, str]
#: What one save may hold; an automatic layout moves every node.
MOST_OPERATIONS: Final = 1000
_LONGEST_BATCH: Final = 200_000
#: Of a node, beside its config.
_NODE_FIELDS: Final = ("name", "join", "on_error", "on_timeout")


def read_operations(written: object) -> tuple[Operation, ...]:
    """A list of operations in JSON form; raises Invalid or CannotBeApplied."""
    if isinstance(written, str):
        try:
            written = json.loads(written[:_LONGEST_BATCH])
        except ValueError:
            raise Invalid(_("The changes cannot be read. Please load the page again.")) from None
    if not isinstance(written, list) or len(written) > MOST_OPERATIONS:
        raise Invalid(_("A save holds a list of up to %(num)s changes.", num=MOST_OPERATIONS))
    return tuple(Operation.from_content(each) for each in written)


def form_operations(process: Process, form: Form) -> tuple[Operation, ...]:
    """The changes that a sent form means; raises Invalid, InvalidFields or CannotBeApplied."""
    act = _ACTS.get(form.get("do", ""))
    if act is None:
        raise Invalid(_("The form does not say what it changes. Please load the page again."))
    return tuple(act(process, form))


def free_id(process: Process, wish: str) -> str:
    """An id for a new node, near to a name that people gave it."""
    plain = unicodedata.normalize("NFKD", wish).encode("ascii", "ignore").decode().lower()
    stem = re.sub(r"[^a-z0-9]+", "_", plain).strip("_")[: LONGEST_ID - 5]
    if not stem or not stem[0].isalpha():
        stem = f"node_{stem}".rstrip("_")
    taken = {node.id for node in process.nodes} | set(RESERVED_IDS)
    return next(name for name in _numbered(stem) if name not in taken)


def _numbered(stem: str) -> Iterator[str]:
    yield stem
    number = 2
    while True:
        yield f"{stem}_{number}"
        number += 1


def usual_edge(process: Process, source: str) -> EdgeType:
    """The type of the next edge that leaves a node: its free branch, else one that just goes on."""
    node = process.node(source)
    kind = NODE_TYPES.get(node.type) if node else None
    if kind is not None and kind.branches:
        taken = {edge.type for edge in process.edges if edge.source == source}
        return next((each for each in (EdgeType.TRUE, EdgeType.FALSE) if each not in taken), EdgeType.TRUE)
    return EdgeType.SEQUENCE


def _add(process: Process, form: Form) -> Iterator[Operation]:
    key, name, after = form.get("type", ""), form.get("name", "").strip(), form.get("after", "")
    if key not in NODE_TYPES:
        raise Invalid(_("Please choose a type."), "type")
    node = read_node({"id": free_id(process, name or key), "type": key, **({"name": name} if name else {})})
    yield add_node(node)
    if after:
        if process.node(after) is None:
            raise CannotBeApplied(f"There is no node {after!r}.", "after")
        yield connect(Edge(after, node.id, usual_edge(process, after)))
    elif not any(edge.source is None for edge in process.edges):
        yield connect(Edge(None, node.id, EdgeType.START))


def _remove(process: Process, form: Form) -> Iterator[Operation]:
    yield Operation(Kind.REMOVE_NODE, form.get("node", ""))


def _save_node(process: Process, form: Form) -> Iterator[Operation]:
    node = process.node(form.get("node", ""))
    if node is None:
        raise CannotBeApplied(_("This node was removed meanwhile."))
    wanted: dict[str, Any] = {name: form.get(name, "").strip() or None for name in _NODE_FIELDS}
    wanted["quorum"] = _whole(form.get("quorum", "")) if wanted["join"] == "quorum" else None
    wanted["cancel_rest"] = True if form.get("cancel_rest") and wanted["join"] in ("any", "quorum") else None
    if "retry.attempts" in form:
        wanted["retry"] = _retry(node, form)
    yield from _set(Kind.SET_NODE, node.id, node_content(node), _usual_left_out(node, wanted))
    yield from _set_config(node, form)


def _retry(node: Node, form: Form) -> dict[str, Any] | None:
    """How often it is tried, without what is as usual; None where all of it is, and nobody had said so."""
    usual, found = Retry(), {}
    for each in fields(Retry):
        text = form.get(f"retry.{each.name}", "").strip()
        if text:
            lasts = each.name.endswith("_seconds")
            value = read_seconds(text, f"retry.{each.name}") if lasts else _whole(text)
            if value != getattr(usual, each.name):
                found[each.name] = value
    return found if found or node.retry == usual else None


def _usual_left_out(node: Node, wanted: Mapping[str, Any]) -> dict[str, Any]:
    """What has its usual value is not written."""
    usual = Node(node.id, node.type)
    return {
        name: None if value == getattr(usual, name) and name != "name" else value
        for name, value in wanted.items()
    }


def _set(
    kind: Kind, target: str, before: Mapping[str, Any], wanted: Mapping[str, Any]
) -> Iterator[Operation]:
    for name, value in wanted.items():
        if before.get(name) != value:
            yield Operation(kind, target, name, value)


def _set_config(node: Node, form: Form) -> Iterator[Operation]:
    kind = NODE_TYPES.get(node.type)
    for field in kind.fields if kind else ():
        lead = f"config.{field.name}"
        inputs = {
            name.removeprefix(lead).removeprefix("."): ", ".join(form.getlist(name))
            for name in form
            if name == lead or name.startswith(f"{lead}.")
        }
        if not inputs:
            continue  # a field that the form did not show stays as it is
        value, before = read_field(field, inputs), node.config.get(field.name)
        if value is None and field.name in node.config:
            yield Operation(Kind.UNSET_CONFIG, node.id, field.name)
        elif json.dumps(value) != json.dumps(before):
            yield Operation(Kind.SET_CONFIG, node.id, field.name, value)


def _connect(process: Process, form: Form) -> Iterator[Operation]:
    source, target = form.get("source", ""), form.get("target", "")
    kind = form.get("type") or (usual_edge(process, source).value if source else EdgeType.START.value)
    if not target:
        raise Invalid(_("Please choose where it leads to."), "target")
    edge = read_edge({"target": target, "type": kind, **({"source": source} if source else {})})
    for end in (edge.source, edge.target):
        if end is not None and process.node(end) is None:
            raise CannotBeApplied(f"There is no node {end!r}.", "target")
    yield connect(edge)


def _save_edge(process: Process, form: Form) -> Iterator[Operation]:
    edge = process.edge(form.get("edge", ""))
    if edge is None:
        raise CannotBeApplied(_("This edge was removed meanwhile."))
    wanted = {
        "order": _whole(form.get("order", "")) or None,
        "detached": True if form.get("detached") else None,
        "max_iterations": _whole(form.get("max_iterations", "")) or None,
    }
    kind = form.get("type", edge.type.value)
    if kind != edge.type.value:
        changed = read_edge({**edge_content(edge), "type": kind})
        yield Operation(Kind.SET_EDGE, edge.id, "type", kind if kind != EdgeType.SEQUENCE else None)
        yield from _set(Kind.SET_EDGE, changed.id, edge_content(changed), wanted)
    else:
        yield from _set(Kind.SET_EDGE, edge.id, edge_content(edge), wanted)


def _disconnect(process: Process, form: Form) -> Iterator[Operation]:
    yield Operation(Kind.DISCONNECT, form.get("edge", ""))


def _save_process(process: Process, form: Form) -> Iterator[Operation]:
    inputs = []
    for number in range(60):
        name = form.get(f"inputs.{number}.name", "").strip()
        if name:
            kind, needed = form.get(f"inputs.{number}.kind", "any"), form.get(f"inputs.{number}.required")
            inputs.append(
                {
                    "name": name,
                    **({"kind": kind} if kind != "any" else {}),
                    **({} if needed else {"required": False}),
                }
            )
    failure = form.get("on_branch_failure", "")
    lasts = form.get("detached_timeout", "").strip()
    seconds = read_seconds(lasts, "detached_timeout") if lasts else Process.detached_timeout_seconds
    wanted = {
        "name": form.get("name", "").strip() or None,
        "detached_timeout_seconds": None if seconds == Process.detached_timeout_seconds else seconds,
        "inputs": sorted(inputs, key=lambda each: str(each["name"])) or None,
        "on_branch_failure": failure if failure == "finish_running" else None,
    }
    yield from _set(Kind.SET_PROCESS, "", to_content(process), wanted)


def _given(process: Process, form: Form) -> Iterator[Operation]:
    yield from read_operations(form.get("operations", ""))


def _written(process: Process, form: Form) -> Iterator[Operation]:
    """What leads from the draft to the text that somebody wrote, the canvas included."""
    wanted = read_definition(form.get("text", ""))
    if wanted.key != process.key:
        raise Invalid(_("The key stays the same in every version: %(key)s.", key=process.key), "key")
    yield from diff(process, wanted, with_layout=True)


def _cover(process: Process, form: Form) -> Iterator[Operation]:
    """Scenarios for one edge, or for all that none takes yet."""
    edge = form.get("edge", "")
    if not edge:
        known = {each.name for each in process.scenarios}
        yield from (set_scenario(each) for each in cover(process) if each.name not in known)
        return
    if process.edge(edge) is None:
        raise CannotBeApplied(_("This edge was removed meanwhile."))
    made = scenario_for(make_plan(process), edge, [each.name for each in process.scenarios])
    if made is None:
        raise Invalid(_("No outcome of any node takes a run over this edge."), "edge")
    yield set_scenario(made)


def _accept(process: Process, form: Form) -> Iterator[Operation]:
    """A scenario that expects from now on what happens."""
    old = _scenario(process, form)
    yield set_scenario(as_it_goes(make_plan(process), old.name, Chosen(old.given, old.outcomes, old.outputs)))


def _drop(process: Process, form: Form) -> Iterator[Operation]:
    yield Operation(Kind.SET_SCENARIO, _scenario(process, form).name)


def _scenario(process: Process, form: Form) -> Scenario:
    name = form.get("scenario", "")
    found = next((each for each in process.scenarios if each.name == name), None)
    if found is None:
        raise CannotBeApplied(_("This scenario was removed meanwhile."))
    return found


def _whole(text: str) -> Any:
    text = text.strip()
    return int(text) if re.fullmatch(r"[0-9]{1,9}", text, re.ASCII) else text or None


_ACTS: Final[Mapping[str, Callable[[Process, Form], Iterator[Operation]]]] = {
    "add": _add,
    "remove": _remove,
    "save_node": _save_node,
    "connect": _connect,
    "save_edge": _save_edge,
    "disconnect": _disconnect,
    "save_process": _save_process,
    "apply": _given,
    "write": _written,
    "cover": _cover,
    "accept_scenario": _accept,
    "drop_scenario": _drop,
}
