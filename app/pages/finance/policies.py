"""Rule sets per department in one grid: read, edited in place, every version kept. What is valid is in rules/policy.py."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

from flask import flash, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from app import database
from app.access import current_person, may_here, opens
from app.errors import is_htmx
from app.pages.finance.grid import (
    Editing,
    conflict,
    grid_rows,
    may_edit,
    name_of,
    names_with_default,
    open_for_editing,
)
from app.pages.finance.policy_form import TypedRules, judge_note, problems_of
from app.pages.finance.routes import pages
from app.pages.finance.rule_text import TITLES, Difference, cell, differences, entries
from app.pages.finance.try_out import try_out
from app.spreadsheet import Cell, csv_download
from rules.errors import Invalid, InvalidFields, NotFound
from rules.money import MINOR_DIGITS
from rules.person import Act
from rules.policy import CATEGORIES
from storage import department, policy, policy_list
from storage import person as people
from storage.audit import Actor
from storage.policy import RuleSetChanged, RuleSetRow


@pages.get("/policy")
@opens(Act.READ_POLICY)
def policies() -> ResponseReturnValue:
    """The grid, and a box to try a version out."""
    return _page({})


def _page(editing: Mapping[str, Editing]) -> str:
    return render_template("finance/policies.html", rows=grid_rows(editing), tried=try_out(), **_shared())


def _shared() -> dict[str, object]:
    return {
        "titles": TITLES,
        "cell": cell,
        "entries": entries,
        "departments": department.names(database.session()),
        "categories": CATEGORIES,
        "currencies": list(MINOR_DIGITS),
        "may_edit": may_edit(),
    }


@pages.get("/policy/try")
@opens(Act.READ_POLICY)
def policies_try() -> ResponseReturnValue:
    """One version on one typed-in sample; saves nothing."""
    if not is_htmx():
        return redirect(url_for("finance.policies", **_kept(), _anchor="try"), 303)
    return render_template("finance/_tried.html", tried=try_out(), **_shared())


def _kept() -> dict[str, Any]:
    return dict(request.args.to_dict())


@pages.get("/policy/<department_id>/edit")
@opens(Act.WRITE_POLICY)
def policies_edit(department_id: str) -> ResponseReturnValue:
    """Open a row for editing."""
    name_of(department_id)
    return _row(department_id, open_for_editing(department_id))


@pages.get("/policy/<department_id>/row")
@opens(Act.READ_POLICY)
def policies_row(department_id: str) -> ResponseReturnValue:
    """Close a row again, as it stands in the store."""
    name_of(department_id)
    return _row(department_id, None)


def _row(department_id: str, editing: Editing | None, status: int = 200) -> ResponseReturnValue:
    opened = {} if editing is None else {department_id: editing}
    if not is_htmx():
        return make_response(_page(opened), status)
    row = next(one for one in grid_rows(opened) if one.department_id == department_id)
    return make_response(render_template("finance/_policy_row.html", row=row, **_shared()), status)


@pages.post("/policy/<department_id>/check/<field>")
@opens(Act.WRITE_POLICY)
def policies_check(department_id: str, field: str) -> ResponseReturnValue:
    """What is wrong with one cell as it is typed now; saves nothing."""
    name_of(department_id)
    if field not in TITLES:
        raise NotFound(_("There is no such entry in a rule set."))
    problem = problems_of(_typed()).get(field, "")
    return render_template("finance/_problem.html", problem=problem)


@pages.post("/policy/<department_id>")
@opens(Act.WRITE_POLICY)
def policies_save(department_id: str) -> ResponseReturnValue:
    """Save a row as the next version: in force from this moment on, or a candidate to try on some first."""
    name = name_of(department_id)
    typed, replaces = _typed(), _replaces_version()
    editing, as_candidate = Editing(typed, replaces), request.form.get("as") == "candidate"
    try:
        note = judge_note(typed.note)
        _refuse_unchanged(department_id, typed, replaces)
        saved = policy.save_version(
            database.session(),
            department_id,
            typed.to_content(),
            Actor.person(current_person().id),
            replaces_version=replaces,
            note=note,
            as_candidate=as_candidate,
        )
    except InvalidFields as refusal:
        return _row(department_id, replace(editing, problems=refusal.problems), 422)
    except Invalid as refusal:
        problems = problems_of(typed) | {refusal.field or "note": refusal.message}
        return _row(department_id, replace(editing, problems=problems), 422)
    except RuleSetChanged:
        database.session().rollback()
        clash = conflict(department_id, typed, replaces)
        return _row(department_id, replace(editing, conflict=clash), 409)
    database.commit()
    going_to = url_for("finance.policies")
    if as_candidate:
        said = _(
            "%(name)s: version %(version)s is saved and in force for nobody yet.",
            name=name,
            version=saved.version,
        )
        going_to = url_for("finance.rule_set_version", rule_set_id=saved.id)
    else:
        said = _("%(name)s: version %(version)s is in force from now on.", name=name, version=saved.version)
    flash(said, "success")
    if is_htmx():
        return make_response("", 200, {"HX-Redirect": going_to})
    return redirect(going_to, 303)


def _typed() -> TypedRules:
    return TypedRules.of_form(request.form, department.names(database.session()))


def _replaces_version() -> int:
    typed = request.form.get("on_top_of") or request.form.get("replaces_version", "")
    if not (typed.isascii() and typed.isdigit() and len(typed) < 9):
        raise Invalid(_("The form does not say which version it changes. Please open the row again."))
    return int(typed)


def _refuse_unchanged(department_id: str, typed: TypedRules, replaces: int) -> None:
    """A version that says the same as the one before would only make the history longer."""
    newest = policy_list.version(database.session(), department_id, replaces)
    if newest is not None and not problems_of(typed) and newest.content == typed.to_content():
        raise Invalid(_("Nothing was changed, so there is nothing to save."), "note")


@pages.get("/policy/<department_id>/versions")
@opens(Act.READ_POLICY)
def policies_versions(department_id: str) -> ResponseReturnValue:
    """Every version of a department's rules, the newest first, each with what it changed."""
    name, session = name_of(department_id), database.session()
    versions = policy.versions(session, department_id)
    standing = policy.in_force(session, department_id)
    return render_template(
        "finance/versions.html",
        name=name,
        department_id=department_id,
        in_force_id=standing.id if standing is not None else None,
        versions=[(row, _what_it_changed(row)) for row in versions],
        writers=people.names(session, [row.created_by for row in versions if row.created_by]),
    )


