"""What a check of a process says: one catalogue of codes with how bad each is. Finds nothing itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final


class Severity(StrEnum):
    """An error keeps a process from being deployed; drafts are saved with any of them."""

    ERROR = "error"
    WARNING = "warning"


_E, _W = Severity.ERROR, Severity.WARNING
#: Every code that a check may give.
CODES: Final[Mapping[str, Severity]] = {
    # the shape of the graph
    "start_missing": _E,
    "id_unsafe": _E,
    "id_doubled": _E,
    "type_unknown": _E,
    "edge_dangling": _E,
    "edge_doubled": _E,
    "edge_type_not_allowed": _E,
    "branch_missing": _E,
    "node_unreachable": _E,
    "end_unreachable": _E,
    "circle": _E,
    "rework_illegal": _E,
    "detached_not_closed": _E,
    "join_illegal": _E,
    # what the nodes say
    "config_unknown": _E,
    "config_missing": _E,
    "config_invalid": _E,
    "approval_policy": _E,
    "approval_times": _E,
    "webhook_address": _E,
    "template_unreadable": _E,
    "path_unknown": _E,
    "path_may_be_missing": _E,  # a warning while it is a draft
    "type_mismatch": _E,
    "variable_written_twice": _E,
    "secret_in_template": _E,
    # what it means
    "order_not_agreed": _E,
    "approver_missing": _E,
    "deadline_missing": _E,
    "role_unknown": _E,
    "process_unknown": _E,
    "condition_constant": _W,
    "outcome_ignored": _W,
    "triggers_itself": _W,
    "definition_too_large": _E,
    "many_nodes": _W,
    "many_branches": _W,
    "long_history": _W,
}


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong, and where.

    Attributes:
        node, edge: the id of what it is about; empty where it is about the whole.
        field: the entry of the node's config, or the attribute of the node or edge; empty where none is meant.
        message: what is wrong.
        hint: what would be right.
    """

    code: str
    severity: Severity
    message: str
    hint: str = ""
    node: str = ""
    edge: str = ""
    field: str = ""

    def to_content(self) -> dict[str, Any]:
        """The JSON form."""
        return {
            "code": self.code,
            "severity": self.severity.value,
            "node": self.node,
            "edge": self.edge,
            "field": self.field,
            "message": self.message,
            "hint": self.hint,
        }


def problem(
    code: str, message: str, hint: str = "", *, node: str = "", edge: str = "", field: str = ""
) -> Problem:
    """A problem, as bad as the catalogue says."""
    return Problem(code, CODES[code], message, hint, node, edge, field)


@dataclass(frozen=True)
class Surroundings:
    """What a process may name outside of itself. None: not known here, so nothing is said about it.

    Attributes:
        roles: whom approvals may name.
        processes: keys of those that a sub-process may be.
        triggers: the kinds of things whose events start this process, such as `request`.
        is_draft: nobody wants to deploy it yet.
    """

    roles: tuple[str, ...] | None = None
    processes: tuple[str, ...] | None = None
    triggers: tuple[str, ...] = ()
    is_draft: bool = False
