"""What the panel of the figures page shows: each figure with its target, how it moved, and a line over time."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from app.pages.kpi import words
from rules.kpi import Grain, Interval, Scope
from rules.kpi_estimate import Change, Estimate, Standing, Target, change
from rules.kpi_review import TARGETS, Grouping, ReviewTally, estimates
from storage.kpi_review import Slices
from storage.policy import DEFAULT

#: What stands on a target's badge: words and tone.
STANDINGS: Final[Mapping[Standing, tuple[Any, str]]] = {
    Standing.MET: (_l("target met"), "ok"),
    Standing.PERHAPS: (_l("within the target, may be chance"), "ok"),
    Standing.NEARLY: (_l("outside the target, may be chance"), "wait"),
    Standing.MISSED: (_l("target missed"), "no"),
    Standing.UNKNOWN: (_l("too few to say"), ""),
}
_NOTHING: Final = ReviewTally()
#: The width and height of the line over time, in units of its own.
_WIDE, _HIGH = 120.0, 28.0


@dataclass(frozen=True)
class Card:
    """One figure of the panel.

    Attributes:
        say: how its values are written.
        say_change: how a difference is written.
        line: points of the line over time, empty where too little is known; see `trend_line`.
    """

    key: str
    estimate: Estimate
    target: Target | None
    change: Change | None
    say: Callable[[float], str]
    say_change: Callable[[float], str]
    line: str

    @property
    def bounds(self) -> str:
        """The interval in words; empty where n is too small."""
        low, high = self.estimate.low, self.estimate.high
        if low is None or high is None:
            return ""
        return (
            words.interval(Interval(low, high))
            if self.say is words.percent
            else f"{self.say(low)} – {self.say(high)}"
        )

    @property
    def standing(self) -> Standing | None:
        """Where it stands to its target."""
        return self.target.standing(self.estimate) if self.target else None


@dataclass(frozen=True)
class Beside:
    """One of several that are compared."""

    name: str
    tally: ReviewTally


def cards(scope: Scope, slices: Slices, before: ReviewTally) -> list[Card]:
    """The figures of the panel, in their order."""
    now, then = estimates(slices[Grouping.ALL, ""]), estimates(before)
    return [
        Card(
            key,
            now[key],
            TARGETS.get(key),
            change(then[key], now[key]),
            *_WRITTEN.get(key, (words.percent, words.points)),
            trend_line(_over_time(scope, slices, key)),
        )
        for key in now
    ]


_WRITTEN: Final[Mapping[str, tuple[Callable[[float], str], Callable[[float], str]]]] = {
    "time_saved": (words.nearly_all, words.points),
    "review_time": (words.short_span, words.short_span_change),
    "confidence": (words.plain, words.plain_change),
}


def _over_time(scope: Scope, slices: Slices, key: str) -> list[float | None]:
    """By week where at least half of them have enough cases, else by month."""
    for grain, grouping in ((Grain.WEEK, Grouping.WEEK), (Grain.MONTH, Grouping.MONTH)):
        periods = [period.first.isoformat() for period in scope.periods(grain)]
        values = [estimates(slices.get((grouping, first), _NOTHING))[key].value for first in periods]
        if 2 * sum(value is not None for value in values) >= len(values):
            return values
    return []


def trend_line(values: Sequence[float | None]) -> str:
    """Points of an SVG polyline in a box of 120 by 28, lowest value at the bottom; empty for fewer than three."""
    known = [(place, value) for place, value in enumerate(values) if value is not None]
    if len(known) < 3:
        return ""
    lowest, highest = min(value for _place, value in known), max(value for _place, value in known)
    step, height = _WIDE / (len(values) - 1), highest - lowest
    return " ".join(
        f"{place * step:.1f},{_HIGH - 2 - ((value - lowest) / height if height else 0.5) * (_HIGH - 4):.1f}"
        for place, value in known
    )


def beside(slices: Slices, grouping: Grouping, departments: Mapping[str, str]) -> list[Beside]:
    """Those of one grouping with anything to count, by name."""
    found = [(key, tally) for (kind, key), tally in slices.items() if kind is grouping]
    if grouping is Grouping.DEPARTMENT:
        return [Beside(departments[key], tally) for key, tally in sorted(found) if key in departments]
    if grouping is Grouping.POLICY:
        found.sort(key=lambda each: (each[0].split()[0], int(each[0].split()[1])))
        return [Beside(_policy(key, departments), tally) for key, tally in found]
    return [Beside(key, tally) for key, tally in sorted(found)]


def _policy(key: str, departments: Mapping[str, str]) -> str:
    department, version = key.split()
    name = str(_("Default")) if department == DEFAULT else departments.get(department, department)
    return str(_("%(department)s, version %(version)s", department=name, version=version))
