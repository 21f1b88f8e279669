"""Counts what the KPIs are made of, by SQL over the same rows that carry the requests. Defines no figure.

Each figure's definition is in rules/kpi.py and, with these queries, in docs/kpis.md; a test keeps them equal.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from sqlalchemy import RowMapping, text
from sqlalchemy.orm import Session

from rules.kpi import Durations, Grain, Ordered, Scope, Share, Tally

SCOPE: Final = """
WITH scope AS (
  SELECT * FROM request
  WHERE (:include_demo OR NOT is_demo)
    AND (CAST(:department_id AS text) IS NULL OR department_id = :department_id)
)
"""

DECIDED: Final = """
, decided AS (
  SELECT r.department_id,
         review.id IS NOT NULL AS reviewed,
         final.outcome, final.decided_at, final.decided_at - r.submitted_at AS waited
  FROM scope r
  LEFT JOIN review ON review.request_id = r.id
  LEFT JOIN LATERAL (
    SELECT id, outcome, decided_at FROM decision
    WHERE request_id = r.id ORDER BY round DESC LIMIT 1
  ) question ON true
  CROSS JOIN LATERAL (
    SELECT CASE WHEN r.run_id IS NULL OR r.auto_approved THEN COALESCE(question.outcome, 'auto')
                WHEN r.auto_approved IS NULL THEN r.status ELSE 'approved' END AS outcome,
           CASE WHEN r.run_id IS NOT NULL AND r.auto_approved IS NULL THEN r.closed_at
                ELSE COALESCE(question.decided_at, review.finished_at) END AS decided_at
  ) final
  WHERE CASE WHEN r.run_id IS NOT NULL
               THEN r.auto_approved IS NOT NULL OR r.status IN ('rejected', 'expired')
             WHEN question.id IS NULL THEN review.auto_approved
             ELSE question.outcome IN ('approved', 'rejected', 'expired') END
)
SELECT GROUPING(department_id, week, month) AS level, department_id, week, month,
       count(*) AS decided,
       count(*) FILTER (WHERE reviewed) AS reviewed,
       count(*) FILTER (WHERE outcome = 'auto') AS auto,
       count(*) FILTER (WHERE outcome = 'approved') AS approved,
       count(*) FILTER (WHERE outcome = 'rejected') AS rejected,
       count(*) FILTER (WHERE outcome = 'expired') AS expired,
       percentile_disc(ARRAY[0.5, 0.9, 0.99]) WITHIN GROUP (ORDER BY seconds)
         FILTER (WHERE outcome = 'auto') AS auto_seconds,
       percentile_disc(ARRAY[0.5, 0.9, 0.99]) WITHIN GROUP (ORDER BY seconds)
         FILTER (WHERE outcome IN ('approved', 'rejected')) AS manual_seconds
FROM (
  SELECT *, CAST(date_trunc('week', decided_at, 'UTC') AS date) AS week,
         CAST(date_trunc('month', decided_at, 'UTC') AS date) AS month,
         CAST(extract(epoch FROM waited) AS double precision) AS seconds
  FROM decided WHERE decided_at >= :start AND decided_at < :end
) in_window
GROUP BY GROUPING SETS ((), (department_id), (week), (month))
"""

ENDED: Final = """
SELECT GROUPING(department_id, week, month) AS level, department_id, week, month,
       count(*) FILTER (WHERE status = 'withdrawn') AS withdrawn,
       count(*) FILTER (WHERE status = 'completed') AS completed,
       count(*) FILTER (WHERE status = 'order_refused') AS order_refused
FROM (
  SELECT *, CAST(date_trunc('week', closed_at, 'UTC') AS date) AS week,
         CAST(date_trunc('month', closed_at, 'UTC') AS date) AS month
  FROM scope WHERE closed_at >= :start AND closed_at < :end
) in_window
GROUP BY GROUPING SETS ((), (department_id), (week), (month))
"""

ORDERED: Final = """
SELECT GROUPING(department_id, week, month) AS level, department_id, week, month, currency,
       count(*) AS orders,
       sum(amount) AS amount,
       COALESCE(sum(amount) FILTER (WHERE auto_approved), 0) AS auto_amount
