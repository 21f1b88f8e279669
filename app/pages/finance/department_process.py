"""Which process each department's purchase requests follow: proposed, agreed to, left again. Decides nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from flask import flash, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlalchemy.orm import Session

from app import database
from app.access import current_person, opens
from app.errors import wants_json
from app.pages.finance.routes import pages
from rules.errors import BusinessError, Invalid, InvalidFields
from rules.person import Act
from rules.process_purchase import misfits
from rules.text import clean_text
from storage import department, department_process, process
from storage import person as people
from storage.department_process import DepartmentProcessRow

LONGEST_REASON = 500


@dataclass(frozen=True)
class Option:
    """A deployed process, and what keeps purchases from following it."""

    key: str
    title: str
    misfits: Sequence[str]


@pages.get("/department-processes", endpoint="department_processes")
@opens(Act.READ_PROCESS)
def department_processes_list() -> ResponseReturnValue:
    """Every department with what its requests follow, and the proposals that wait."""
    return _page()


def _page(wrong: str = "", problems: dict[str, str] | None = None) -> str:
    session = database.session()
    followed, proposed = department_process.followed(session), department_process.proposed(session)
    before = department_process.history(session)
    return render_template(
        "finance/department_processes.html",
        departments=department.all_departments(session),
        followed=followed,
        proposed=proposed,
        before=before,
        options=_options(session),
        titles={row.key: row.title for row in process.all_processes(session)},
        department_names=department.names(session),
        names=people.names(session, _mentioned([*followed.values(), *proposed.values(), *before])),
        me=current_person().id,
        wrong=wrong,
        typed=request.form if problems else {},
        problems=problems or {},
    )


def _options(session: Session) -> list[Option]:
    rows = [row for row in process.all_processes(session) if row.deployed_version is not None]
    return [Option(row.key, row.title, misfits(process.deployed(session, row.key).process)) for row in rows]


def _mentioned(rows: Sequence[DepartmentProcessRow]) -> set[UUID]:
    return {
        who for row in rows for who in (row.proposed_by, row.answered_by, row.ended_by) if who is not None
    }


@pages.post("/department-processes/<department_id>")
@opens(Act.CHOOSE_PROCESS)
def department_processes_propose(department_id: str) -> ResponseReturnValue:
    """Propose that a department follows a process; another of finance has to agree."""
    session = database.session()
    key = request.form.get("process", "")
    try:
        if not key:
            raise Invalid(_("Please choose a process."), "process")
        reason = clean_text(request.form.get("reason", ""), "reason", LONGEST_REASON)
        department_process.propose(session, department_id, key, current_person().id, reason)
    except BusinessError as refusal:
        if wants_json() or refusal.status in (403, 404):
            raise
        session.rollback()
        problems = refusal.problems if isinstance(refusal, InvalidFields) else {}
        shown = problems or {refusal.field or "process": refusal.message}
        return make_response(_page(department_id, shown), refusal.status)
    database.commit()
    flash(_("Proposed. It counts as soon as somebody else of finance agrees."), "success")
    return _back()


@pages.post("/department-processes/<department_id>/built-in")
@opens(Act.CHOOSE_PROCESS)
def department_processes_leave(department_id: str) -> ResponseReturnValue:
    """Go back to the built-in approval, at once; requests on their way stay on theirs."""
    department_process.go_back(database.session(), department_id, current_person().id)
    database.commit()
    flash(_("New requests follow the built-in approval again. Those on their way stay on theirs."), "success")
    return _back()


@pages.post("/department-processes/proposals/<uuid:proposal_id>/confirm")
@opens(Act.CHOOSE_PROCESS)
def department_processes_confirm(proposal_id: UUID) -> ResponseReturnValue:
    """Agree as the second person."""
    department_process.confirm(database.session(), proposal_id, current_person().id)
    database.commit()
    flash(_("Agreed. Requests that are submitted from now on follow the process."), "success")
    return _back()


@pages.post("/department-processes/proposals/<uuid:proposal_id>/refuse")
@opens(Act.CHOOSE_PROCESS)
def department_processes_refuse(proposal_id: UUID) -> ResponseReturnValue:
    """Decline a proposal, or take one's own back."""
    department_process.refuse(database.session(), proposal_id, current_person().id)
    database.commit()
    flash(_("The proposal is closed; nothing has changed."), "success")
    return _back()


def _back() -> ResponseReturnValue:
    return redirect(url_for("finance.department_processes"), 303)
