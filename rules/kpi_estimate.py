"""Figures with how sure they are: estimates, targets and whether they are met, changes since before. Pure arithmetic."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from rules.kpi import SMALLEST_N, Share

#: The two-sided 95 % point of the normal distribution.
_Z: Final = 1.959963984540054


@dataclass(frozen=True)
class Estimate:
    """A figure of `n` cases with its 95 % interval; value and bounds are None where n is too small."""

    n: int
    value: float | None = None
    low: float | None = None
    high: float | None = None

    @property
    def is_small(self) -> bool:
        """Whether n is too small for a figure."""
        return self.value is None


def of_share(share: Share) -> Estimate:
    """A share with the interval of Wilson."""
    bounds = share.interval
    if bounds is None:
        return Estimate(share.whole)
    return Estimate(share.whole, share.value, bounds.low, bounds.high)


def of_mean(n: int, mean: float | None, deviation: float | None) -> Estimate:
    """A mean with the interval of the normal distribution.

    Args:
        deviation: the standard deviation of the sample; None where there is none.
    """
    if n < SMALLEST_N or mean is None or deviation is None:
        return Estimate(n)
    spread = _Z * deviation / math.sqrt(n)
    return Estimate(n, mean, mean - spread, mean + spread)


def saved(quick: Estimate, slow: Estimate) -> Estimate:
    """By which part a quick median lies below a slow one, 1 being all of it.

    Its interval holds where those of both medians hold: its ends are the worst and the best of their ends.

    n is the smaller of both.
    """
    n = min(quick.n, slow.n)
    short, long = _known(quick), _known(slow)
    if short is None or long is None or long[1] <= 0:
        return Estimate(n)
    value, low, high = (
        1 - part / whole for part, whole in zip(short, (long[0], long[2], long[1]), strict=True)
    )
    return Estimate(n, value, high, low)


def _known(figure: Estimate) -> tuple[float, float, float] | None:
    """Value, low and high; None where n is too small."""
    if figure.value is None or figure.low is None or figure.high is None:
        return None
    return figure.value, figure.low, figure.high


class Standing(StrEnum):
    """Where a figure stands to its target; NEARLY and PERHAPS while chance could have made it so."""

    MET = "met"
    PERHAPS = "perhaps"
    NEARLY = "nearly"
    MISSED = "missed"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Target:
    """From `low` to `high`, both included."""

    low: float
    high: float = math.inf

    def standing(self, figure: Estimate) -> Standing:
        """MET and MISSED where the whole interval lies within or outside; else by the value alone."""
        known = _known(figure)
        if known is None:
            return Standing.UNKNOWN
        value, low, high = known
        if self.low <= low and high <= self.high:
            return Standing.MET
        if high < self.low or low > self.high:
            return Standing.MISSED
        return Standing.PERHAPS if self.low <= value <= self.high else Standing.NEARLY


@dataclass(frozen=True)
class Change:
    """How a figure moved: by how much, and the 95 % interval of that."""

    by: float
    low: float
    high: float

    @property
    def is_certain(self) -> bool:
        """Whether chance alone hardly moves a figure so far."""
        return self.low > 0 or self.high < 0


def change(before: Estimate, now: Estimate) -> Change | None:
    """The difference by Newcombe's method (square-and-add), from the intervals of both; None without either."""
    old, new = _known(before), _known(now)
    if old is None or new is None:
        return None
    by = new[0] - old[0]
    low, high = math.hypot(new[0] - new[1], old[2] - old[0]), math.hypot(new[2] - new[0], old[0] - old[1])
    return Change(by, by - low, by + high)
