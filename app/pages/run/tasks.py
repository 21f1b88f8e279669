"""What processes ask whoever is logged in, and the answers. Who may answer is settled in rules/process_people.py."""

from __future__ import annotations

from uuid import UUID

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from app import database
from app.access import current_person, get_readable_run, opens
from app.errors import wants_json
from app.pages.run.one import refused
from app.pages.run.routes import pages
from rules.errors import AlreadyDecided, BusinessError, Invalid, NotFound
from rules.person import Act
from rules.text import clean_text
from storage import inbox, process_inbox, process_task
from storage.process_run import ProcessRunRow

LONGEST_NOTE = 1000


@pages.get("/tasks", endpoint="tasks")
@opens(Act.ANSWER_TASK)
def list_tasks() -> ResponseReturnValue:
    """What processes ask me, least time left first."""
    session, person = database.session(), current_person()
    return render_template(
        "run/tasks.html",
        found=process_inbox.mine(session, person),
        longest=process_inbox.LONGEST_LIST,
        waiting=inbox.count_mine(session, person.id),
    )


@pages.app_template_global("task_count")
def task_count() -> int:
    """How many questions of processes wait for whoever is logged in."""
    return process_inbox.count_mine(database.session(), current_person())


@pages.post("/runs/<uuid:run_id>/tasks/<uuid:task_id>", endpoint="answer")
@opens(Act.ANSWER_TASK)
def answer(run_id: UUID, task_id: UUID) -> ResponseReturnValue:
    """Agree or refuse; the same answer sent again by the same person changes nothing and is no error."""
    row, person, session = get_readable_run(run_id), current_person(), database.session()
    at = f"task-{task_id}"
    try:
        agrees = _choice()
        note = clean_text(request.form.get("note", ""), "note", LONGEST_NOTE, required=False)
        _check_place(row, task_id)
        process_task.answer(session, task_id, person, agrees, note)
    except AlreadyDecided as refusal:
        session.rollback()
        return refused(get_readable_run(run_id), refusal, "")
    except BusinessError as refusal:
        if wants_json():
            raise
        return refused(row, refusal, at if isinstance(refusal, Invalid) else "")
    database.commit()
    flash(_("You agreed. Thank you.") if agrees else _("You refused. Thank you."), "success")
    return redirect(_next(run_id), 303)


def _choice() -> bool:
    choice = request.form.get("choice", "")
    if choice not in ("agree", "refuse"):
        raise Invalid(_("Please choose one of the two."), "choice")
    return choice == "agree"


def _check_place(row: ProcessRunRow, task_id: UUID) -> None:
    if process_task.by_id(database.session(), task_id).run_id != row.id:
        raise NotFound(_("There is no such task in this run."))
    if row.request_id is not None:
        raise Invalid(_("This is about a purchase request. Please answer on its page."), "choice")


def _next(run_id: UUID) -> str:
    """Back to where the answer was given."""
    if request.form.get("back") == "tasks":
        return url_for("run.tasks")
    return url_for("run.runs_one", run_id=run_id)
