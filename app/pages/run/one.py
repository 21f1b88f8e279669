"""The page of one run, and its part that looks again by itself. Decides nothing."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

from flask import Response, make_response, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app import database
from app.access import current_person, get_readable_run, may_here, opens
from app.pages.designer.outline import ICONS
from app.pages.designer.trial import WORDS
from app.pages.run.routes import ROLES, pages
from app.pages.run.shown import as_text, look, say_quorum
from rules.errors import BusinessError, InvalidFields
from rules.person import Act
from rules.process_migration import blockers
from rules.process_plan import make_plan
from rules.process_signal import SIGNAL_OUTCOMES
from storage import (
    person,
    process,
    process_assignment,
    process_migration,
    process_run_list,
    process_timetable,
    process_trigger,
)
from storage import request as requests
from storage.process_run import OPEN, ProcessRunRow

#: A page that was left open stops asking, so that it neither costs anything nor keeps a session alive.
LOOKS_FOR_SECONDS: Final = 20 * 60
#: htmx asks no more after an answer with this status.
STOP_POLLING: Final = 286


@pages.get("/runs/<uuid:run_id>", endpoint="runs_one")
@opens(Act.READ_RUN)
def show_run(run_id: UUID) -> ResponseReturnValue:
    """One run: its path, what each node did and why, and what may be said to it."""
    return run_page(get_readable_run(run_id))


def run_page(
    row: ProcessRunRow, status: int = 200, problem: str = "", field: str = "", at: str = ""
) -> ResponseReturnValue:
    """The page as it stands now.

    Args:
        problem: what is wrong with what was sent, `field` of the form `at`; without a field it stands on top.
    """
    page = render_template(
        "run/run.html",
        **facts(row),
        problem=problem,
        field=field,
        at=at,
        typed=request.form,
        until=int(time.time()) + LOOKS_FOR_SECONDS,
    )
    return make_response(page, status)


def refused(row: ProcessRunRow, refusal: BusinessError, at: str) -> ResponseReturnValue:
    """The page as it stands now, with why something was not done; nothing of it is kept."""
    run_id = row.id
    database.session().rollback()
    field, problem = refusal.field or "", refusal.message
    if isinstance(refusal, InvalidFields):
        field, problem = next(iter(refusal.problems.items()))
    return run_page(get_readable_run(run_id), refusal.status, problem, field, at)


@pages.get("/runs/<uuid:run_id>/progress", endpoint="progress")
@opens(Act.READ_RUN)
def progress(run_id: UUID) -> ResponseReturnValue:
    """What the page asks again and again: the parts that change, or 204 while nothing did."""
    row = get_readable_run(run_id)
    if time.time() >= _number(request.args.get("until")):
        return Response(status=STOP_POLLING)
    if process_run_list.mark(database.session(), run_id) == request.args.get("seen"):
        return Response(status=204)
    shown = facts(row)
    answer = make_response(
        render_template("run/_live.html", **shown), 200 if row.status == OPEN else STOP_POLLING
    )
    if shown["shown"].forms != request.args.get("forms"):
        # Something can be said now that could not, or the other way round: only a whole page has the forms.
        answer.headers["HX-Refresh"] = "true"
    return answer


def _number(text: str | None) -> int:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 12 else 0


def facts(row: ProcessRunRow) -> dict[str, Any]:
    """What the page and its changing part are made of."""
    session, me = database.session(), current_person()
    # Before anything else is read: what changes meanwhile is seen by the next look.
    mark = process_run_list.mark(session, row.id)
    shown = look(session, row, me)
    moves = process_migration.of_run(session, row.id)
    titles = {node.id: node.title for node in shown.plan.nodes}
    return {
        "row": row,
        "mark": mark,
        "shown": shown,
        "process": process.by_key(session, row.process_key),
        "icons": ICONS,
        "roles": ROLES,
        "titles": titles,
        "outcomes": WORDS,
        "say_quorum": say_quorum,
        "is_open": row.status == OPEN,
        "people": _people(row.given),
        "variables": as_text(row.variables),
        "drawn": process_assignment.of_run(session, row.id),
        "moves": moves,
        "parts": process_run_list.parts_of(session, row.id),
        "names": {
            **shown.names,
            **person.names(session, [each.asked_by for _, each in moves]),
        },
        "move": _move(row, shown),
        "signal_outcomes": SIGNAL_OUTCOMES,
        "request_url": _request_url(row),
        "trigger": process_trigger.of_run(session, row.id),
        "timetable": process_timetable.of_run(session, row.id),
    }


def _people(given: Mapping[str, Any]) -> dict[str, str]:
    """Names of those whom an input names by id, such as its requester."""
    ids = {}
    for value in given.values():
        try:
            ids[str(value)] = UUID(value) if isinstance(value, str) else None
        except ValueError:
            continue
    names = person.names(database.session(), [each for each in ids.values() if each])
    return {text: names[each] for text, each in ids.items() if each in names}


def _request_url(row: ProcessRunRow) -> str:
    """Where the purchase request is that a run decides about; empty for a run about anything else."""
    if row.request_id is None:
        return ""
    return url_for("employee.request", number=requests.by_id(database.session(), row.request_id).number)


def _move(row: ProcessRunRow, shown: Any) -> dict[str, Any] | None:
    """What a move to the deployed version would do; None where there is nowhere to go, or nobody may."""
    if row.status != OPEN or not may_here(Act.OPERATE_RUN):
        return None
    session = database.session()
    number = process.by_key(session, row.process_key).deployed_version
    if number is None or number == row.version:
        return None
    new = make_plan(process.version(session, row.process_key, number).process)
    return {"version": number, "blockers": blockers(shown.plan, shown.state, new)}