FROM (
  SELECT r.department_id, r.auto_approved, o.currency,
         CAST(date_trunc('week', o.settled_at, 'UTC') AS date) AS week,
         CAST(date_trunc('month', o.settled_at, 'UTC') AS date) AS month,
         COALESCE(o.charged_total, round(r.amount * o.accepted_quantity / o.quantity, 3)) AS amount
  FROM purchase_order o JOIN scope r ON r.id = o.request_id
  WHERE o.state IN ('placed', 'part_placed') AND o.settled_at >= :start AND o.settled_at < :end
) in_window
GROUP BY GROUPING SETS ((currency), (currency, department_id), (currency, week), (currency, month))
"""

UNKNOWN: Final = """
SELECT count(*) AS orders, count(*) FILTER (WHERE o.unknown_since IS NOT NULL) AS unknown
FROM purchase_order o JOIN scope r ON r.id = o.request_id
WHERE o.intended_at >= :start AND o.intended_at < :end
"""

OPEN: Final = """
SELECT count(*) AS requests,
       count(*) FILTER (WHERE status = 'order_unknown') AS unclear,
       percentile_disc(0.5) WITHIN GROUP (ORDER BY age) AS median_seconds,
       max(age) AS longest_seconds
FROM (
  SELECT status, CAST(extract(epoch FROM now() - submitted_at) AS double precision) AS age
  FROM scope WHERE closed_at IS NULL
) open
"""

QUERIES: Final[Mapping[str, str]] = {
    "decided": SCOPE + DECIDED,
    "ended": SCOPE + ENDED,
    "ordered": SCOPE + ORDERED,
    "unknown": SCOPE + UNKNOWN,
    "open": SCOPE + OPEN,
}

#: What GROUPING(department_id, week, month) says of rows -> the column that tells them apart.
_LEVELS: Final[Mapping[int, str]] = {0b011: "department_id", 0b101: "week", 0b110: "month", 0b111: "all"}
_NOT_COUNTS: Final = frozenset({"level", "department_id", "week", "month"})


@dataclass(frozen=True)
class OpenNow:
    """Requests that have not ended; the times are None where there are none.

    Attributes:
        unclear: how many of them have an order whose outcome is unknown.
        median_seconds, longest_seconds: since submit.
    """

    requests: int
    unclear: int
    median_seconds: float | None
    longest_seconds: float | None


@dataclass(frozen=True)
class Report:
    """Everything counted for one scope.

    Attributes:
        by_department: department id -> tally, for departments with anything to count.
        by_period: first day of a week or month -> tally, likewise.
        order_unknown_rate: orders whose outcome was unknown for a while.
    """

    total: Tally
    by_department: Mapping[str, Tally]
    by_period: Mapping[tuple[Grain, date], Tally]
    order_unknown_rate: Share
    open_now: OpenNow


def count(session: Session, scope: Scope) -> Report:
    """Count everything in one scope, in five queries."""
    rows = {name: _run(session, query, scope) for name, query in QUERIES.items()}
    slices: dict[tuple[str, Any], dict[str, Any]] = {("all", None): {}}
    for row in (*rows["decided"], *rows["ended"]):
        slices.setdefault(_slice(row), {}).update(_counts(row))
    for row in rows["ordered"]:
        ordered = Ordered(row["orders"], row["amount"], row["auto_amount"])
        slices.setdefault(_slice(row), {}).setdefault("ordered", {})[row["currency"]] = ordered
    tallies = {key: Tally(**counts) for key, counts in slices.items()}
    (unknown,), (open_now,) = rows["unknown"], rows["open"]
    return Report(
        total=tallies["all", None],
        by_department={key: tally for (level, key), tally in tallies.items() if level == "department_id"},
        by_period={
            (Grain(level), key): tally for (level, key), tally in tallies.items() if level in set(Grain)
        },
        order_unknown_rate=Share(unknown["unknown"], unknown["orders"]),
        open_now=OpenNow(**open_now),
    )


def _run(session: Session, query: str, scope: Scope) -> list[RowMapping]:
    parameters = {
        "include_demo": scope.include_demo,
        "department_id": scope.department_id,
        "start": scope.start,
        "end": scope.end,
    }
    statement = text(query)
    return list(
        session.execute(statement, {name: parameters[name] for name in statement.compile().params}).mappings()
    )


def _slice(row: RowMapping) -> tuple[str, Any]:
    """What a row counts: one department, one week, one month, or everything."""
    level = _LEVELS[row["level"]]
    return level, row.get(level)


def _counts(row: RowMapping) -> dict[str, Any]:
    counts = {name: value for name, value in row.items() if name not in _NOT_COUNTS}
    if "decided" in counts:
        manual = counts["approved"] + counts["rejected"]
        counts["auto_time"] = _durations(counts["auto"], counts.pop("auto_seconds"))
        counts["manual_time"] = _durations(manual, counts.pop("manual_seconds"))
    return counts


def _durations(n: int, quantiles: Iterable[float] | None) -> Durations:
    return Durations(n) if quantiles is None else Durations.of(n, *quantiles)
