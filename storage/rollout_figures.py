"""Counts what a new build does beside what the others do in the same time and departments. Judges nothing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from sqlalchemy import text
from sqlalchemy.orm import Session

from rules.analysis import Reading
from rules.evidence import Counts
from rules.request import workflow_id
from rules.routing import predict_native
from storage.database import now

WHOLE: Final = Decimal(100)
SLOW_MS: Final = 30_000
#: A step that was due so long ago and has not been done counts as not progressed.
PROGRESS_SECONDS: Final = 30
#: Where so many requests came since the beginning, the newest tell enough.
MOST_REQUESTS: Final = 5_000
#: Of those that seem stuck so many are asked about at Temporal.
MOST_SUSPECTS: Final = 50

# A stage that was tried again counts once, with how its last attempt on that build went.
_STAGES: Final = text(
    """
    WITH last AS (
      SELECT DISTINCT ON (run_id, activity_id, build_id) build_id, department_id, outcome, ms
      FROM outcome WHERE at >= :since AND stage <> 'workflow_task'
      ORDER BY run_id, activity_id, build_id, attempt DESC, at DESC
    )
    SELECT build_id = :build AS canary, coalesce(department_id, '') AS department,
           count(*) FILTER (WHERE ms > :slow_ms) AS bad, count(*) AS total
    FROM last GROUP BY 1, 2
    """
)

# A request counts once: bad where one of its stages failed on that build for good, even if a person took over then.
_REQUESTS: Final = text(
    """
    WITH last AS (
      SELECT DISTINCT ON (run_id, activity_id, build_id) request_id, build_id, department_id, outcome
      FROM outcome WHERE at >= :since
      ORDER BY run_id, activity_id, build_id, attempt DESC, at DESC
    ), request_on AS (
      SELECT request_id, build_id, max(department_id) AS department_id, bool_or(outcome = 'failed') AS failed
      FROM last GROUP BY request_id, build_id
    )
    SELECT build_id = :build AS canary, coalesce(department_id, '') AS department,
           count(*) FILTER (WHERE failed) AS bad, count(*) AS total
    FROM request_on GROUP BY 1, 2
    """
)

_REVIEWS: Final = text(
    """
    WITH reviewed AS (
      SELECT DISTINCT ON (o.request_id) o.request_id, o.build_id, o.department_id
      FROM outcome o WHERE o.at >= :since AND o.stage = 'review_request' AND o.outcome = 'ok'
      ORDER BY o.request_id, o.at DESC
    )
    SELECT reviewed.build_id = :build AS canary, coalesce(reviewed.department_id, '') AS department,
           count(*) FILTER (WHERE review.auto_approved) AS approved, count(*) AS total
    FROM reviewed JOIN review ON review.request_id = reviewed.request_id GROUP BY 1, 2
    """
)

# Due since: its submit while it is being looked at, the answer while it is being ordered.
_PROGRESS: Final = text(
    """
    SELECT request.id, request.department_id AS department, request.number,
           CASE WHEN route.redirected_at IS NULL THEN route.build END AS build,
           (request.status IN ('submitted', 'in_review') OR (request.status = 'ordering' AND NOT EXISTS (
              SELECT FROM outcome WHERE outcome.request_id = request.id AND outcome.at >= request.status_since
            ))) AS is_due,
           extract(epoch FROM now() - CASE request.status WHEN 'ordering' THEN request.status_since
                                      ELSE request.submitted_at END) AS due_seconds
    FROM request LEFT JOIN route ON route.request_id = request.id
    WHERE request.submitted_at >= :since ORDER BY request.submitted_at DESC LIMIT :most
    """
)


def read_figures(
    session: Session, build_id: str, since: datetime, native_percent: Decimal | None
) -> dict[str, Reading]:
    """Metric key -> its counts on the build and on all others, by department.

    Args:
        since: when the build got its first traffic in this rollout.
        native_percent: the server's own ramp, where that chooses; None where the routing rules do.
    """
    at = now(session)
    given: dict[str, Any] = {"build": build_id, "since": since}
    reviews = session.execute(_REVIEWS, given).all()
    approved = [(row.canary, row.department, row.approved, row.total) for row in reviews]
    left = [(canary, department, total - good, total) for canary, department, good, total in approved]
    return {
        "error": _reading(session.execute(_REQUESTS, given).all(), at),
        "slow": _reading(session.execute(_STAGES, {**given, "slow_ms": SLOW_MS}).all(), at),
        "not_progressed": _reading(_progress(session, build_id, since, native_percent), at),
        "auto_approved": _reading(approved, at),
        "not_auto_approved": _reading(left, at),
    }


def _reading(rows: Iterable[Sequence[Any]], at: datetime) -> Reading:
    canary: dict[str, Counts] = {}
    control: dict[str, Counts] = {}
    for is_canary, department, bad, total in rows:
        (canary if is_canary else control)[department] = Counts(int(bad), int(total))
    return Reading(canary, control, at)


def _progress(
    session: Session, build_id: str, since: datetime, native_percent: Decimal | None
) -> list[tuple[bool, str, int, int]]:
    """(on the build, department, not progressed, known) of the requests submitted since; younger ones are left out."""
    sums: dict[tuple[bool, str], list[int]] = {}
    for row in session.execute(_PROGRESS, {"since": since, "most": MOST_REQUESTS}):
        late = row.due_seconds > PROGRESS_SECONDS
        if row.is_due and not late:
            continue
        canary = _is_on(row, build_id, native_percent)
        known = sums.setdefault((canary, row.department), [0, 0])
        known[0] += bool(row.is_due)
        known[1] += 1
    return [(canary, department, bad, total) for (canary, department), (bad, total) in sums.items()]


def _is_on(row: Any, build_id: str, native_percent: Decimal | None) -> bool:
    if native_percent is not None:
        return predict_native(workflow_id(row.id), native_percent)
    return bool(row.build == build_id)


def suspects(session: Session, since: datetime, after_seconds: float = 3.0) -> list[str]:
    """The workflows of requests whose step has been due for some seconds: worth asking Temporal about."""
    rows = session.execute(_PROGRESS, {"since": since, "most": MOST_REQUESTS}).all()
    due = [workflow_id(row.id) for row in rows if row.is_due and row.due_seconds > after_seconds]
    return [*due[:MOST_SUSPECTS], *_answered(session, after_seconds)][:MOST_SUSPECTS]


def _answered(session: Session, after_seconds: float) -> list[str]:
    """Requests of any age whose answer has led to nothing for some seconds."""
    query = text(
        """
        SELECT request.id FROM request
        WHERE request.status IN ('ordering', 'rejected') AND request.status_since < now() - make_interval(secs => :after)
          AND request.status_since > now() - interval '1 hour'
          AND NOT EXISTS (
            SELECT FROM outcome WHERE outcome.request_id = request.id AND outcome.at >= request.status_since
          )
        ORDER BY request.status_since DESC LIMIT :most
        """
    )
    ids = session.scalars(query, {"after": after_seconds, "most": MOST_SUSPECTS})
    return [workflow_id(each) for each in ids]


def newest_at(session: Session, build_id: str, since: datetime) -> datetime | None:
    """When the newest outcome of a build was written down since then; None without any."""
    query = text("SELECT max(at) FROM outcome WHERE build_id = :build AND at >= :since")
    newest: datetime | None = session.scalar(query, {"build": build_id, "since": since})
    return newest


def count_requests(session: Session, build_id: str, since: datetime) -> int:
    """How many requests had a stage on a build since then."""
    query = text("SELECT count(DISTINCT request_id) FROM outcome WHERE build_id = :build AND at >= :since")
    return session.scalar(query, {"build": build_id, "since": since}) or 0
