"""Counts what the arms of a rollout do in the same time and departments: by build, or chosen and not. Judges nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from sqlalchemy import TextClause, text
from sqlalchemy.orm import Session

from rules.analysis import PROGRESS_SECONDS, SLOW_SECONDS, Reading
from rules.evidence import Counts
from rules.request import workflow_id
from rules.routing import predict_native
from storage.database import now

WHOLE: Final = Decimal(100)
#: Where so many requests came since the beginning, the newest tell enough.
MOST_REQUESTS: Final = 5_000
#: Of those that seem stuck so many are asked about at Temporal, of each kind half.
MOST_SUSPECTS: Final = 50

#: What tells the arms apart in the queries below: (the arm of a stage, what is joined to it), the same of a request.
_BY_BUILD: Final = ("o.build_id", "", "route.build", "")
_BY_ASSIGNMENT: Final = (
    "assignment.chosen",
    "JOIN assignment ON assignment.request_id = o.request_id AND assignment.rollout_id = :rollout",
    "assignment.chosen",
    "JOIN assignment ON assignment.request_id = request.id AND assignment.rollout_id = :rollout",
)

# A stage that was tried again counts once, with how its last attempt in that arm went.
_STAGES: Final = """
    WITH last AS (
      SELECT DISTINCT ON (o.run_id, o.activity_id, {arm}) {arm} AS arm, o.department_id, o.ms
      FROM outcome o {join} WHERE o.at >= :since AND o.stage <> 'workflow_task'
      ORDER BY o.run_id, o.activity_id, {arm}, o.attempt DESC, o.at DESC
    )
    SELECT arm, coalesce(department_id, '') AS department,
           count(*) FILTER (WHERE ms > :slow_ms) AS bad, count(*) AS total
    FROM last GROUP BY 1, 2
"""

# A request counts once: bad where one of its stages failed in that arm for good, even if a person took over then.
_REQUESTS: Final = """
    WITH last AS (
      SELECT DISTINCT ON (o.run_id, o.activity_id, {arm}) {arm} AS arm, o.request_id, o.department_id, o.outcome
      FROM outcome o {join} WHERE o.at >= :since
      ORDER BY o.run_id, o.activity_id, {arm}, o.attempt DESC, o.at DESC
    ), request_in AS (
      SELECT request_id, arm, max(department_id) AS department_id, bool_or(outcome = 'failed') AS failed
      FROM last GROUP BY request_id, arm
    )
    SELECT arm, coalesce(department_id, '') AS department,
           count(*) FILTER (WHERE failed) AS bad, count(*) AS total
    FROM request_in GROUP BY 1, 2
"""

# What somebody said who looked at an automatic approval again belongs to where it was approved.
_REVIEWS: Final = """
    WITH reviewed AS (
      SELECT DISTINCT ON (o.request_id) o.request_id, {arm} AS arm, o.department_id
      FROM outcome o {join} WHERE o.at >= :since AND o.stage = 'review_request' AND o.outcome = 'ok'
      ORDER BY o.request_id, o.at DESC
    )
    SELECT arm, coalesce(reviewed.department_id, '') AS department,
           count(*) FILTER (WHERE review.auto_approved) AS approved, count(*) AS total,
           count(*) FILTER (WHERE review.auto_approved AND recheck.verdict = 'wrong') AS overturned,
           count(*) FILTER (WHERE review.auto_approved AND recheck.verdict IS NOT NULL) AS rechecked
    FROM reviewed JOIN review ON review.request_id = reviewed.request_id
    LEFT JOIN recheck ON recheck.request_id = reviewed.request_id
    GROUP BY 1, 2
"""

# Due since: its submit while it is being looked at, the answer while it is being ordered.
_PROGRESS: Final = """
    SELECT request.id, request.department_id AS department, {arm} AS arm, route.redirected_at,
           (request.status IN ('submitted', 'in_review') OR (request.status = 'ordering' AND NOT EXISTS (
              SELECT FROM outcome WHERE outcome.request_id = request.id AND outcome.at >= request.status_since
            ))) AS is_due,
           extract(epoch FROM now() - CASE request.status WHEN 'ordering' THEN request.status_since
                                      ELSE request.submitted_at END) AS due_seconds
    FROM request LEFT JOIN route ON route.request_id = request.id {join}
    WHERE request.submitted_at >= :since ORDER BY request.submitted_at DESC LIMIT :most