@pages.get("/policy/versions/<uuid:rule_set_id>")
@opens(Act.READ_POLICY)
def rule_set_version(rule_set_id: UUID) -> ResponseReturnValue:
    """One version for ever: what it said, what it changed, what it was used for."""
    session = database.session()
    row = policy.by_id(session, rule_set_id)
    older = policy_list.version(session, row.department_id, row.version - 1)
    newer = policy_list.version(session, row.department_id, row.version + 1)
    standing = policy.in_force(session, row.department_id)
    names = names_with_default()
    used, approved = policy_list.count_reviews(session, row.id)
    return render_template(
        "finance/rule_set.html",
        row=row,
        name=names.get(row.department_id, row.department_id),
        older=older,
        newer=newer,
        changes=_what_it_changed(row),
        is_in_force=standing is not None and standing.id == row.id,
        can_be_tried=any(one.id == row.id for one in policy.candidates(session)),
        may_begin=may_here(Act.STEER_ROLLOUT),
        writer=people.names(session, [row.created_by]).get(row.created_by) if row.created_by else None,
        used=used,
        approved=approved,
        **_shared(),
    )


def _what_it_changed(row: RuleSetRow) -> Sequence[Difference] | None:
    """Against what was in force when it was saved; None for the first version."""
    before = policy_list.replaced_by(database.session(), row)
    return differences(before.content, row.content, names_with_default()) if before is not None else None


@pages.get("/policy.csv")
@opens(Act.READ_POLICY)
def policies_csv() -> ResponseReturnValue:
    """The grid for a spreadsheet."""
    head = ["Department", "Rules", "Version", "In force from", "Saved by", *map(str, TITLES.values()), "Why"]
    return csv_download("vistobueno-rules", head, _csv_rows())


def _csv_rows() -> Iterator[list[Cell]]:
    names = department.names(database.session())
    for row in grid_rows():
        own, content = row.own, row.content or {}
        yield [
            row.name,
            "own" if own else "default",
            own.version if own else None,
            own.in_force_from if own else None,
            row.saved_by,
            *(cell(name, content, names) for name in TITLES),
            own.note if own else "",
        ]
