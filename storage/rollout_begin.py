"""Begins the rollout of a build, or sets its share while one runs; refuses builds that must not get traffic."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

from sqlalchemy.orm import Session

from rules.analysis import METRICS
from rules.build import check_may_have_traffic
from rules.rollout import Kind, Plan
from rules.rollout_plan import judge_plan
from storage import build, department, rollout
from storage.audit import Actor
from storage.rollout import RolloutRow


def begin_or_change(
    session: Session, build_id: str, plan: Plan, person_id: UUID, why: str, revision: int | None = None
) -> tuple[RolloutRow, bool]:
    """Begin the rollout of a build; where it runs already, the plan's first step is its share from now on.

    Returns:
        The rollout, and whether it has just begun.

    Raises:
        InvalidFields: the plan makes no sense. NotFound: there is no such build.
        BuildHasNoWorkers, BuildIsRejected, BuildIsCurrent, AnotherRolloutRuns, RolloutChanged, NotNow.
    """
    _check_may_have_traffic(session, build_id)
    judge_plan(
        plan,
        Kind.BUILD,
        known_departments=department.names(session).keys(),
        known_metrics={metric.key for metric in METRICS},
    )
    actor = Actor.person(person_id)
    running = rollout.open_in(session, Kind.BUILD.value)
    if running is None or running.target != build_id:
        return rollout.begin(session, Kind.BUILD, build_id, plan, actor, why), True
    judged = replace(running.as_plan, steps=plan.steps)
    judge_plan(
        judged, Kind.BUILD, known_departments=department.names(session).keys(), known_metrics=judged.limits
    )
    return rollout.set_share(session, running.id, plan.steps[0], actor, why, revision), False


def _check_may_have_traffic(session: Session, build_id: str) -> None:
    row, route = build.by_id(session, build_id), build.route(session)
    check_may_have_traffic(
        build_id,
        rejected_why=(row.rejected_why or "") if row.rejected_at is not None else None,
        is_live=build.is_live(session, build_id),
        is_current=route is not None and route.current == build_id,
    )
