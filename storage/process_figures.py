"""Counts what becomes of the runs that a rollout gave another version, and of those beside them. Judges nothing."""

from __future__ import annotations

from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from rules.analysis import PROGRESS_SECONDS, SLOW_SECONDS, Reading
from rules.process_nodes import NODE_TYPES
from storage.database import now
from storage.rollout_figures import Tally

#: The types of nodes that somebody's machine carries out; the others wait by their nature, or take no time.
_CARRIED: Final = sorted(key for key, each in NODE_TYPES.items() if not (each.waits or each.is_inline))

# A run counts once it has begun to move. One that is called off says nothing of its version. A node that is parked for
# an operator has not progressed, nor has a run in which nothing began; what is younger may still do so in time.
_RUNS: Final = text(
    """
    WITH drawn AS (
      SELECT run.id, run.status, run.started_at, assignment.chosen AS arm,
             coalesce(person.department_id, '') AS department,
             (SELECT min(step.began_at) FROM process_step step
               WHERE step.run_id = run.id AND step.status = 'incident') AS parked_since,
             EXISTS (SELECT FROM process_step step WHERE step.run_id = run.id) AS moves
      FROM process_assignment assignment JOIN process_run run ON run.id = assignment.run_id
      LEFT JOIN person ON person.id = run.started_by
      WHERE assignment.rollout_id = :rollout AND assignment.at >= :since AND run.status <> 'cancelled'
    ), due AS (
      SELECT *, CASE WHEN status <> 'open' THEN NULL WHEN moves THEN parked_since ELSE started_at END AS due_since
      FROM drawn
    )
    SELECT arm, department,
           count(*) FILTER (WHERE status = 'failed') AS failed,
           count(*) FILTER (WHERE moves OR status <> 'open') AS begun,
           count(*) FILTER (WHERE due_since < now() - make_interval(secs => :late)) AS stuck,
           count(*) FILTER (WHERE due_since IS NULL OR due_since < now() - make_interval(secs => :late)) AS told
    FROM due GROUP BY arm, department
    """
)

# What an operator had tried again is counted as stuck already, and took as long as the operator did.
_STEPS: Final = text(
    """
    SELECT assignment.chosen AS arm, coalesce(person.department_id, '') AS department, count(*) AS total,
           count(*) FILTER (
             WHERE coalesce(step.ended_at, now()) - step.began_at > make_interval(secs => :slow)
           ) AS slow
    FROM process_assignment assignment JOIN process_run run ON run.id = assignment.run_id
    JOIN process_version version ON version.process_key = run.process_key AND version.version = run.version
    JOIN process_step step ON step.run_id = run.id AND step.attempt = 1
      AND (step.status IN ('completed', 'failed')
           OR step.status = 'running' AND step.began_at < now() - make_interval(secs => :slow))
    JOIN LATERAL jsonb_array_elements(version.content -> 'nodes') AS listed(content)
      ON listed.content ->> 'id' = step.node AND listed.content ->> 'type' = ANY (:carried)
    LEFT JOIN person ON person.id = run.started_by
    WHERE assignment.rollout_id = :rollout AND assignment.at >= :since
    GROUP BY arm, department
    """
)

_SAMPLES: Final = text(
    """
    SELECT count(DISTINCT assignment.run_id) FILTER (WHERE assignment.at >= :step) AS runs,
           max(coalesce(step.ended_at, step.began_at)) AS newest_at
    FROM process_assignment assignment JOIN process_step step ON step.run_id = assignment.run_id
    WHERE assignment.rollout_id = :rollout AND assignment.chosen AND assignment.at >= :since
    """
)


def read_assigned(session: Session, rollout_id: UUID, since: datetime) -> dict[str, Reading]:
    """Metric key -> its counts among the runs that a rollout chose and among those that it did not.

    Departments are those of whoever started the runs; empty where no person did.
    """
    given = {"rollout": rollout_id, "since": since}
    tally = Tally(now(session), {key: {} for key in ("error", "not_progressed", "slow")})
    for row in session.execute(_RUNS, {**given, "late": PROGRESS_SECONDS}):
        tally.add("error", row.arm, row.department, row.failed, row.begun)
        tally.add("not_progressed", row.arm, row.department, row.stuck, row.told)
    for row in session.execute(_STEPS, {**given, "slow": SLOW_SECONDS, "carried": _CARRIED}):
        tally.add("slow", row.arm, row.department, row.slow, row.total)
    return tally.readings(True)


def count_assigned(
    session: Session, rollout_id: UUID, since: datetime, step_since: datetime
) -> tuple[int, datetime | None]:
    """How many runs that a rollout chose have moved and began since its step did, and when one moved last."""
    given = {"rollout": rollout_id, "since": since, "step": step_since}
    row = session.execute(_SAMPLES, given).one()
    return row.runs, row.newest_at
