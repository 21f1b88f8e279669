"""What the figures of a rollout mean for its next move: what leads back, what holds. Counts nothing itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

from rules.analysis import (
    METRICS,
    SMALLEST_PASS,
    Health,
    Judgement,
    Metric,
    Reading,
    Verdict,
    hard_stops,
    judge,
)
from rules.rollout import Plan

#: These have to pass before a raise. The others lead back when they fail, and hold nothing up: a small company
#: would wait for months until fifty automatic approvals had been judged again.
REQUIRED: Final = frozenset({"error", "not_progressed", "slow"})
METRIC_KEYS: Final = frozenset(metric.key for metric in METRICS)


@dataclass(frozen=True)
class Watch:
    """What one check saw.

    Attributes:
        breaches, hard_stops: why it goes back, one sentence each.
        open_points: why it may not be raised yet.
    """

    breaches: tuple[str, ...]
    hard_stops: tuple[str, ...]
    open_points: tuple[str, ...]
    judgements: tuple[Judgement, ...]
    health: Health


def metrics_of(plan: Plan, step: int) -> tuple[Metric, ...]:
    """The shipped metrics with this rollout's limits, passing after as many requests as its step asks for."""
    limits = plan.limits
    enough = min(SMALLEST_PASS, plan.steps[step].min_samples)
    return tuple(
        replace(
            metric,
            limit=float(limits[metric.key]) if metric.key in limits else metric.limit,
            smallest_pass=enough,
        )
        for metric in METRICS
    )


def watch(plan: Plan, step: int, readings: Mapping[str, Reading], health: Health, now: datetime) -> Watch:
    """What the readings and the health of the new one mean. What is not known holds and never passes."""
    judgements = tuple(judge(metric, readings.get(metric.key), now) for metric in metrics_of(plan, step))
    acted_upon = [each for each in judgements if not each.metric.dry_run]
    return Watch(
        breaches=tuple(each.why for each in acted_upon if each.verdict is Verdict.FAIL),
        hard_stops=hard_stops(health),
        open_points=(
            *(
                each.why
                for each in acted_upon
                if each.metric.key in REQUIRED and each.verdict is Verdict.INCONCLUSIVE
            ),
            *_unknown(health),
        ),
        judgements=judgements,
        health=health,
    )


def _unknown(health: Health) -> list[str]:
    known = {
        "whether the workers are alive": health.without_poller,
        "how old the backlog is": health.oldest_in_backlog,
        "whether code and histories agree": health.nondeterminism_errors,
    }
    return [f"It is not known {name}." for name, value in known.items() if value is None]


def to_figures(seen: Watch) -> dict[str, Any]:
    """What was seen, as it is stored with the rollout and with the move that it caused."""
    return {
        "metrics": [_figures(each) for each in seen.judgements],
        "hard_stops": list(seen.hard_stops),
        "health": {
            "without_poller_seconds": _seconds(seen.health.without_poller),
            "oldest_in_backlog_seconds": _seconds(seen.health.oldest_in_backlog),
            "nondeterminism_errors": seen.health.nondeterminism_errors,
        },
    }


def _figures(each: Judgement) -> dict[str, Any]:
    return {
        "metric": each.metric.key,
        "title": each.metric.title,
        "verdict": each.verdict.value,
        "why": each.why,
        "bad": each.canary.bad,
        "total": each.canary.total,
        "control": each.control,
        "allowed": each.allowed,
        "low": each.low,
        "high": each.high,
        "e_value": min(each.e_value, 1e300),  # JSON knows no infinity
        "bad_left": each.bad_left,
        "good_needed": each.good_needed,
        "required": each.metric.key in REQUIRED,
    }


def _seconds(duration: timedelta | None) -> float | None:
    return round(duration.total_seconds(), 1) if duration is not None else None
