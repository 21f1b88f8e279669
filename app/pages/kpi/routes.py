"""The figures page. Reads what is asked for; what a figure means and who sees whose is in rules/kpi.py."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from flask import Blueprint, current_app, render_template, request
from flask.typing import ResponseReturnValue

from app import database
from app.access import current_person, opens
from app.pages.kpi import charts, words
from rules.errors import InvalidFields
from rules.kpi import Grain, Scope, begin_of, judge_department, judge_window, own_department_only
from rules.kpi_figures import FIGURES
from rules.person import Act
from storage import department, kpi

pages = Blueprint("kpi", __name__, template_folder="templates")

#: Windows to choose with one click, in weeks up to today.
_PRESETS = (4, 12, 26, 52)


@dataclass(frozen=True)
class Preset:
    """A window to choose with one click."""

    weeks: int
    first: date
    is_chosen: bool


@pages.get("/kpi")
@opens(Act.READ_KPI)
def figures() -> ResponseReturnValue:
    """All figures of one window: for the company, by department and by week."""
    today = datetime.now(UTC).date()
    names = department.names(database.session())
    chosen = judge_department(current_person(), request.args.get("department", ""), names)
    problems: dict[str, str] = {}
    try:
        window = judge_window(request.args.get("first", ""), request.args.get("last", ""), today)
    except InvalidFields as refusal:
        problems, window = refusal.problems, judge_window("", "", today)
    scope = Scope(*window, department_id=chosen, include_demo=_include_demo())
    report = kpi.count(database.session(), scope)
    page = render_template(
        "kpi/figures.html",
        charts=charts,
        departments=names,
        figures=FIGURES,
        limited=own_department_only(current_person()),
        offers_demo=_is_local() or "demo" in request.args,
        presets=_presets(scope, today),
        problems=problems,
        report=report,
        scope=scope,
        today=today,
        typed=request.args if problems else {},
        words=words,
    )
    return page, 422 if problems else 200


def _presets(scope: Scope, today: date) -> list[Preset]:
    begins = {weeks: begin_of(today, Grain.WEEK) - timedelta(weeks=weeks - 1) for weeks in _PRESETS}
    return [
        Preset(weeks, first, is_chosen=(scope.first, scope.last) == (first, today))
        for weeks, first in begins.items()
    ]


def _include_demo() -> bool:
    """Made-up requests count where the address says so, and by default only on a laptop."""
    return {"yes": True, "no": False}.get(request.args.get("demo", ""), _is_local())


def _is_local() -> bool:
    return bool(current_app.config["SETTINGS"].mode == "local")
