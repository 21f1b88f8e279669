"""The grid of rule sets as it is shown: a row a department, and the row being edited. Saves nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from flask_babel import gettext as _

from app import database
from app.access import may_here
from app.pages.finance.policy_form import TypedRules
from app.pages.finance.rule_text import Difference, differences
from rules.errors import NotFound
from rules.person import Act
from storage import department, policy
from storage import person as people
from storage.policy import DEFAULT, RuleSetRow


@dataclass(frozen=True)
class Conflict:
    """Somebody saved a newer version while this one was being edited.

    Attributes:
        theirs: what their version changed.
        mine: what saving the form on top of theirs would change.
    """

    edited: int
    newest: RuleSetRow
    saved_by: str
    theirs: Sequence[Difference]
    mine: Sequence[Difference]


@dataclass(frozen=True)
class Editing:
    """The row that is being edited.

    Attributes:
        replaces_version: the version that the form was filled from, 0 for a department without its own.
        problems: field -> what is wrong with it.
    """

    typed: TypedRules
    replaces_version: int
    problems: Mapping[str, str] = field(default_factory=dict)
    conflict: Conflict | None = None


@dataclass(frozen=True)
class GridRow:
    """One department in the grid.

    Attributes:
        own: the version of its own rules in force, None where it uses the default.
        content: the rules in force for it; None where there are none at all.
        candidate: the newest version that waits to be tried on some first; None where none does.
    """

    department_id: str
    name: str
    own: RuleSetRow | None
    content: Mapping[str, Any] | None
    saved_by: str
    candidate: RuleSetRow | None = None
    editing: Editing | None = None


def names_with_default() -> dict[str, str]:
    """Department id -> name, the default rules first."""
    return {DEFAULT: str(_("Default"))} | department.names(database.session())


def name_of(department_id: str) -> str:
    """The name of a department or of the default rules; raises NotFound."""
    name = names_with_default().get(department_id)
    if name is None:
        raise NotFound(_("There is no such department."))
    return name


def grid_rows(editing: Mapping[str, Editing] | None = None) -> list[GridRow]:
    """Every row; those named in `editing` are open for editing."""
    session = database.session()
    newest = {row.department_id: row for row in policy.newest(session)}
    candidates = {row.department_id: row for row in reversed(policy.candidates(session))}
    writers = people.names(session, [row.created_by for row in newest.values() if row.created_by])
    rows = []
    for department_id, name in names_with_default().items():
        own = newest.get(department_id)
        used = own or newest.get(DEFAULT)
        saved_by = writers.get(own.created_by, "") if own is not None and own.created_by else ""
        content = used.content if used else None
        opened = (editing or {}).get(department_id)
        rows.append(
            GridRow(department_id, name, own, content, saved_by, candidates.get(department_id), opened)
        )
    return rows


def open_for_editing(department_id: str) -> Editing:
    """The form of a department's newest version, or of the default for one without its own."""
    in_force = policy.in_force(database.session(), department_id)
    own = in_force is not None and in_force.department_id == department_id
    typed = TypedRules.of_content(in_force.content) if in_force else TypedRules()
    return Editing(typed, in_force.version if own and in_force else 0)


def conflict(department_id: str, typed: TypedRules, edited: int) -> Conflict | None:
    """What stands in the way of saving, None where nothing does any more."""
    session = database.session()
    newest = policy.in_force(session, department_id)
    if newest is None or newest.department_id != department_id or newest.version == edited:
        return None
    names = department.names(session)
    before = next((row for row in policy.versions(session, department_id) if row.version == edited), None)
    writer = people.names(session, [newest.created_by]).get(newest.created_by) if newest.created_by else None
    return Conflict(
        edited,
        newest,
        writer or str(_("the system")),
        differences(before.content if before else {}, newest.content, names),
        differences(newest.content, typed.to_content(), names),
    )


def may_edit() -> bool:
    """Whether whoever is logged in may change rules; everybody else reads."""
    return may_here(Act.WRITE_POLICY)
