"""What a template of a process is: fields to fill in, and the process with its scenarios that comes of them. Knows none."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from rules.errors import InvalidFields
from rules.person import Role
from rules.process import Process
from rules.process_content import read_process
from rules.process_cover_make import cover
from rules.process_language import Language, both
from rules.process_node import Field, FieldKind, field_complaints

#: Node id -> type, name and config.
Nodes = Mapping[str, tuple[str, str, Mapping[str, Any]]]
#: An edge: source, its branch in short, target; an empty source is the start.
Way = tuple[str, str, str]
_ROLES: Final = (Role.MANAGER.value, Role.FINANCE.value, Role.PLATFORM.value)
REQUESTER: Final = [{"person": "{{input.requester}}"}]
BOSS: Final = [{"manager_of": "{{input.requester}}"}]
DEADLINE: Final = Field(
    "deadline", FieldKind.DURATION, "How long each may take to answer", True, "7 d", hint="For example 7 d."
)
REMINDER: Final = Field(
    "reminder", FieldKind.DURATION, "Reminded after", True, "3 d", hint="Sooner than the deadline."
)
_BRANCHES: Mapping[str, str] = {
    "": "sequence",
    "yes": "true_branch",
    "no": "false_branch",
    "also": "parallel",
}


@dataclass(frozen=True)
class Shape:
    """What a template draws.

    Attributes:
        inputs: name -> kind.
        more: node id -> what it has beside its config, such as its join.
        rounds: ways that lead back -> how often their body may run in all.
    """

    nodes: Nodes
    ways: Sequence[Way]
    inputs: Mapping[str, str]
    more: Mapping[str, Mapping[str, Any]] | None = None
    rounds: Mapping[Way, int] | None = None


@dataclass(frozen=True)
class Template:
    """One template.

    Attributes:
        says: what it is for, in a sentence of each language.
        fields: what is filled in, each with its usual value.
    """

    key: str
    title: Mapping[Language, str]
    says: Mapping[Language, str]
    fields: tuple[Field, ...]
    shape: Callable[[Mapping[str, Any], Language], Shape]

    @property
    def usual(self) -> dict[str, Any]:
        """Every field with its usual value."""
        return {each.name: each.usual for each in self.fields}


def judge_values(template: Template, values: Mapping[str, Any]) -> dict[str, Any]:
    """What was filled in, with the usual value where nothing was.

    Raises:
        InvalidFields: by the name of the field.
    """
    filled = {each.name: values.get(each.name, each.usual) for each in template.fields}
    problems = {
        complaint.field: f"{complaint.message} {complaint.hint}".strip()
        for each in template.fields
        for complaint in field_complaints(each, filled)
    }
    problems |= {name: "This template asks for no such thing." for name in values if name not in filled}
    if problems:
        raise InvalidFields(problems)
    return filled


def make_process(
    template: Template, key: str, name: str, values: Mapping[str, Any], language: Language = Language.ENGLISH
) -> Process:
    """The process of a template, with a scenario for every edge; raises InvalidFields."""
    shape = template.shape(judge_values(template, values), language)
    more, rounds = shape.more or {}, shape.rounds or {}
    content = {
        "key": key,
        "name": name or template.title[language],
        "inputs": [{"name": each, "kind": kind} for each, kind in shape.inputs.items()],
        "nodes": [
            {"id": node_id, "type": kind, "name": title, "config": config, **more.get(node_id, {})}
            for node_id, (kind, title, config) in shape.nodes.items()
        ],
        "edges": [_edge(way, order, rounds.get(way, 0)) for order, way in enumerate(shape.ways)],
    }
    process = read_process(content)
    return replace(process, scenarios=cover(process))


def role_field(name: str, title: str, usual: Role) -> Field:
    """A field for one of the roles that decide."""
    return Field(name, FieldKind.CHOICE, title, True, usual.value, _ROLES)


def limit_field(title: str, usual: str) -> Field:
    """The field `limit`, an amount."""
    return Field("limit", FieldKind.AMOUNT, title, True, usual, hint="For example 500.00.")


def address_fields(usual: str) -> tuple[Field, Field]:
    """The fields of a webhook."""
    hint = "The name of a secret, not the secret."
    return (
        Field("address", FieldKind.ADDRESS, "Address that is called", True, usual, hint="https://…"),
        Field("secret_name", FieldKind.WORD, "Signed with", True, "partner", hint=hint),
    )


def ask(who: list[dict[str, Any]], question: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """The config of an approval, with DEADLINE and REMINDER as they were filled in."""
    return {
        "who": who, "question": question, "deadline": values["deadline"], "reminders": [values["reminder"]],
    }  # fmt: skip


def tell(who: list[dict[str, Any]], subject: str) -> dict[str, Any]:
    """The config of a notice."""
    return {"to": who, "subject": subject}


def test(left: str, op: str, right: Any, **more: str) -> dict[str, Any]:
    """The config of a condition with one test."""
    return {"test": {"left": left, "op": op, "right": right, **more}}


def ends(language: Language) -> dict[str, tuple[str, str, dict[str, Any]]]:
    """The nodes `approved` and `refused`."""
    return {
        "approved": ("end", both("Approved", "Aprobado")[language], {"result": "satisfied"}),
        "refused": ("end", both("Refused", "Rechazado")[language], {"result": "not_satisfied"}),
    }


def _edge(way: Way, order: int, rounds: int) -> dict[str, Any]:
    source, branch, target = way
    edge: dict[str, Any] = {
        "target": target,
        "type": _BRANCHES[branch] if source else "start",
        "order": order,
    }
    return edge | ({"source": source} if source else {}) | ({"max_iterations": rounds} if rounds else {})
