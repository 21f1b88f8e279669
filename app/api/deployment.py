"""Builds through the API: what stands, how a build fares, and the way back from a bad one."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from flask import url_for

from app import database
from app.access import current_person, opens
from app.api import shown
from app.api.schemas import ReturnSchema
from app.api.setup import PREFIX, Subject
from rules.analysis import Health
from rules.person import Act
from rules.rollout import Kind, share_at
from rules.rollout_plan import one_step
from rules.rollout_watch import metrics_of, read_health, to_figures, verdict_of, watch
from storage import build, build_return, rollout, rollout_figures, rollout_list, routing
from storage.audit import Actor
from storage.build import BuildRow
from storage.database import now

api = Subject(
    "api_deployment", __name__, url_prefix=f"{PREFIX}/deployment", description="Builds and ways back"
)

#: Where no rollout says since when, a build is judged by this much.
LOOK_BACK = timedelta(hours=24)


@api.at("", "GET")
@opens(Act.READ_ROUTING)
def state() -> dict[str, Any]:
    """Everything at once: the route, the builds, what is being rolled out, the latest ways back."""
    session = database.session()
    at, holds = now(session), routing.state(session)
    return {
        "at": shown.when(at),
        "route": shown.route(build.route(session)),
        "routing": {"mode": holds.mode, "frozen": holds.frozen, "why": holds.why},
        "builds": [shown.build(row, at) for row in build.all_builds(session)],
        "rollouts": [shown.rollout(row) for row in rollout.open_rollouts(session)],
        "returns": [shown.way_back(row) for row in build_return.newest(session, 5)],
    }


@api.at("/builds/<build_id>", "GET")
@opens(Act.READ_ROUTING)
def one_build(build_id: str) -> dict[str, Any]:
    """One build with its metrics, each with the figures and what they say."""
    session = database.session()
    row, at = build.by_id(session, build_id), now(session)
    return {"build": shown.build(row, at), "gate": row.gate, **_metrics(row)}


def _metrics(row: BuildRow) -> dict[str, Any]:
    """As its running or last rollout counts them; without one, all of the last day."""
    session = database.session()
    last, at = rollout_list.newest_of(session, Kind.BUILD, row.build_id), now(session)
    metrics, since, native = metrics_of(one_step(rollout_figures.WHOLE, ()), 0), at - LOOK_BACK, None
    health = Health()
    if last is not None and last.exposed_at is not None:
        plan, since = last.as_plan, last.exposed_at
        metrics, health = metrics_of(plan, last.step), read_health(last.figures)
        native = share_at(last.progress, plan)[0] if plan.native else None
    readings = rollout_figures.read_figures(session, row.build_id, since, native)
    seen = watch(metrics, readings, health, at)
    return {
        "verdict": verdict_of(seen).value,
        "since": shown.when(since),
        **to_figures(seen),
        "open_points": list(seen.open_points),
        "rollout": shown.rollout(last) if last is not None else None,
    }


@api.at("/emergency-rollback", "POST")
@api.reads(ReturnSchema)
@opens(Act.WRITE_ROUTING)
def go_back(given: dict[str, Any]) -> tuple[dict[str, Any], int, dict[str, str]]:
    """Return from a bad build, or only freeze it. From this answer on no rule sends a request to it."""
    session = database.session()
    route = build.route(session)
    old = {"current": route.current, "ramping": route.ramping} if route is not None else None
    actor = Actor.person(current_person().id)
    row = build_return.ask(
        session, given["current_build_id"], given["reason"], actor, freeze_only=given["freeze_only"]
    )
    at, seen = now(session), shown.way_back(row)
    database.commit()
    what = "build frozen" if row.freeze_only else "return begun"
    answer = {"changed": shown.changed(what, old, {"current": row.stable}, at), "return": seen}
    return answer, 202, {"Location": url_for("api_deployment.one_return", return_id=row.id)}


@api.at("/emergency-rollback/<uuid:return_id>", "GET")
@opens(Act.READ_ROUTING)
def one_return(return_id: UUID) -> dict[str, Any]:
    """How far a way back has come, with its times."""
    return {"return": shown.way_back(build_return.by_id(database.session(), return_id))}
