"""Timetables: the list with the next times, one with what became of the last ones, its form. Temporal is never asked."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import cache
from typing import Any, Final
from uuid import UUID
from zoneinfo import available_timezones

from flask import make_response, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from app import database
from app.access import current_person, opens
from app.pages.designer import start_form
from app.pages.designer.routes import pages
from rules.errors import BusinessError, Invalid
from rules.person import Act
from rules.process_timetable import SHOWN, USUAL_CATCH_UP, Overlap
from rules.process_timetable_cron import next_moments, read_cron, read_zone
from rules.text import judge_why
from storage import person as people
from storage import process as processes
from storage import process_timetable
from storage.database import now
from storage.process_timetable import ProcessTimetableRow

_PATHS: Final = ("{{timetable.date}}", "{{timetable.planned_at}}", "{{timetable.title}}")
_USUAL: Final = {
    "cron": "0 9 * * 1-5",
    "zone": "Europe/Madrid",
    "overlap": Overlap.SKIP.value,
    "catch_up_minutes": str(int(USUAL_CATCH_UP.total_seconds()) // 60),
}


@pages.get("/timetables", endpoint="processes_timetables")
@opens(Act.READ_PROCESS)
def timetables() -> ResponseReturnValue:
    """Every timetable, what it starts and when next."""
    session = database.session()
    at = now(session)
    rows = [
        (
            row,
            owner,
            row.timetable.next_times(at, 1),
            next(iter(process_timetable.latest(session, row.id, 1)), None),
        )
        for row, owner in process_timetable.all_timetables(session)
    ]
    return render_template("designer/timetables.html", rows=rows)


@pages.get("/timetables/next", endpoint="processes_timetables_next")
@opens(Act.READ_PROCESS)
def next_times() -> ResponseReturnValue:
    """The next times of the cron words and the zone that are being typed, as a part of the form."""
    return render_template("designer/_next_times.html", **_next(request.args))


@pages.get("/timetables/new", endpoint="processes_timetables_new")
@opens(Act.DEPLOY_PROCESS)
def new_timetable() -> ResponseReturnValue:
    """The form of a new one; `process` says which process it is to start."""
    return _page(None, {**_USUAL, "process": request.args.get("process", "")}, {})


@pages.post("/timetables/new", endpoint="processes_timetables_create")
@opens(Act.DEPLOY_PROCESS)
def create_timetable() -> ResponseReturnValue:
    """Write a new one down."""
    try:
        row = process_timetable.create(database.session(), _content(), current_person().id, _why())
    except BusinessError as refusal:
        return make_response(_page(None, request.form, _problems(refusal)), refusal.status)
    address = url_for("designer.processes_timetables_one", timetable_id=row.id)
    return start_form.saved(_("The timetable is on."), address)


@pages.get("/timetables/<uuid:timetable_id>", endpoint="processes_timetables_one")
@opens(Act.READ_PROCESS)
def one_timetable(timetable_id: UUID) -> ResponseReturnValue:
    """One timetable with its form and what became of the last planned times."""
    session = database.session()
    row = process_timetable.there(session, timetable_id)
    there, process = row.timetable.context(now(session)), start_form.chosen(row.process_key)
    return _page(row, _typed(row), start_form.misfit(process, row.given, there))


@pages.post("/timetables/<uuid:timetable_id>", endpoint="processes_timetables_change")
@opens(Act.DEPLOY_PROCESS)
def change_timetable(timetable_id: UUID) -> ResponseReturnValue:
    """Give it another content."""
    session = database.session()
    row = process_timetable.there(session, timetable_id)
    try:
        process_timetable.change(
            session, timetable_id, _content(), current_person().id, start_form.revision(), _why()
        )
    except BusinessError as refusal:
        return make_response(_page(row, request.form, _problems(refusal)), refusal.status)
    address = url_for("designer.processes_timetables_one", timetable_id=timetable_id)
    return start_form.saved(_("The timetable is changed."), address)


@pages.post("/timetables/<uuid:timetable_id>/switch", endpoint="processes_timetables_switch")
@opens(Act.DEPLOY_PROCESS)
def switch_timetable(timetable_id: UUID) -> ResponseReturnValue:
    """Switch it on or off, or take it away."""
    session, act, person = database.session(), request.form.get("act", ""), current_person()
    row = process_timetable.there(session, timetable_id)
    try:
        if act == "remove":
            process_timetable.remove(session, timetable_id, person.id, start_form.revision(), _why())
            return start_form.saved(_("The timetable is removed."), url_for("designer.processes_timetables"))
        is_on = act == "on"
        process_timetable.switch(session, timetable_id, is_on, person.id, start_form.revision(), _why())
    except BusinessError as refusal:
        problems = {f"switch.{name}": said for name, said in start_form.problems_of(refusal).items()}
        return make_response(_page(row, _typed(row), problems), refusal.status)
    address = url_for("designer.processes_timetables_one", timetable_id=timetable_id)
    return start_form.saved(start_form.switched(is_on), address)


def _why() -> str:
    return judge_why(request.form.get("why", ""))


def _problems(refusal: BusinessError) -> dict[str, str]:
    """A refusal by the names of the form, which asks for minutes."""
    problems = start_form.problems_of(refusal)
    if "catch_up_seconds" in problems:
        problems["catch_up_minutes"] = _("This must be from 1 minute to 10080, which are seven days.")
    return problems


def _content() -> dict[str, Any]:
    """What was typed, as rules/process_timetable.py judges it."""
    form = request.form
    minutes = form.get("catch_up_minutes", "").strip()
    is_whole = minutes.isascii() and minutes.isdigit() and len(minutes) < 9
    return {
        "title": form.get("title", ""),
        "process": form.get("process", ""),
        "cron": form.get("cron", ""),
        "zone": form.get("zone", "").strip(),
        "overlap": form.get("overlap", ""),
        "catch_up_seconds": int(minutes) * 60 if is_whole else 0,
        "input": start_form.read_input(form),
    }


def _typed(row: ProcessTimetableRow) -> dict[str, str]:
    """A timetable as its form shows it."""
    return {
        "title": row.title,
        "process": row.process_key,
        "cron": row.cron,
        "zone": row.zone,
        "overlap": row.overlap,
        "catch_up_minutes": str(row.catch_up_seconds // 60),
        **start_form.write_input(row.given),
    }


def _next(typed: Mapping[str, str]) -> dict[str, Any]:
    """The next times, or what is wrong with what is typed."""
    times: tuple[datetime, ...] = ()
    try:
        zone = read_zone(typed.get("zone", "").strip())
        times = next_moments(read_cron(typed.get("cron", "")), zone, now(database.session()), SHOWN)
    except Invalid as refusal:
        return {"times": times, "wrong": refusal.message}
    return {"times": times, "wrong": "" if times else _("No such day comes within eight years.")}


@cache
def _zones() -> list[str]:
    """Every zone that may be named; looked up in the files once."""
    return sorted(available_timezones())


def _page(row: ProcessTimetableRow | None, typed: Mapping[str, str], problems: Mapping[str, str]) -> str:
    session = database.session()
    return render_template(
        "designer/timetable.html",
        row=row,
        typed=typed,
        problems=problems,
        process=start_form.chosen(typed.get("process", "")),
        owner=processes.by_key(session, row.process_key) if row else None,
        deployed=start_form.deployed(),
        overlaps=list(Overlap),
        zones=_zones(),
        paths=_PATHS,
        latest=process_timetable.latest(session, row.id) if row else (),
        names=people.names(session, {row.created_by, row.changed_by}) if row else {},
        **_next(typed),
    )
