"""Scenarios of the draft: what each comes to, which edges are left, and how to get one that takes them."""

from __future__ import annotations

from uuid import UUID

from flask import flash, jsonify, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from app import database
from app.access import current_person, may_here, opens
from app.pages.designer.draft import Opened, open_draft, save
from app.pages.designer.operations import form_operations
from app.pages.designer.routes import pages
from rules.errors import BusinessError, NotFound
from rules.person import Act
from rules.process_plan import ProcessCannotRun
from rules.process_scenario import Coverage, judge_scenarios, say_edge
from rules.process_svg import draw
from storage import process_scenario


@pages.get("/processes/<key>/scenarios", endpoint="processes_scenarios")
@opens(Act.READ_PROCESS)
def scenarios(key: str) -> ResponseReturnValue:
    """What the scenarios of the draft, or of the newest version, come to."""
    return _page(open_draft(key))


@pages.post("/processes/<key>/scenarios", endpoint="processes_scenarios_save")
@opens(Act.DRAW_PROCESS)
def change(key: str) -> ResponseReturnValue:
    """Make, accept or remove scenarios, as operations on the draft."""
    opened, revision = open_draft(key), request.form.get("revision", "")
    try:
        operations = form_operations(opened.process, request.form)
        save(opened, int(revision) if revision.isascii() and revision.isdigit() else -1, operations)
    except NotFound:
        raise
    except BusinessError as refusal:
        database.session().rollback()
        return _page(open_draft(key), refusal.message, refusal.status)
    database.commit()
    return redirect(url_for("designer.processes_scenarios", key=key), 303)


@pages.get("/processes/<key>/coverage", endpoint="processes_coverage")
@opens(Act.READ_PROCESS)
def coverage(key: str) -> ResponseReturnValue:
    """What the canvas colours."""
    found = _coverage(open_draft(key))
    if found is None:
        return jsonify({"edges": {}, "text": _("The graph cannot run yet.")})
    missing = dict.fromkeys(found.missing, "missing") | dict.fromkeys(found.unreachable, "unreachable")
    said = _("%(num)s of %(all)s edges are taken by scenarios", num=found.covered, all=found.edges)
    failing = _("%(num)s scenarios fail", num=len(found.failing)) if found.failing else ""
    return jsonify({"edges": missing, "text": ", ".join(filter(None, [said, failing]))})


@pages.post("/runs/<uuid:run_id>/scenario", endpoint="run_scenario")
@opens(Act.DRAW_PROCESS)
def keep_run(run_id: UUID) -> ResponseReturnValue:
    """Keep a run as a scenario: its page sends this."""
    row, scenario = process_scenario.keep_run(database.session(), run_id, current_person().id)
    database.commit()
    flash(_("The run is kept in the draft as the scenario “%(name)s”.", name=scenario.name), "success")
    return redirect(url_for("designer.processes_scenarios", key=row.process_key), 303)


def _coverage(opened: Opened) -> Coverage | None:
    try:
        return judge_scenarios(opened.process)
    except ProcessCannotRun:
        return None


def _page(opened: Opened, problem: str = "", status: int = 200) -> ResponseReturnValue:
    process, found = opened.process, _coverage(opened)
    stands = {} if found is None else dict.fromkeys((edge.id for edge in process.edges), "live")
    if found is not None:
        stands |= dict.fromkeys(found.missing, "uncovered") | dict.fromkeys(found.unreachable, "dead")
    page = render_template(
        "designer/scenarios.html",
        opened=opened,
        process=process,
        coverage=found,
        edges={edge.id: say_edge(process, edge.id) for edge in process.edges},
        titles={node.id: node.title for node in process.nodes},
        picture=draw(process, stands),
        problem=problem,
        may_draw=may_here(Act.DRAW_PROCESS),
    )
    return make_response(page, status)
