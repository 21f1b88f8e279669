"""The outline: the graph as a list, edited by forms. The canvas changes the same draft through the same address."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from flask import jsonify, make_response, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from app import database
from app.access import may_here, opens
from app.errors import is_htmx, wants_json
from app.pages.designer.draft import Opened, Saved, answer, open_draft, problems_of, save
from app.pages.designer.operations import form_operations, read_operations
from app.pages.designer.routes import pages
from app.pages.designer.typed import FormField, form_field, write_seconds
from app.process_yaml import write_yaml
from rules.errors import BusinessError, Invalid, InvalidFields, NotFound
from rules.person import Act, Role
from rules.process import (
    Edge,
    EdgeType,
    Join,
    Node,
    OnBranchFailure,
    OnError,
    OnTimeout,
    Process,
    Retry,
    ValueKind,
)
from rules.process_condition import READ_AS, Operator
from rules.process_content import to_content
from rules.process_edit import Operation
from rules.process_edit_words import describe
from rules.process_language import Language
from rules.process_node import NodeType
from rules.process_nodes import NODE_TYPES
from rules.process_plan import ProcessCannotRun, make_plan
from rules.process_problem import Problem, Severity
from storage.process import DraftChanged

#: The icon of each type of node; one without its own gets a circle.
ICONS: Final[Mapping[str, str]] = {
    "approval": "users", "automated_review": "robot", "call_external": "external-link",
    "condition": "arrows-split", "end": "flag", "notify": "bell", "place_order": "shopping-cart",
    "send_message": "mail", "set": "edit", "sub_process": "package", "validate_product": "list-check",
    "wait": "clock", "wait_for_signal": "loader", "webhook": "arrow-right",
}  # fmt: skip


@dataclass(frozen=True)
class Line:
    """One node in the outline, in an order in which it may run."""

    place: int
    node: Node
    kind: NodeType | None
    says: str
    leaving: Sequence[Edge]
    problems: Sequence[Problem]


@dataclass(frozen=True)
class Told:
    """What the last change came to.

    Attributes:
        said: sentences about what was saved, or why nothing was.
        back: operations in JSON that take it back; empty where there is nothing to take back.
        again: operations in JSON that were not saved as somebody else was quicker.
        fields: field -> what is wrong with it.
    """

    said: Sequence[str] = ()
    tone: str = "ok"
    back: str = ""
    again: str = ""
    fields: Mapping[str, str] = field(default_factory=dict)


@pages.get("/processes/<key>/outline", endpoint="processes_outline")
@opens(Act.DRAW_PROCESS)
def outline(key: str) -> ResponseReturnValue:
    """The whole draft as a list, and one node, edge or the process itself opened for editing."""
    return _page(open_draft(key), Told())


@pages.get("/processes/<key>/inspect", endpoint="processes_inspect")
@opens(Act.DRAW_PROCESS)
def inspect(key: str) -> ResponseReturnValue:
    """Only the form of what is opened: the canvas shows it beside the graph."""
    opened = open_draft(key)
    return render_template("designer/_inspector.html", **_shown(opened, Told()))


@pages.post("/processes/<key>/edit", endpoint="processes_edit")
@opens(Act.DRAW_PROCESS)
def edit(key: str) -> ResponseReturnValue:
    """Apply operations, or what a form means, to the draft that was read; programs get JSON back, people the page."""
    sent = _sent()
    opened = open_draft(key)
    try:
        operations = (
            read_operations(sent["operations"])
            if request.is_json
            else form_operations(opened.process, request.form)
        )
        saved = save(opened, _revision(sent.get("revision")), operations)
    except BusinessError as refusal:
        if wants_json() or isinstance(refusal, NotFound):
            raise
        database.session().rollback()
        return _refused(open_draft(key), refusal)
    database.commit()
    if wants_json():
        return jsonify(answer(saved))
    return _page(saved.opened, _told(saved, operations))


def _sent() -> Mapping[str, Any]:
    if not request.is_json:
        return request.form
    given = request.get_json()
    if not isinstance(given, dict) or "operations" not in given:
        raise Invalid(_("A save has a revision and operations."))
    return given


def _revision(given: object) -> int:
    text = str(given)
    if not (text.isascii() and text.isdigit() and len(text) < 9):
        raise Invalid(_("The form does not say which draft it changes. Please load the page again."))
    return int(text)


def _told(saved: Saved, operations: Sequence[Operation]) -> Told:
    if not saved.back:
        return Told([str(_("Nothing was changed."))], "move")
    said = [describe(each, Language.ENGLISH) for each in operations[:6]]
    return Told([str(_("Saved.")), *said], back=_written(saved.back))


def _written(operations: Sequence[Operation]) -> str:
    return json.dumps([each.to_content() for each in operations], ensure_ascii=False)


def _refused(opened: Opened, refusal: BusinessError) -> ResponseReturnValue:
    """Say what stands in the way, and keep what was typed so that it can be put on top of what is there by now."""
    fields = refusal.problems if isinstance(refusal, InvalidFields) else {}
    again = ""
    if isinstance(refusal, DraftChanged):
        try:
            again = _written(form_operations(opened.process, request.form))
        except BusinessError as late:
            return _page(opened, Told([refusal.message, late.message], "no"), 409)
    return _page(opened, Told([refusal.message], "no", again=again, fields=fields), refusal.status)


def _page(opened: Opened, told: Told, status: int = 200) -> ResponseReturnValue:
    part = "designer/_outline.html" if is_htmx() else "designer/outline.html"
    shown = _shown(opened, told)
    return make_response(
        render_template(part, lines=_lines(opened.process, shown["problems"]), **shown), status
    )


def _shown(opened: Opened, told: Told) -> dict[str, Any]:
    process, problems = opened.process, problems_of(opened)
    chosen = request.values.get("node") or request.values.get("source", "")
    node = process.node(chosen)
    edge = process.edge(request.values.get("edge", ""))
    if request.form.get("do") == "add":
        node = _newest(opened.process, request.form.get("before", "")) or node
    kind = NODE_TYPES.get(node.type) if node else None
    here = edge.id if edge else node.id if node else ""
    return {
        "opened": opened,
        "process": process,
        "problems": problems,
        "errors": sum(each.severity is Severity.ERROR for each in problems),
        "told": told,
        "text": _text(opened, told),
        "node": None if edge else node,
        "edge": edge,
        "kind": kind,
        "fields": _fields(node, kind),
        "here_problems": [each for each in problems if here and here in (each.node, each.edge)],
        "leaving": [each for each in process.edges if node and each.source == node.id],
        "entering": [each for each in process.edges if node and each.target == node.id],
        "known": ",".join(each.id for each in process.nodes),
        "may_check": may_here(Act.DRAW_PROCESS),
        **_words(process),
    }


def _text(opened: Opened, told: Told) -> str:
    """The draft as YAML, where that is what is opened; what was typed, where it was refused."""
    if request.values.get("as") != "text":
        return ""
    typed = request.form.get("text", "") if told.tone == "no" else ""
    return typed or write_yaml(to_content(opened.process))


def _newest(process: Process, before: str) -> Node | None:
    """The node that was added since the page was shown."""
    known = set(before.split(","))
    return next((each for each in process.nodes if each.id not in known), None)


def _fields(node: Node | None, kind: NodeType | None) -> list[FormField]:
    return [form_field(each, node.config) for each in kind.fields] if node and kind else []


def _words(process: Process) -> dict[str, Any]:
    return {
        "types": sorted(NODE_TYPES.values(), key=lambda each: each.title[Language.ENGLISH]),
        "icons": ICONS,
        "edge_types": [each for each in EdgeType if each is not EdgeType.START],
        "edge_words": EDGE_WORDS,
        "joins": list(Join),
        "on_errors": list(OnError),
        "on_timeouts": list(OnTimeout),
        "on_failures": list(OnBranchFailure),
        "usual_retry": Retry(),
        "say_seconds": write_seconds,
        "kinds": list(ValueKind),
        "operators": list(Operator),
        "read_as": READ_AS,
        "roles": list(Role),
        "titles": {each.id: each.title for each in process.nodes},
        "en": Language.ENGLISH,
        "paths": _paths(process),
    }


#: What each type of edge is called in a form.
EDGE_WORDS: Final[Mapping[EdgeType, str]] = {
    EdgeType.START: "start",
    EdgeType.SEQUENCE: "then",
    EdgeType.TRUE: "if yes",
    EdgeType.FALSE: "if no",
    EdgeType.ALWAYS: "in any case",
    EdgeType.PARALLEL: "at the same time",
}


def _paths(process: Process) -> list[str]:
    """What a template may name, offered while somebody types."""
    found = [f"{{{{input.{each.name}}}}}" for each in process.inputs]
    for node in process.nodes:
        kind = NODE_TYPES.get(node.type)
        if kind is not None:
            found += [f"{{{{{node.id}.{name}}}}}" for name in ("outcome", *kind.outputs)]
    return found


def _lines(process: Process, problems: Sequence[Problem]) -> list[Line]:
    lines = []
    for place, node in enumerate(_in_order(process), 1):
        kind = NODE_TYPES.get(node.type)
        leaving = [edge for edge in process.edges if edge.source == node.id]
        ours = {node.id, *(edge.id for edge in leaving)}
        found = [each for each in problems if each.node in ours or each.edge in ours]
        says = kind.say(node.config, Language.ENGLISH) if kind else node.type
        lines.append(Line(place, node, kind, says, leaving, found))
    return lines


def _in_order(process: Process) -> Sequence[Node]:
    try:
        plan = make_plan(process)
    except ProcessCannotRun:
        return process.nodes
    return [plan.nodes[number] for number in plan.order]
