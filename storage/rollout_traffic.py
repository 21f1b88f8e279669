"""Counts where requests went, build by build: by department, and slot by slot for the charts. Judges nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import text
from sqlalchemy.orm import Session

# A request belongs to the build that did its last stage.
_BY_DEPARTMENT: Final = text(
    """
    SELECT department, build_id, count(*) AS requests
    FROM (
      SELECT DISTINCT ON (request_id) request_id, build_id, coalesce(department_id, '') AS department
      FROM outcome WHERE at >= :since AND stage <> 'workflow_task'
      ORDER BY request_id, at DESC, id DESC
    ) last GROUP BY department, build_id ORDER BY department, build_id
    """
)

_OVER_TIME: Final = text(
    """
    WITH last AS (
      SELECT DISTINCT ON (run_id, activity_id, build_id) request_id, build_id, outcome, at
      FROM outcome WHERE at >= :since
      ORDER BY run_id, activity_id, build_id, attempt DESC, at DESC
    )
    SELECT CAST(floor(extract(epoch FROM at - :since) / :seconds) AS integer) AS slot, build_id,
           count(DISTINCT request_id) AS requests,
           count(DISTINCT request_id) FILTER (WHERE outcome = 'failed') AS failed
    FROM last GROUP BY 1, 2 ORDER BY 1, 2
    """
)


@dataclass(frozen=True)
class Beat:
    """Requests with a stage on a build within one slot of time, counted from 0; `failed`: with one that failed there."""

    slot: int
    build_id: str
    requests: int
    failed: int


def by_department(session: Session, since: datetime) -> dict[str, dict[str, int]]:
    """Department id -> build id -> requests whose last stage since then was there."""
    found: dict[str, dict[str, int]] = {}
    for row in session.execute(_BY_DEPARTMENT, {"since": since}):
        found.setdefault(row.department, {})[row.build_id] = row.requests
    return found


def over_time(session: Session, since: datetime, slot_seconds: int) -> Sequence[Beat]:
    """What each build did, slot by slot; slots in which a build did nothing are left out."""
    rows = session.execute(_OVER_TIME, {"since": since, "seconds": slot_seconds})
    return [Beat(row.slot, row.build_id, row.requests, row.failed) for row in rows]
