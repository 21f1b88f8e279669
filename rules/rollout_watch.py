"""What the figures of a rollout mean for its next move: what leads back, what holds. Counts nothing itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
from rules.rollout import BY_ASSIGNMENT, Kind, Plan

#: What a policy or a flag is there to change: measured and shown, and acted upon only where the plan sets a limit.
_INTENDED: Final = frozenset({"auto_approved", "not_auto_approved"})
#: What is counted of the runs of a process; the others tell of reviews.
_OF_RUNS: Final = frozenset({"error", "not_progressed", "slow"})
#: A process may ask nothing but people: where no machine has done anything, nothing was slow.
_SELDOM_OF_RUNS: Final = frozenset({"slow"})


def known_metrics(kind: Kind) -> frozenset[str]:
    """The keys of the metrics that rollouts of a kind are judged by."""
    return frozenset(metric.key for metric in METRICS if kind is not Kind.PROCESS or metric.key in _OF_RUNS)


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
    health: Health | None


def metrics_of(plan: Plan, step: int, kind: Kind = Kind.BUILD) -> tuple[Metric, ...]:
    """The shipped metrics with this rollout's limits, passing after as many requests as its step asks for."""
    limits, known = plan.limits, known_metrics(kind)
    enough = min(SMALLEST_PASS, plan.steps[step].min_samples)
    return tuple(
        replace(
            metric,
            limit=float(limits[metric.key]) if metric.key in limits else metric.limit,
            smallest_pass=enough,
            required=metric.required and not (kind is Kind.PROCESS and metric.key in _SELDOM_OF_RUNS),
            dry_run=kind in BY_ASSIGNMENT and metric.key in _INTENDED and metric.key not in limits,
        )
        for metric in METRICS
        if metric.key in known
    )


def watch(
    metrics: Sequence[Metric], readings: Mapping[str, Reading], health: Health | None, now: datetime
) -> Watch:
    """What the readings and the health of the new one mean. What is not known holds and never passes.

    Args:
        readings: metric key -> reading; a metric without one holds.
        health: None where nothing stops without statistics, as for what no worker of its own carries.
    """
    judgements = tuple(judge(metric, readings.get(metric.key), now) for metric in metrics)
    acted_upon = [each for each in judgements if not each.metric.dry_run]
    return Watch(
        breaches=tuple(each.why for each in acted_upon if each.verdict is Verdict.FAIL),
        hard_stops=hard_stops(health) if health is not None else (),
        open_points=(
            *(
                each.why
                for each in acted_upon
                if each.metric.required and each.verdict is Verdict.INCONCLUSIVE
            ),
            *(_unknown(health) if health is not None else ()),
        ),
        judgements=judgements,
        health=health,
    )


def verdict_of(seen: Watch) -> Verdict:
    """FAIL as soon as one metric or hard stop does; PASS only where nothing is open and something was watched."""
    if seen.breaches or seen.hard_stops:
        return Verdict.FAIL
    is_watched = any(not each.metric.dry_run for each in seen.judgements)
    return Verdict.PASS if is_watched and not seen.open_points else Verdict.INCONCLUSIVE


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
        "health": _health(seen.health) if seen.health is not None else None,
    }


def _health(health: Health) -> dict[str, Any]:
    return {
        "without_poller_seconds": _seconds(health.without_poller),
        "oldest_in_backlog_seconds": _seconds(health.oldest_in_backlog),
        "nondeterminism_errors": health.nondeterminism_errors,
        "kill_switch": health.kill_switch,
    }


def read_health(figures: Mapping[str, Any]) -> Health:
    """The health in stored figures; where none was written nothing is known."""
    stored = figures.get("health") or {}
    return Health(
        without_poller=_duration(stored.get("without_poller_seconds")),
        oldest_in_backlog=_duration(stored.get("oldest_in_backlog_seconds")),
        nondeterminism_errors=stored.get("nondeterminism_errors"),
        kill_switch=bool(stored.get("kill_switch")),
    )


def _duration(seconds: float | None) -> timedelta | None:
    return timedelta(seconds=seconds) if seconds is not None else None


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
        "required": each.metric.required and not each.metric.dry_run,
    }


def _seconds(duration: timedelta | None) -> float | None:
    return round(duration.total_seconds(), 1) if duration is not None else None
