"""The page of a release: where requests go, how the rollout stands and what it does, the way back. Asks no Temporal."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from flask import flash, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import format_date
from flask_babel import gettext as _

from app import database
from app.access import current_person, may_here, opens
from app.errors import is_htmx, wants_json
from app.limits import by_person, limiter
from app.pages.rollout import traffic_view
from app.pages.rollout.builds import FRESH_SECONDS
from app.pages.rollout.dashboard_view import (
    build_lines,
    standing,
    steps_of,
    way_back,
)
from app.pages.rollout.guard_view import guards_of
from app.pages.rollout.names import Names
from app.pages.rollout.routes import pages
from rules.errors import BusinessError, Invalid, InvalidFields
from rules.evidence import FIRES_AT
from rules.person import Act
from rules.rollout import Kind
from rules.rollout_command import Command, check_may_steer
from rules.text import judge_why
from storage import build, build_return, rollout, rollout_traffic, routing
from storage.audit import Actor
from storage.build import BuildRouteRow, BuildRow
from storage.database import now
from storage.rollout import RolloutRow

COMMANDS: Final = "30 per minute"
#: Rollouts and ways back in the history; older ones stand in the audit trail.
HISTORY: Final = 10
#: How long a way back stays at the top of the page.
FRESH_RETURN: Final = timedelta(hours=1)


@pages.app_template_filter("clock")
def clock(when: datetime) -> str:
    """A moment to the second: in a release seconds count."""
    return f"{format_date(when.astimezone(UTC), 'd MMM')}, {when.astimezone(UTC):%H:%M:%S} UTC"


@pages.get("/rollout", endpoint="dashboard")
@opens(Act.READ_ROUTING)
def dashboard() -> ResponseReturnValue:
    """Everything of a release on one page, which looks again by itself."""
    return _page()


@pages.get("/rollout/live", endpoint="dashboard_live")
@opens(Act.READ_ROUTING)
def dashboard_live() -> ResponseReturnValue:
    """What of the page changes by itself, for htmx."""
    return render_template("rollout/_live.html", **_facts())


def _page(problem: str = "", problems: dict[str, str] | None = None) -> str:
    return render_template("rollout/dashboard.html", problem=problem, problems=problems or {}, **_facts())


def _facts() -> dict[str, Any]:
    """What both the page and its live part show."""
    session, names = database.session(), Names()
    at, route, state = now(session), build.route(session), routing.state(session)
    open_ones, window = rollout.open_rollouts(session), traffic_view.Window.of(_hours(), at)
    running = next((row for row in open_ones if row.kind == Kind.BUILD), None)
    rows = build.all_builds(session)
    seen = rollout_traffic.by_department(session, window.since)
    met = {build_id for went in seen.values() for build_id in went}
    tone_of = traffic_view.tones(route, running.target if running else None, met)
    beats = rollout_traffic.over_time(session, window.since, window.slot_seconds)
    told = traffic_view.changes(window)
    since = running.exposed_at if running is not None and running.exposed_at else window.since
    ways_back = [way_back(row) for row in build_return.newest(session, HISTORY)]
    return {
        "at": at,
        "window": window,
        "hours": traffic_view.HOURS,
        "route": route,
        "is_stale": _is_stale(route, at),
        "state": state,
        "lanes": traffic_view.lanes(route, seen, tone_of),
        "tone_of": tone_of,
        "new_build": running.target if running else None,
        "running": [
            standing(row, names.departments, current_person(), state.frozen, at)
            for row in sorted(open_ones, key=lambda one: one.kind != Kind.BUILD)
        ],
        "builds": build_lines(rows, route, running, sorted(met, key=lambda one: tone_of[one]), since),
        "since": since,
        "told": told,
        "charts": {
            "requests": traffic_view.requests_chart(window, beats, told, tone_of),
            "errors": traffic_view.errors_chart(window, beats, told, tone_of),
        },
        "bad": _bad(running, route, rows),
        "ways_back": ways_back,
        "fresh_return": next((one for one in ways_back if one.is_open or at - one.row.asked_at < FRESH_RETURN), None),
        "history": rollout.newest(session, HISTORY),
        "names": names,
        "may_write": may_here(Act.WRITE_ROUTING),
        "may_steer": may_here(Act.STEER_ROLLOUT),
        "evidence": FIRES_AT,
    }  # fmt: skip


def _hours() -> int:
    typed = request.args.get("hours", "")
    return int(typed) if typed in {str(one) for one in traffic_view.HOURS} else traffic_view.HOURS[0]


def _is_stale(route: BuildRouteRow | None, at: datetime) -> bool:
    return route is not None and (at - route.checked_at).total_seconds() > FRESH_SECONDS


def _bad(running: RolloutRow | None, route: BuildRouteRow | None, rows: Sequence[BuildRow]) -> str | None:
    """The build that the return button takes back: the one being rolled out, else the one on the ramp, else the current."""
    known = {row.build_id for row in rows}
    wanted = (
        running.target if running else None,
        route.ramping if route else None,
        route.current if route else None,
    )
    return next((one for one in wanted if one in known), None)


@pages.get("/rollouts/<uuid:rollout_id>", endpoint="dashboard_one")
@opens(Act.READ_ROUTING)
def dashboard_one(rollout_id: UUID) -> ResponseReturnValue:
    """One rollout, running or past, with every move; messages lead here."""
    session, names = database.session(), Names()
    row = rollout.by_id(session, rollout_id)
    returned = build_return.of_rollout(session, rollout_id)
    return render_template(
        "rollout/rollout_one.html",
        row=row,
        plan=row.as_plan,
        steps=steps_of(row, names.departments),
        guards=guards_of(row),
        moves=list(reversed(rollout.events(session, rollout_id))),
        way_back=way_back(returned) if returned is not None else None,
        names=names,
        evidence=FIRES_AT,
    )


@pages.post("/rollouts/<uuid:rollout_id>", endpoint="dashboard_tell")
@opens(Act.STEER_ROLLOUT)
@limiter.limit(COMMANDS, key_func=by_person)
def dashboard_tell(rollout_id: UUID) -> ResponseReturnValue:
    """Pause, resume, promote or abort; who began it does not promote it."""
    typed = request.form.get("command", "")
    if typed not in set(Command):
        raise Invalid(_("Please choose what to do."), "command")
    check_may_steer(current_person().roles, Kind(rollout.by_id(database.session(), rollout_id).kind))
    try:
        rollout.command(
            database.session(), rollout_id, Command(typed), current_person().id,
            judge_why(request.form.get("why", "")), _revision(request.form.get("revision", "")),
        )  # fmt: skip
    except BusinessError as refusal:
        return _refused(refusal, f"why-{rollout_id}")
    database.commit()
    flash(_("It is written down; the rollout follows within seconds."), "success")
    return redirect(url_for("rollout.dashboard"), 303)


@pages.post("/rollout/return", endpoint="dashboard_return")
@opens(Act.WRITE_ROUTING)
@limiter.limit(COMMANDS, key_func=by_person)
def dashboard_return() -> ResponseReturnValue:
    """Take a build back, or only freeze it; from this commit on no rule sends a request to it."""
    freeze_only = request.form.get("act") == "freeze"
    try:
        row = build_return.ask(
            database.session(), request.form.get("build_id", "")[:63], judge_why(request.form.get("why", "")),
            Actor.person(current_person().id), freeze_only=freeze_only,
        )  # fmt: skip
    except BusinessError as refusal:
        return _refused(refusal, "return_why")
    database.commit()
    if freeze_only:
        flash(_("Nothing new goes to %(build)s. What is open there stays.", build=row.build_id), "success")
    else:
        flash(
            _("The way back from %(build)s has begun; its times stand below.", build=row.build_id), "success"
        )
    return redirect(url_for("rollout.dashboard"), 303)


def _revision(typed: str) -> int | None:
    return int(typed) if typed.isascii() and typed.isdigit() and len(typed) < 10 else None


def _refused(refusal: BusinessError, field: str) -> ResponseReturnValue:
    if wants_json() or is_htmx():
        raise refusal
    database.session().rollback()
    if isinstance(refusal, InvalidFields):
        problems = {field: next(iter(refusal.problems.values()))}
        return make_response(_page(problems=problems), refusal.status)
    return make_response(_page(refusal.message), refusal.status)
