"""Counts what the KPIs of the automated review are made of, by SQL over the rows that carry the requests.

Each figure's definition is in rules/kpi_figures.py and, with these queries, in docs/kpis.md; a test keeps them equal.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import RowMapping, text
from sqlalchemy.orm import Session

from rules.kpi import Durations, Scope, Share
from rules.kpi_estimate import Estimate, of_mean
from rules.kpi_review import Amounts, Grouping, ReviewTally
from rules.recheck import DRAWS, USUAL_SHARE
from storage.kpi import SCOPE

TOLD: Final = f"""
, told AS (
  SELECT r.id, r.department_id, r.amount, r.currency,
         review.id IS NOT NULL AS reviewed, review.auto_approved AS given,
         review.finished_at, review.confidence,
         CAST(extract(epoch FROM review.finished_at - review.started_at) AS double precision)
           AS review_seconds,
         NULLIF(split_part(review.written_by, '/', 2), '') AS build,
         rule_set.department_id || ' ' || rule_set.version AS policy,
         route.variant,
         CASE WHEN question.id IS NOT NULL THEN question.outcome
              WHEN review.auto_approved THEN 'auto' END AS outcome,
         COALESCE(question.decided_at, review.finished_at) AS decided_at,
         CAST(extract(epoch FROM COALESCE(question.decided_at, review.finished_at) - r.submitted_at)
           AS double precision) AS seconds,
         recheck_draw(r.id) * CAST(100 AS bigint) < {DRAWS} * COALESCE(
           (SELECT share FROM recheck_share WHERE at <= review.finished_at ORDER BY at DESC, id DESC LIMIT 1),
           {USUAL_SHARE}) AS is_drawn,
         COALESCE(recheck.verdict = 'right', false) AS said_right,
         COALESCE(recheck.verdict = 'wrong', false) AS said_wrong,
         EXISTS (SELECT FROM decision WHERE request_id = r.id AND outcome = 'rejected') AS is_reversed
  FROM scope r
  LEFT JOIN review ON review.request_id = r.id
  LEFT JOIN rule_set ON rule_set.id = review.rule_set_id
  LEFT JOIN route ON route.request_id = r.id
  LEFT JOIN recheck ON recheck.request_id = r.id
  LEFT JOIN LATERAL (
    SELECT id, outcome, decided_at FROM decision
    WHERE request_id = r.id ORDER BY round DESC LIMIT 1
  ) question ON true
)
"""  # noqa: S608 (constants of the rules)

JUDGED: Final = """
SELECT kind, key,
       count(*) FILTER (WHERE given) AS given,
       count(*) FILTER (WHERE given AND is_drawn) AS drawn,
       count(*) FILTER (WHERE given AND is_drawn AND said_right AND NOT is_reversed) AS "right",
       count(*) FILTER (WHERE given AND is_drawn AND (said_wrong OR is_reversed)) AS wrong,
       count(*) FILTER (WHERE given AND said_wrong) AS judged_wrong,
       count(*) FILTER (WHERE given AND is_reversed AND NOT said_wrong) AS reversed_since,
       count(*) FILTER (WHERE confidence = 0) AS blind,
       count(*) FILTER (WHERE confidence > 0) AS judged,
       avg(confidence) FILTER (WHERE confidence > 0) AS confidence,
       stddev_samp(confidence) FILTER (WHERE confidence > 0) AS confidence_deviation,
       avg(review_seconds) FILTER (WHERE confidence > 0) AS review_seconds,
       stddev_samp(review_seconds) FILTER (WHERE confidence > 0) AS review_seconds_deviation,
       percentile_disc(ARRAY[0.5, 0.9, 0.99]) WITHIN GROUP (ORDER BY review_seconds)
         FILTER (WHERE confidence > 0) AS review_quantiles
FROM told CROSS JOIN LATERAL (VALUES
  ('all', ''), ('department', department_id), ('build', build), ('policy', policy), ('variant', variant),
  ('week', CAST(CAST(date_trunc('week', finished_at, 'UTC') AS date) AS text)),
  ('month', CAST(CAST(date_trunc('month', finished_at, 'UTC') AS date) AS text))
) slice (kind, key)
WHERE reviewed AND finished_at >= :start AND finished_at < :end AND key IS NOT NULL
GROUP BY kind, key
"""

APPROVED: Final = """
, ranked AS (
  SELECT kind, key, outcome, reviewed, seconds,
         CAST(row_number() OVER (
           PARTITION BY kind, key, outcome ORDER BY seconds
         ) AS double precision) AS place,
         CAST(count(*) OVER (PARTITION BY kind, key, outcome) AS double precision) AS n
  FROM told CROSS JOIN LATERAL (VALUES
    ('all', ''), ('department', department_id), ('build', build), ('policy', policy), ('variant', variant),
    ('week', CAST(CAST(date_trunc('week', decided_at, 'UTC') AS date) AS text)),
    ('month', CAST(CAST(date_trunc('month', decided_at, 'UTC') AS date) AS text))
  ) slice (kind, key)
  WHERE outcome IN ('auto', 'approved', 'rejected', 'expired')
    AND decided_at >= :start AND decided_at < :end AND key IS NOT NULL
)
SELECT kind, key, outcome, count(*) AS n, count(*) FILTER (WHERE reviewed) AS reviewed,
       min(seconds) FILTER (WHERE place >= n / 2) AS median,
       max(seconds) FILTER (WHERE place <= floor(n / 2 - 2.2414 * sqrt(n) / 2)) AS low,
       min(seconds) FILTER (WHERE place >= ceil(n / 2 + 1 + 2.2414 * sqrt(n) / 2)) AS high
