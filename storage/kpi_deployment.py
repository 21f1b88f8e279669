"""Counts what the KPIs of the deployment are made of: stages, changes of the current build, ways back.

Each figure's definition is in rules/kpi_figures.py and, with these queries, in docs/kpis.md; a test keeps them equal.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final

from sqlalchemy import text
from sqlalchemy.orm import Session

from rules.kpi import Durations, Scope, Share
from rules.kpi_figures import LONGEST_WAIT_SECONDS, NEAR_AFTER_MINUTES, NEAR_BEFORE_MINUTES
from storage import build

STAGES: Final = """
SELECT count(*) AS stages, percentile_disc(ARRAY[0.5, 0.9, 0.99]) WITHIN GROUP (ORDER BY seconds) AS seconds
FROM (
  SELECT DISTINCT ON (run_id, activity_id, build_id) CAST(ms / 1000.0 AS double precision) AS seconds
  FROM outcome WHERE at >= :start AND at < :end AND stage <> 'workflow_task'
  ORDER BY run_id, activity_id, build_id, attempt DESC, at DESC
) last
"""

REQUESTS: Final = """
SELECT count(*) AS requests, count(*) FILTER (WHERE failed) AS failed
FROM (
  SELECT request_id, build_id, bool_or(outcome = 'failed') AS failed
  FROM (
    SELECT DISTINCT ON (run_id, activity_id, build_id) request_id, build_id, outcome
    FROM outcome WHERE at >= :start AND at < :end
    ORDER BY run_id, activity_id, build_id, attempt DESC, at DESC
  ) last GROUP BY request_id, build_id
) request_on
"""

DEPLOYMENTS: Final = f"""
SELECT count(*) AS deployments,
       count(*) FILTER (WHERE requests > 0) AS felt,
       count(*) FILTER (WHERE requests > 0 AND late = 0) AS without_downtime
FROM (
  SELECT current, lag(current) OVER (ORDER BY id) AS before, seen_at FROM build_route
) change CROSS JOIN LATERAL (
  SELECT count(*) AS requests, count(*) FILTER (WHERE waited > interval '{LONGEST_WAIT_SECONDS} seconds') AS late
  FROM (
    SELECT COALESCE(
             (SELECT min(at) FROM audit WHERE request_id = request.id AND action = 'request.in_review'),
             now()
           ) - submitted_at AS waited
    FROM request
    WHERE submitted_at >= change.seen_at - interval '{NEAR_BEFORE_MINUTES} minute'
      AND submitted_at < change.seen_at + interval '{NEAR_AFTER_MINUTES} minutes' AND NOT is_demo
  ) near
) around
WHERE before IS NOT NULL AND current IS DISTINCT FROM before AND seen_at >= :start AND seen_at < :end
"""  # noqa: S608 (constants of the rules)

RETURNS: Final = """
SELECT count(*) AS returns,
       percentile_disc(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM routed_at - asked_at)) AS median,
       max(extract(epoch FROM routed_at - asked_at)) AS longest
FROM build_return
WHERE routed_at IS NOT NULL AND asked_at >= :start AND asked_at < :end
"""

QUERIES: Final[Mapping[str, str]] = {
    "stages": STAGES,
    "requests": REQUESTS,
    "deployments": DEPLOYMENTS,
    "returns": RETURNS,
}


@dataclass(frozen=True)
class Current:
    """Where new work goes, as it was last seen; `build` is None before the first look."""

    build: str | None
    ramping: str | None
    percent: Decimal
    checked_at: datetime


@dataclass(frozen=True)
class Deployment:
    """What was counted for one window, for the whole company.

    Attributes:
        current: None before anybody has looked at the server.
        errors: requests on a build of which a stage failed for good, among those with a stage there.
        stage_time: seconds that a stage took.
        deployments: changes of the current build; without_downtime counts those that requests came close to.
        returns: ways back; median and longest seconds until no new request reached the bad build.
    """

    current: Current | None
    errors: Share
    stage_time: Durations
    deployments: int
    without_downtime: Share
    returns: int
    return_median: float | None
    return_longest: float | None


def count(session: Session, scope: Scope) -> Deployment:
    """Count everything about the deployment in the window of one scope; its department does not matter."""
    window = {"start": scope.start, "end": scope.end}
    rows = {name: session.execute(text(query), window).mappings().one() for name, query in QUERIES.items()}
    stages, requests, changes, returns = (rows[name] for name in QUERIES)
    route = build.route(session)
    return Deployment(
        current=Current(route.current, route.ramping, route.percent, route.checked_at) if route else None,
        errors=Share(requests["failed"], requests["requests"]),
        stage_time=Durations.of(stages["stages"], *stages["seconds"]) if stages["stages"] else Durations(0),
        deployments=changes["deployments"],
        without_downtime=Share(changes["without_downtime"], changes["felt"]),
        returns=returns["returns"],
        return_median=_seconds(returns["median"]),
        return_longest=_seconds(returns["longest"]),
    )


def _seconds(value: Decimal | float | None) -> float | None:
    return None if value is None else float(value)