"""


@dataclass(frozen=True)
class _Queries:
    """The queries for one way of telling arms apart."""

    stages: TextClause
    requests: TextClause
    reviews: TextClause
    progress: TextClause

    @classmethod
    def of(cls, arm: str, join: str, arm_of_request: str, join_of_request: str) -> _Queries:
        """Filled with the arm and the join."""

        def filled(query: str, arm: str, join: str) -> TextClause:
            return text(query.replace("{arm}", arm).replace("{join}", join))

        return cls(
            filled(_STAGES, arm, join),
            filled(_REQUESTS, arm, join),
            filled(_REVIEWS, arm, join),
            filled(_PROGRESS, arm_of_request, join_of_request),
        )


_BUILDS: Final = _Queries.of(*_BY_BUILD)
_ASSIGNED: Final = _Queries.of(*_BY_ASSIGNMENT)

#: A build's id, or whether a request was chosen; None for a request without a route.
Arm = str | bool | None


@dataclass
class Tally:
    """Counts by metric, arm and department."""

    at: datetime
    counts: dict[str, dict[Arm, dict[str, Counts]]] = field(default_factory=dict)

    def add(self, metric: str, arm: Arm, department: str, bad: int, total: int) -> None:
        """Count some more."""
        cell = self.counts.setdefault(metric, {}).setdefault(arm, {})
        cell[department] = Counts.sum([cell.get(department, Counts(0, 0)), Counts(int(bad), int(total))])

    def of(self, metric: str, arm: Arm) -> Counts:
        """One metric of one arm, all departments together."""
        return Counts.sum(self.counts[metric].get(arm, {}).values())

    def readings(self, canary: Arm) -> dict[str, Reading]:
        """Metric key -> its counts in one arm and in all others, by department."""
        return {metric: self._reading(arms, canary) for metric, arms in self.counts.items()}

    def _reading(self, arms: Mapping[Arm, Mapping[str, Counts]], canary: Arm) -> Reading:
        control: dict[str, Counts] = {}
        for arm, departments in arms.items():
            for department, counts in departments.items() if arm != canary else ():
                control[department] = Counts.sum([control.get(department, Counts(0, 0)), counts])
        return Reading(dict(arms.get(canary, {})), control, self.at)


def read_figures(
    session: Session, build_id: str, since: datetime, native_percent: Decimal | None
) -> dict[str, Reading]:
    """Metric key -> its counts on the build and on all others, by department.

    Args:
        since: when the build got its first traffic in this rollout.
        native_percent: the server's own ramp, where that chooses; None where the routing rules do.
    """
    return by_build(session, since, build_id, native_percent).readings(build_id)


def by_build(
    session: Session,
    since: datetime,
    ramping: str | None = None,
    native_percent: Decimal | None = None,
    current: str | None = None,
) -> Tally:
    """What each build did, however many there are, in as many statements as for one.

    Args:
        ramping: the build that the server's own ramp gives `native_percent`; None where routing rules choose.
        current: the build of a request without a route of its own.
    """

    def arm_of(row: Any) -> Arm:
        if native_percent is not None:
            return ramping if predict_native(workflow_id(row.id), native_percent) else current
        build: str | None = row.arm if row.redirected_at is None else None
        return build or current

    tally = _count(session, _BUILDS, {"since": since})
    _add_progress(tally, session.execute(_BUILDS.progress, {"since": since, "most": MOST_REQUESTS}), arm_of)
    return tally


def read_assigned(session: Session, rollout_id: UUID, since: datetime) -> dict[str, Reading]:
    """Metric key -> its counts among the requests that a rollout chose and among those that it did not."""
    given = {"since": since, "rollout": rollout_id}
    tally = _count(session, _ASSIGNED, given)
    rows = session.execute(_ASSIGNED.progress, {**given, "most": MOST_REQUESTS})
    _add_progress(tally, rows, lambda row: bool(row.arm))
    return tally.readings(True)


def _count(session: Session, queries: _Queries, given: Mapping[str, Any]) -> Tally:
    keys = ("error", "slow", "not_progressed", "overturned", "auto_approved", "not_auto_approved")
    tally = Tally(now(session), {key: {} for key in keys})
    for row in session.execute(queries.requests, given):
        tally.add("error", row.arm, row.department, row.bad, row.total)
    for row in session.execute(queries.stages, {**given, "slow_ms": SLOW_SECONDS * 1000}):
        tally.add("slow", row.arm, row.department, row.bad, row.total)
    for row in session.execute(queries.reviews, given):
        tally.add("auto_approved", row.arm, row.department, row.approved, row.total)
        tally.add("not_auto_approved", row.arm, row.department, row.total - row.approved, row.total)
        tally.add("overturned", row.arm, row.department, row.overturned, row.rechecked)
    return tally


def _add_progress(tally: Tally, rows: Iterable[Any], arm_of: Any) -> None:
    """Requests submitted since, by whether they progressed; those that may still do so in time are left out."""
    for row in rows:
        late = row.due_seconds > PROGRESS_SECONDS
        if row.is_due and not late:
            continue
        tally.add("not_progressed", arm_of(row), row.department, int(row.is_due), 1)


def suspects(session: Session, since: datetime, after_seconds: float = 3.0) -> list[str]:
    """The workflows of requests whose step has been due for some seconds: worth asking Temporal about."""
    rows = session.execute(_BUILDS.progress, {"since": since, "most": MOST_REQUESTS}).all()
    due = [workflow_id(row.id) for row in rows if row.is_due and row.due_seconds > after_seconds]
    answered = [each for each in _answered(session, after_seconds) if each not in set(due)]
    # Many of one kind must not keep the other from being asked about.
    room_for_due = max(MOST_SUSPECTS // 2, MOST_SUSPECTS - len(answered))
    return [*due[:room_for_due], *answered][:MOST_SUSPECTS]


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


def count_assigned(
    session: Session, rollout_id: UUID, since: datetime, step_since: datetime
) -> tuple[int, datetime | None]:
    """How many requests that a rollout chose had their review since its step began, and when their newest stage ended.

    Args:
        since: when the rollout was exposed; the newest stage is looked for from then on.
    """
    query = text(
        """
        SELECT count(DISTINCT o.request_id) FILTER (WHERE o.at >= :step AND o.stage = 'review_request') AS requests,
               max(o.at) AS newest_at
        FROM assignment JOIN outcome o ON o.request_id = assignment.request_id AND o.at >= :since
        WHERE assignment.rollout_id = :rollout AND assignment.chosen
        """
    )
    row = session.execute(query, {"rollout": rollout_id, "since": since, "step": step_since}).one()
    return row.requests, row.newest_at
