"""Processes: the list, one with its versions; checking, deploying by a second person, retiring."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from flask import Blueprint, flash, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from app import database
from app.access import current_person, may_here, opens
from app.pages.designer.draft import open_draft, problems_of
from rules.errors import Invalid
from rules.person import Act
from rules.process import Process
from rules.process_diff import diff, marks, together
from rules.process_edit import Operation
from rules.process_edit_words import describe
from rules.process_language import Language
from rules.process_plan import ProcessCannotRun, make_plan
from rules.process_problem import Severity
from rules.process_scenario import ScenariosFail, judge_scenarios, say_edge
from rules.process_svg import draw
from rules.process_words import tell
from rules.text import clean_text
from storage import department
from storage import person as people
from storage import process as processes
from storage.process import CHECKED, DEPLOYED, RETIRED, ProcessVersionRow

pages = Blueprint("designer", __name__, template_folder="templates")
LONGEST_REASON: Final = 500
#: The forms in which a version is handed out: ending of the file -> what it is called.
FORMS: Final = {"yaml": "YAML", "json": "JSON", "svg": "SVG", "mmd": "Mermaid"}


@pages.get("/processes", endpoint="processes")
@opens(Act.READ_PROCESS)
def processes_list() -> ResponseReturnValue:
    """Every process with what new runs follow and what is being worked on."""
    session = database.session()
    rows = processes.all_processes(session)
    return render_template(
        "designer/processes.html",
        rows=[(row, processes.versions(session, row.key)[0]) for row in rows],
        departments=department.names(session),
    )


@pages.get("/processes/<key>", endpoint="processes_one")
@opens(Act.READ_PROCESS)
def process_page(key: str) -> ResponseReturnValue:
    """One process: what it does in words, its versions, what may be done with them."""
    return _page(key, None)


@pages.get("/processes/<key>/versions/<int:version>", endpoint="processes_version")
@opens(Act.READ_PROCESS)
def version_page(key: str, version: int) -> ResponseReturnValue:
    """One version for ever."""
    return _page(key, version)


def _page(key: str, number: int | None, problem: str = "", status: int = 200) -> ResponseReturnValue:
    session = database.session()
    row, listed = processes.by_key(session, key), processes.versions(session, key)
    shown = processes.version(session, key, number) if number is not None else _chosen(listed)
    language = Language.SPANISH if request.args.get("language") == "es" else Language.ENGLISH
    person = current_person()
    named = {each for one in listed for each in (one.author_id, one.deployed_by, *one.editor_ids) if each}
    before = _compared(listed, shown)
    changes = diff(before.process, shown.process) if before else ()
    page = render_template(
        "designer/process.html",
        row=row,
        shown=shown,
        is_one=number is not None,
        versions=listed,
        names=people.names(session, list(named)),
        departments=department.names(session),
        language=language,
        sentences=_sentences(shown.process, language),
        picture=draw(shown.process, language=language),
        forms=FORMS,
        changes=[describe(each, language) for each in changes] if before else None,
        both=_drawn_together(before, shown, changes, language) if before else "",
        before=before,
        errors=_errors(key) if shown.state == processes.DRAFT else 0,
        is_mine=person.id in shown.editor_ids,
        can_deploy=shown.state in (CHECKED, RETIRED) and may_here(Act.DEPLOY_PROCESS),
        problem=problem,
        **_standing(shown.process),
    )
    return make_response(page, status)


def _compared(listed: Sequence[ProcessVersionRow], shown: ProcessVersionRow) -> ProcessVersionRow | None:
    """The version that is compared with: the one before, unless another is asked for."""
    asked = request.args.get("with", "")
    return next(
        (each for each in listed if str(each.version) == asked and each.version != shown.version),
        next((each for each in listed if each.version < shown.version), None),
    )


def _drawn_together(
    before: ProcessVersionRow, shown: ProcessVersionRow, changes: Sequence[Operation], language: Language
) -> str:
    """Both versions as one picture; empty where nothing in it differs."""
    found = marks(changes)
    return draw(together(before.process, shown.process), found, found, language=language) if found else ""


def _standing(process: Process) -> dict[str, Any]:
    """What its scenarios say for its deployment, or against it."""
    try:
        found = judge_scenarios(process)
    except ProcessCannotRun:
        return {"coverage": None, "missing": []}
    return {"coverage": found, "missing": [say_edge(process, edge) for edge in found.missing]}


def _chosen(listed: Any) -> ProcessVersionRow:
    """What a person most likely came for: the version that is worked on, else the one in force, else the newest."""
    newest: ProcessVersionRow = listed[0]
    if newest.state in processes.OPEN:
        return newest
    return next((each for each in listed if each.state == DEPLOYED), newest)


def _sentences(process: Process, language: Language) -> tuple[str, ...]:
    try:
        return tell(make_plan(process), language)
    except ProcessCannotRun as refusal:
        return (refusal.message,)


def _errors(key: str) -> int:
    return sum(each.severity is Severity.ERROR for each in problems_of(open_draft(key)))


@pages.post("/processes/<key>/check", endpoint="processes_check")
@opens(Act.DRAW_PROCESS)
def check(key: str) -> ResponseReturnValue:
    """Judge the draft as it is to be deployed."""
    revision = request.form.get("revision", "")
    _row, problems = processes.check(
        database.session(), key, int(revision) if revision.isascii() and revision.isdigit() else 0
    )
    database.commit()
    errors = [each for each in problems if each.severity is Severity.ERROR]
    if errors:
        flash(
            _(
                "%(num)s of the problems must be solved first: %(said)s",
                num=len(errors),
                said=errors[0].message,
            ),
            "error",
        )
        return redirect(url_for("designer.processes_outline", key=key), 303)
    flash(_("Checked: there are no errors. Somebody who did not draw it can deploy it now."), "success")
    return redirect(url_for("designer.processes_one", key=key), 303)


@pages.post("/processes/<key>/versions/<int:version>/deploy", endpoint="processes_deploy")
@opens(Act.DEPLOY_PROCESS)
def deploy(key: str, version: int) -> ResponseReturnValue:
    """Let new runs follow a version, as a second person."""
    try:
        processes.deploy(database.session(), key, version, current_person().id, _reason())
    except (Invalid, ScenariosFail) as refusal:
        return _page(key, version, refusal.message, refusal.status)
    database.commit()
    flash(_("Version %(num)s is deployed: new runs follow it from now on.", num=version), "success")
    return redirect(url_for("designer.processes_one", key=key), 303)


@pages.post("/processes/<key>/retire", endpoint="processes_retire")
@opens(Act.DEPLOY_PROCESS)
def retire(key: str) -> ResponseReturnValue:
    """Let nothing new follow a process."""
    try:
        processes.retire(database.session(), key, current_person().id, _reason())
    except Invalid as refusal:
        return _page(key, None, refusal.message, 422)
    database.commit()
    flash(_("Nothing new follows this process from now on. What runs goes on."), "success")
    return redirect(url_for("designer.processes_one", key=key), 303)


def _reason() -> str:
    try:
        return clean_text(request.form.get("reason", ""), "reason", LONGEST_REASON)
    except Invalid as refusal:
        if not request.form.get("reason", "").strip():
            raise Invalid(_("Please say why."), "reason") from None
        raise refusal from None
