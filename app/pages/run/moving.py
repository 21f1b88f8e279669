"""Moving runs to another version of their process: tried dry, asked for, followed. Judges nothing itself."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final
from uuid import UUID

from flask import flash, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import ngettext

from app import database
from app.access import current_person, get_readable_run, opens
from app.errors import is_htmx
from app.pages.run.impact import titles_of
from app.pages.run.one import STOP_POLLING, refused
from app.pages.run.routes import pages
from rules.errors import BusinessError, Invalid, InvalidFields
from rules.person import Act
from rules.text import judge_why
from storage import person, process, process_migration

#: On a page; the act itself takes more.
LISTED: Final = 200


@pages.get("/processes/<key>/versions/<int:number>/move", endpoint="move_form")
@opens(Act.OPERATE_RUN)
def move_form(key: str, number: int) -> ResponseReturnValue:
    """The dry run: which runs can be moved to a version, and which node blocks each of the others."""
    return _form(key, number)


def _form(key: str, number: int, status: int = 200, problem: str = "") -> ResponseReturnValue:
    session = database.session()
    tried = process_migration.dry_run(session, key, number)
    recent = [row for row in process_migration.of_process(session, key) if row.version == number]
    page = render_template(
        "run/move.html",
        row=process.by_key(session, key),
        number=number,
        tried=tried,
        listed=LISTED,
        titles=titles_of(key),
        names=person.names(
            session, [each.run.started_by for each in tried.candidates if each.run.started_by]
        ),
        recent=recent,
        counts=process_migration.counts(session, [each.id for each in recent]),
        problem=problem,
        typed=request.form,
    )
    return make_response(page, status)


@pages.post("/processes/<key>/versions/<int:number>/move", endpoint="move")
@opens(Act.OPERATE_RUN)
def move(key: str, number: int) -> ResponseReturnValue:
    """Have the ticked runs moved, or all that can be."""
    session = database.session()
    try:
        picked = _picked(request.form.getlist("pick")) if request.form.get("which") == "picked" else ()
        why = judge_why(request.form.get("why", ""))
        row = process_migration.ask(session, key, number, current_person().id, why, picked)
    except BusinessError as refusal:
        session.rollback()
        problems = refusal.problems if isinstance(refusal, InvalidFields) else {}
        return _form(key, number, refusal.status, next(iter(problems.values()), refusal.message))
    database.commit()
    return redirect(url_for("run.move_one_act", move_id=row.id), 303)


def _picked(given: Collection[str]) -> list[UUID]:
    try:
        found = [UUID(each) for each in given]
    except ValueError:
        found = []
    if not found:
        raise Invalid(_("Nothing is ticked. Please tick some runs in the list."), "pick")
    return found


@pages.post("/runs/<uuid:run_id>/move", endpoint="move_one")
@opens(Act.OPERATE_RUN)
def move_one(run_id: UUID) -> ResponseReturnValue:
    """Have one run moved."""
    row, text = get_readable_run(run_id), request.form.get("version", "")
    try:
        if not (text.isascii() and text.isdigit() and len(text) < 7):
            raise Invalid(_("The form names no version."), "version")
        why = judge_why(request.form.get("why", ""))
        process_migration.ask(
            database.session(), row.process_key, int(text), current_person().id, why, [run_id]
        )
    except BusinessError as refusal:
        return refused(row, refusal, "move")
    database.commit()
    flash(_("It is being moved to version %(num)s.", num=text), "success")
    return redirect(url_for("run.runs_one", run_id=run_id), 303)


@pages.get("/moves/<uuid:move_id>", endpoint="move_one_act")
@opens(Act.READ_PROCESS)
def move_one_act(move_id: UUID) -> ResponseReturnValue:
    """How far a move has come, and what became of each run."""
    session = database.session()
    row = process_migration.by_id(session, move_id)
    counts = process_migration.counts(session, [move_id])[move_id]
    is_over = not counts[process_migration.ASKED]
    started = process_migration.runs_of(session, move_id)
    starters = [each.started_by for each in started.values() if each.started_by]
    page = render_template(
        "run/_moved.html" if is_htmx() else "run/moved.html",
        row=row,
        process=process.by_key(session, row.process_key),
        counts=counts,
        is_over=is_over,
        runs=process_migration.of_move(session, move_id)[:LISTED],
        listed=LISTED,
        titles=titles_of(row.process_key),
        started=started,
        names=person.names(session, [row.asked_by, *starters]),
        said=ngettext("%(num)s run was moved", "%(num)s runs were moved", counts[process_migration.MOVED]),
    )
    return make_response(page, STOP_POLLING if is_htmx() and is_over else 200)
