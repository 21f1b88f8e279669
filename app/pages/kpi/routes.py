"""The figures page. Reads what is asked for; what a figure means and who sees whose is in rules/kpi.py."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue

from app import database
from app.access import current_person, opens
from app.pages.kpi import asked, charts, panel, words
from rules.errors import InvalidFields
from rules.kpi import Grain, Scope, begin_of, judge_department, judge_window, own_department_only
from rules.kpi_figures import FIGURES
from rules.kpi_review import Grouping
from rules.person import Act
from storage import department, kpi, kpi_deployment, kpi_review

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
    today = asked.today()
    names = department.names(database.session())
    problems: dict[str, str] = {}
    try:
        scope = asked.scope(names)
    except InvalidFields as refusal:
        chosen = judge_department(current_person(), request.args.get("department", ""), names)
        window = judge_window("", "", today)
        problems, scope = refusal.problems, Scope(*window, chosen, asked.include_demo())
    limited = own_department_only(current_person())
    session = database.session()
    page = render_template(
        "kpi/figures.html",
        Grouping=Grouping,
        charts=charts,
        deployment=None if limited else kpi_deployment.count(session, scope),
        departments=names,
        figures=FIGURES,
        limited=limited,
        offers_demo=asked.is_local() or "demo" in request.args,
        panel=panel,
        presets=_presets(scope, today),
        problems=problems,
        report=kpi.count(session, scope),
        review_before=kpi_review.count_whole(session, scope.before),
        scope=scope,
        slices=kpi_review.count(session, scope),
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
