"""Accounts: who is there, who may do what, who is locked out. What may be changed is decided in rules/account.py."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, flash, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from app import database
from app.access import current_person, opens
from app.errors import is_htmx, wants_json
from rules.account import check_may_change_account, judge_roles
from rules.errors import Invalid, InvalidFields
from rules.person import Act, Role
from rules.text import judge_why
from storage import account, department
from storage import person as people
from storage.audit import Actor
from storage.person import PersonRow

pages = Blueprint("admin", __name__, template_folder="templates")


@pages.get("/people", endpoint="people")
@opens(Act.MANAGE_PEOPLE)
def everybody() -> ResponseReturnValue:
    """Everybody, or those whose name or address holds the words asked for."""
    session, words = database.session(), request.args.get("q", "").strip()[:100].casefold()
    rows = people.all_people(session)
    return render_template(
        "admin/people.html",
        rows=[row for row in rows if words in row.name.casefold() or words in row.email],
        total=len(rows),
        words=request.args.get("q", ""),
        departments=department.names(session),
        managers={row.id: row.name for row in rows},
        me=current_person().id,
    )


@pages.get("/people/<uuid:person_id>")
@opens(Act.MANAGE_PEOPLE)
def people_one(person_id: UUID) -> ResponseReturnValue:
    """One account: its roles, and whether it is locked."""
    return _page(account.held(database.session(), person_id))


def _page(row: PersonRow, problems: dict[str, str] | None = None) -> str:
    session = database.session()
    manager = people.by_id(session, row.manager_id) if row.manager_id else None
    return render_template(
        "admin/person.html",
        row=row,
        department=department.names(session).get(row.department_id, row.department_id),
        manager=manager.name if manager else None,
        roles=list(Role),
        held=request.form.getlist("roles") if request.endpoint == "admin.people_roles" else row.roles,
        sent=request.endpoint,
        is_me=row.id == current_person().id,
        typed=request.form,
        problems=problems or {},
    )


@pages.post("/people/<uuid:person_id>/roles")
@opens(Act.MANAGE_PEOPLE)
def people_roles(person_id: UUID) -> ResponseReturnValue:
    """Give somebody exactly the ticked roles; every session of theirs ends."""
    row = _changeable(person_id)
    try:
        roles, why = judge_roles(request.form.getlist("roles")), _why()
    except (Invalid, InvalidFields) as refusal:
        return _refuse(row, refusal)
    if account.set_roles(database.session(), row, roles, _actor(), why):
        database.commit()
        flash(_("%(name)s has new roles and has to log in again.", name=row.name), "success")
    else:
        flash(_("%(name)s holds these roles already; nothing was changed.", name=row.name))
    return redirect(url_for("admin.people"), 303)


@pages.post("/people/<uuid:person_id>/lock")
@opens(Act.MANAGE_PEOPLE)
def people_lock(person_id: UUID) -> ResponseReturnValue:
    """Shut somebody out at once."""
    row = _changeable(person_id)
    try:
        account.lock(database.session(), row, _actor(), _why())
    except (Invalid, InvalidFields) as refusal:
        return _refuse(row, refusal)
    database.commit()
    flash(_("%(name)s is locked out and logged out everywhere.", name=row.name), "success")
    return redirect(url_for("admin.people"), 303)


@pages.post("/people/<uuid:person_id>/unlock")
@opens(Act.MANAGE_PEOPLE)
def people_unlock(person_id: UUID) -> ResponseReturnValue:
    """Let somebody in again."""
    row = _changeable(person_id)
    try:
        account.unlock(database.session(), row, _actor(), _why())
    except (Invalid, InvalidFields) as refusal:
        return _refuse(row, refusal)
    database.commit()
    flash(_("%(name)s may log in again.", name=row.name), "success")
    return redirect(url_for("admin.people"), 303)


def _changeable(person_id: UUID) -> PersonRow:
    row = account.held(database.session(), person_id)
    check_may_change_account(current_person().id, row.id)
    return row


def _actor() -> Actor:
    return Actor.person(current_person().id)


def _why() -> str:
    return judge_why(request.form.get("why", ""))


def _refuse(row: PersonRow, refusal: Invalid | InvalidFields) -> ResponseReturnValue:
    if wants_json() or is_htmx():
        raise refusal
    problems = {"roles": refusal.message} if isinstance(refusal, Invalid) else refusal.problems
    return make_response(_page(row, problems), 422)