FROM ranked GROUP BY kind, key, outcome
"""

AMOUNTS: Final = """
SELECT kind, key, currency, count(*) AS n, avg(amount) AS mean, stddev_samp(amount) AS deviation,
       count(*) FILTER (WHERE outcome = 'auto') AS auto_n,
       avg(amount) FILTER (WHERE outcome = 'auto') AS auto_mean,
       stddev_samp(amount) FILTER (WHERE outcome = 'auto') AS auto_deviation
FROM told CROSS JOIN LATERAL (VALUES ('all', ''), ('department', department_id)) slice (kind, key)
WHERE outcome IN ('auto', 'approved', 'rejected', 'expired') AND decided_at >= :start AND decided_at < :end
GROUP BY kind, key, currency
"""

ERRORS: Final = """
, ended AS (
  SELECT DISTINCT ON (o.run_id, o.activity_id, o.build_id)
         o.request_id, o.build_id, r.department_id, o.variant, o.outcome
  FROM outcome o JOIN scope r ON r.id = o.request_id
  WHERE o.at >= :start AND o.at < :end
  ORDER BY o.run_id, o.activity_id, o.build_id, o.attempt DESC, o.at DESC
), request_on AS (
  SELECT request_id, build_id, department_id, variant, bool_or(outcome = 'failed') AS failed
  FROM ended GROUP BY request_id, build_id, department_id, variant
)
SELECT kind, key, count(*) AS n, count(*) FILTER (WHERE failed) AS failed
FROM request_on CROSS JOIN LATERAL (VALUES
  ('all', ''), ('department', department_id), ('build', build_id), ('variant', variant)
) slice (kind, key)
WHERE key IS NOT NULL GROUP BY kind, key
"""

QUERIES: Final[Mapping[str, str]] = {
    "judged": SCOPE + TOLD + JUDGED,
    "approved": SCOPE + TOLD + APPROVED,
    "amounts": SCOPE + TOLD + AMOUNTS,
    "errors": SCOPE + ERRORS,
}

Slice = tuple[Grouping, str]
#: Everything counted for one scope: (grouping, key) -> tally. A policy's key is its department and version.
Slices = Mapping[Slice, ReviewTally]
_COUNTS: Final = (
    *("given", "drawn", "right", "wrong", "judged_wrong"),
    *("reversed_since", "blind"),
)


def count(session: Session, scope: Scope) -> Slices:
    """Count everything about the review in one scope, in four queries; the whole is always there."""
    parameters = {
        "include_demo": scope.include_demo,
        "department_id": scope.department_id,
        "start": scope.start,
        "end": scope.end,
    }
    rows = {
        name: session.execute(text(query), parameters).mappings().all() for name, query in QUERIES.items()
    }
    found: dict[Slice, dict[str, Any]] = {(Grouping.ALL, ""): {}}
    for row in rows["judged"]:
        found.setdefault(_slice(row), {}).update(_judged(row))
    for row in rows["approved"]:
        _add_approved(found.setdefault(_slice(row), {}), row)
    for row in rows["amounts"]:
        amounts = found.setdefault(_slice(row), {}).setdefault("amounts", {})
        amounts[row["currency"]] = _amounts(row)
    for row in rows["errors"]:
        found.setdefault(_slice(row), {})["errors"] = Share(row["failed"], row["n"])
    return {key: ReviewTally(**counts) for key, counts in found.items()}


def count_whole(session: Session, scope: Scope) -> ReviewTally:
    """The whole of one scope, to compare another with."""
    return count(session, scope)[Grouping.ALL, ""]


def _slice(row: RowMapping) -> Slice:
    return Grouping(row["kind"]), row["key"]


def _judged(row: RowMapping) -> dict[str, Any]:
    n = row["judged"]
    quantiles = row["review_quantiles"]
    return {name: row[name] for name in _COUNTS} | {
        "confidence": _mean(n, row["confidence"], row["confidence_deviation"]),
        "review_time": Durations(n) if quantiles is None else Durations.of(n, *quantiles),
        "review_time_mean": _mean(n, row["review_seconds"], row["review_seconds_deviation"]),
    }


def _add_approved(counts: dict[str, Any], row: RowMapping) -> None:
    counts["reviewed"] = counts.get("reviewed", 0) + row["reviewed"]
    if row["outcome"] == "auto":
        counts["auto"] = row["n"]
        counts["quick"] = _median(row)
    elif row["outcome"] == "approved":
        counts["slow"] = _median(row)


def _median(row: RowMapping) -> Estimate:
    """Too small an n has no ends of an interval, and no median either."""
    if Durations(row["n"]).is_small:
        return Estimate(row["n"])
    return Estimate(row["n"], row["median"], row["low"], row["high"])


def _amounts(row: RowMapping) -> Amounts:
    return Amounts(
        decided=_mean(row["n"], row["mean"], row["deviation"]),
        auto=_mean(row["auto_n"], row["auto_mean"], row["auto_deviation"]),
    )


def _mean(n: int, mean: Any, deviation: Any) -> Estimate:
    return of_mean(n, *(None if each is None else float(each) for each in (mean, deviation)))
