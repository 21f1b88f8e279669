"""How far each guard of a rollout is from leading back, as the release page shows it. Judges nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from flask_babel import gettext as _

from rules.analysis import LONGEST_WITHOUT_POLLER, OLDEST_IN_BACKLOG, Verdict
from rules.rollout import Kind
from rules.rollout_watch import metrics_of
from storage.rollout import RolloutRow


@dataclass(frozen=True)
class Guard:
    """One metric of the last check, as far as it is from leading back.

    Attributes:
        low, high, point, limit: percent, for the picture; None where nothing is known. `scale` is its right end.
        distance: one sentence.
    """

    title: str
    verdict: str
    required: bool
    bad: int
    total: int
    low: float | None
    high: float | None
    limit: float | None
    control: float | None
    evidence: float
    distance: str

    @property
    def point(self) -> float | None:
        """The share that was seen."""
        return 100 * self.bad / self.total if self.total else None

    @property
    def scale(self) -> float:
        """The right end of the picture, so that limit and interval lie within."""
        known = [one for one in (self.high, self.limit, self.control) if one is not None]
        return min(100.0, max(10.0, *(1.2 * one for one in known))) if known else 100.0

    def at(self, percent: float) -> str:
        """Where a share stands in the picture, in percent of its width."""
        return f"{min(100.0, 100 * percent / self.scale):.2f}%"


@dataclass(frozen=True)
class Stop:
    """A hard stop: what is seen, and from where on it leads back."""

    name: str
    seen: str
    limit: str
    tone: str


def guards_of(row: RolloutRow) -> list[Guard]:
    """The metrics as they were judged last; before the first case with their limits alone."""
    step = min(row.step, len(row.plan["steps"]) - 1)
    limits = {metric.title: metric.limit for metric in metrics_of(row.as_plan, step, Kind(row.kind))}
    seen = {each["title"]: each for each in row.figures.get("metrics", ())}
    return [_guard(title, seen.get(title, {}), limit) for title, limit in limits.items()]


def _guard(title: str, seen: Mapping[str, Any], limit: float | None) -> Guard:
    if not seen:
        nothing = str(_("Nothing has been seen yet."))
        return Guard(title, Verdict.INCONCLUSIVE, True, 0, 0, None, None, _percent(limit), None, 1.0, nothing)
    return Guard(
        title,
        seen["verdict"],
        seen["required"],
        seen["bad"],
        seen["total"],
        _percent(seen["low"]),
        _percent(seen["high"]),
        _percent(limit if seen["allowed"] is None else seen["allowed"]),
        _percent(seen["control"]),
        seen["e_value"],
        _distance(seen),
    )


def _distance(each: Mapping[str, Any]) -> str:
    if each["verdict"] == Verdict.FAIL:
        return str(_("Breached: it leads back."))
    if not each["total"]:
        return str(_("No case yet."))
    words = []
    if each["bad_left"] is not None:
        words.append(str(_("%(count)s bad in a row would lead back.", count=each["bad_left"])))
    if each["verdict"] == Verdict.PASS:
        words.append(str(_("Good for sure.")))
    elif each["good_needed"]:
        words.append(str(_("%(count)s good ones would pass.", count=each["good_needed"])))
    return " ".join(words) or str(_("The others have too few cases to compare with."))


def _percent(share: float | None) -> float | None:
    return None if share is None else 100 * share


def stops_of(health: Mapping[str, Any], *, frozen: bool) -> list[Stop]:
    """The hard stops; what is not known holds and leads nowhere."""
    without, oldest = health.get("without_poller_seconds"), health.get("oldest_in_backlog_seconds")
    errors = health.get("nondeterminism_errors")
    return [
        _timed(_("No live worker for"), without, LONGEST_WITHOUT_POLLER),
        _timed(_("Oldest task waits"), oldest, OLDEST_IN_BACKLOG),
        Stop(str(_("Histories it cannot replay")), _unknown(errors), "1", _tone(errors, 0)),
        Stop(str(_("Kill switch (routing frozen)")), str(_("on") if frozen else _("off")), str(_("on")),
             "no" if frozen else "ok"),
    ]  # fmt: skip


def _timed(name: str, seconds: float | None, limit: timedelta) -> Stop:
    seen = _unknown(None) if seconds is None else span(seconds)
    return Stop(str(name), seen, span(limit.total_seconds()), _tone(seconds, limit.total_seconds()))


def _unknown(value: int | None) -> str:
    return str(_("not known")) if value is None else str(value)


def _tone(value: float | None, limit: float) -> str:
    if value is None:
        return "wait"
    return "no" if value > limit else "wait" if value > limit / 2 else "ok"


def span(seconds: float) -> str:
    """A length of time in the unit that fits it."""
    if seconds < 120:
        return f"{seconds:.0f}\u00a0s"
    return f"{seconds / 60:.0f}\u00a0min" if seconds < 7200 else f"{seconds / 3600:.1f}\u00a0h"
