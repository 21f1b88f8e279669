"""Whether a new build does harm, as far as figures can tell: PASS, FAIL or INCONCLUSIVE. Counts nothing itself."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from rules.evidence import (
    FIRES_AT,
    Counts,
    bounds,
    e_value,
    more_bad_until_it_fires,
    more_good_until_it_passes,
    odds_times,
    upper_bound,
)

#: How much worse than the control a new build may be, as a factor of the odds; where things are rare, of the rate.
TOLERANCE: Final = 1.5
#: A control of fewer tells nothing by itself.
SMALLEST_CONTROL: Final = 30
_NONE: Final = Counts(0, 0)
#: Where all of the control is bad, still a share that could be exceeded, so that the arithmetic holds.
_NEARLY_ALL: Final = 0.999
#: Requests that must have been seen before a metric passes; 0 bad of 52 are needed for a limit of 5 %.
SMALLEST_PASS: Final = 52
#: Figures are read every 30 s; older than three readings they say nothing of now.
FRESH_FOR: Final = timedelta(seconds=90)

#: A stage that took longer is slow.
SLOW_SECONDS: Final = 30
#: A step that was due so long ago and has not been done counts as not progressed.
PROGRESS_SECONDS: Final = 30

LONGEST_WITHOUT_POLLER: Final = timedelta(seconds=20)
OLDEST_IN_BACKLOG: Final = timedelta(seconds=30)


class Verdict(StrEnum):
    """What the figures say. INCONCLUSIVE is also what no figures say."""

    PASS = "pass"  # noqa: S105 (no password)
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"


@dataclass(frozen=True)
class Metric:
    """A share of bad cases among all that ended.

    Attributes:
        limit: above it a build is bad whatever the others do, from 0 to 1; None where only the control can tell.
        smallest_pass: cases that must have been seen before it passes.
        required: whether it has to pass before a raise. The others lead back when they fail, and hold nothing up: a
            small company would wait for months until fifty automatic approvals had been judged again.
        dry_run: measured and shown, never acted upon.

    Raises:
        ValueError: for a limit of which no share could be worse or none could be better.
    """

    key: str
    title: str
    limit: float | None
    smallest_pass: int = SMALLEST_PASS
    required: bool = True
    dry_run: bool = False

    def __post_init__(self) -> None:
        if self.limit is not None and not 0 < self.limit < 1:
            raise ValueError(f"{self.limit} is no limit")


#: What is watched in every rollout; the success rate is what the error rate leaves.
METRICS: Final = (
    Metric("error", "Ended with an error, timed out or terminated", 0.05),
    Metric("not_progressed", f"Not progressed {PROGRESS_SECONDS} s after a step was due", 0.05),
    Metric("slow", f"A stage took longer than {SLOW_SECONDS} s", 0.05),
    Metric("overturned", "Automatic approval overturned", 0.05, required=False),
    Metric("not_auto_approved", "Reviewed and left to a person", None, required=False),
    Metric("auto_approved", "Reviewed and approved automatically", None, required=False),
)


@dataclass(frozen=True)
class Reading:
    """One metric as counted, by department so that a different mix is not taken for a difference.

    Attributes:
        canary, control: department id -> counts; the control are requests of the same departments and the same
            time that are not on the new build.
        read_at: when it was counted, a moment with a zone.
    """

    canary: Mapping[str, Counts]
    control: Mapping[str, Counts]
    read_at: datetime


@dataclass(frozen=True)
class Judgement:
    """What one metric says, with the figures that say it.

    Attributes:
        canary: what was seen on the new build.
        control: what the control shows for the departments in the canary's proportion, from 0 to 1; None without any.
        allowed: the share up to which the new build is not worse than it may be; None where nothing tells.
        low, high: the 95 % interval of the canary's share; None without cases.
        e_value: the evidence for more than `allowed`; `FIRES_AT` fires. 1 is none.
        strata: the counts by department, each with what is allowed there.
        why: one sentence.
    """

    metric: Metric
    verdict: Verdict
    why: str
    canary: Counts = _NONE
    control: float | None = None
    allowed: float | None = None
    low: float | None = None
    high: float | None = None
    e_value: float = 1.0
    strata: tuple[tuple[Counts, float], ...] = ()

    @property
    def bad_left(self) -> int | None:
        """How many bad cases in a row would fire from here; None where nothing is known or none could."""
        return more_bad_until_it_fires(self.strata) if self.strata else None

    @property
    def good_needed(self) -> int | None:
        """How many good cases in a row would pass from here; None where nothing is known or none could."""
        if self.passes_at is None:
            return None
        return more_good_until_it_passes(self.canary, self.passes_at, self.metric.smallest_pass)

    @property
    def passes_at(self) -> float | None:
        """The share that the new build has to stay below for sure; None where nothing tells.

        Where there is a limit it is the limit, also while the control breaks it: what is no worse than the others
        in bad times does not return, but it is not raised either.
        """
        return self.allowed if self.metric.limit is None else self.metric.limit


@dataclass(frozen=True)
class Health:
    """What stops without statistics; None is not known, which holds but does not return.

    Attributes:
        without_poller: how long a queue of the new build has had no live poller; zero where each has one.
        oldest_in_backlog: how long the oldest task of the new build waits.
        nondeterminism_errors: how many were seen.
    """

    without_poller: timedelta | None = None
    oldest_in_backlog: timedelta | None = None
    nondeterminism_errors: int | None = None
    kill_switch: bool = False


def hard_stops(health: Health) -> tuple[str, ...]:
    """What returns at once, one sentence each."""
    stops = []
    if health.kill_switch:
        stops.append("The kill switch is on.")
    if health.nondeterminism_errors:
        stops.append(
            f"{health.nondeterminism_errors} nondeterminism error(s): the code cannot replay a history."
        )
    if health.without_poller is not None and health.without_poller > LONGEST_WITHOUT_POLLER:
        stops.append(f"No live worker on a queue for {health.without_poller.total_seconds():.0f} s.")
    if health.oldest_in_backlog is not None and health.oldest_in_backlog > OLDEST_IN_BACKLOG:
        stops.append(f"The oldest task waits for {health.oldest_in_backlog.total_seconds():.0f} s.")
    return tuple(stops)


def judge(metric: Metric, reading: Reading | None, now: datetime) -> Judgement:
    """What one metric says of the new build."""
    title = metric.title
    if reading is None:
        return Judgement(metric, Verdict.INCONCLUSIVE, f"{title}: never counted.")
    canary = Counts.sum(reading.canary.values())
    if now - reading.read_at > FRESH_FOR:
        return Judgement(metric, Verdict.INCONCLUSIVE, f"{title}: the figures are too old.", canary)
    if not canary.total:
        return Judgement(metric, Verdict.INCONCLUSIVE, f"{title}: no case yet.")
    strata = [
        _stratum(metric, name, counts, reading) for name, counts in reading.canary.items() if counts.total
    ]
    control = _in_proportion([(counts.total, share) for counts, _, share in strata])
    low, high = bounds(canary)
    if any(allowed is None for _, allowed, _ in strata):
        why = f"{title}: the control has fewer than {SMALLEST_CONTROL} cases."
        return Judgement(metric, Verdict.INCONCLUSIVE, why, canary, control, None, low, high)
    known = [(counts, allowed) for counts, allowed, _ in strata if allowed is not None]
    return _weigh(metric, canary, control, known)


def _weigh(
    metric: Metric, canary: Counts, control: float | None, strata: Sequence[tuple[Counts, float]]
) -> Judgement:
    allowed = math.fsum(counts.total * most for counts, most in strata) / canary.total
    evidence = e_value(strata)
    low, high = bounds(canary)
    seen = f"{metric.title}: {canary.bad} of {canary.total}, at most {allowed:.1%} are allowed"
    judgement = Judgement(
        metric, Verdict.INCONCLUSIVE, f"{seen}; not enough to tell.",
        canary, control, allowed, low, high, evidence, tuple(strata),
    )  # fmt: skip
    if evidence >= FIRES_AT:
        why = f"{seen}; the evidence for more is {evidence:,.0f}, {FIRES_AT} is enough."
        return replace(judgement, verdict=Verdict.FAIL, why=why)
    passes_at = judgement.passes_at
    if passes_at is not None and canary.total >= metric.smallest_pass and upper_bound(canary) <= passes_at:
        return replace(judgement, verdict=Verdict.PASS, why=f"{seen}; it is less for sure.")
    return judgement


def _stratum(
    metric: Metric, department: str, counts: Counts, reading: Reading
) -> tuple[Counts, float | None, float | None]:
    """The counts of one department, what is allowed there, and the control's share there."""
    control = reading.control.get(department, _NONE)
    share = control.bad / control.total if control.total else None
    return counts, allowed_share(metric.limit, control), share


def allowed_share(limit: float | None, control: Counts) -> float | None:
    """Up to which share of bad cases a new build is not worse than it may be; None where nothing tells.

    A limit stands by itself. It gives way only where the control breaks it, too, beyond chance (as when the vendor is
    down for all): then the new build may be `TOLERANCE` times as bad as the control may be. A control that is merely
    small loosens nothing, so that three bad of three fire at once.
    """
    low, high = bounds(control)
    relative = min(_NEARLY_ALL, odds_times(high, TOLERANCE)) if control.total else None
    if limit is None:
        return relative if control.total >= SMALLEST_CONTROL else None
    if relative is not None and low > limit:
        return max(limit, relative)
    return limit


def _in_proportion(strata: Sequence[tuple[int, float | None]]) -> float | None:
    """The control's share with the departments weighted as on the canary; departments without control left out."""
    known = [(total, share) for total, share in strata if share is not None]
    whole = sum(total for total, _ in known)
    return math.fsum(total * share for total, share in known) / whole if whole else None
