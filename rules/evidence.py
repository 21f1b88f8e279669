"""The arithmetic of evidence: e-values that may be looked at at any time, Wilson bounds, the chi-square test of a split."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from rules.kpi import wilson

#: Evidence of 100 to 1 against "not worse than allowed": at most one healthy rollout in a hundred ever reaches it,
#: however often it is looked at (Ville's inequality).
FIRES_AT: Final = 100
#: The shares that a bad build is imagined to have where 5 % are allowed; kept as odds, so that they scale.
_SUSPECTED: Final = (0.08, 0.12, 0.2, 0.35, 0.6, 0.95)
_ALLOWED_FOR_SUSPECTED: Final = 0.05
#: The one-sided 95 % point of the normal distribution.
_Z_ONE_SIDED: Final = 1.6448536269514722
#: Where a split is this unlikely the assignment is broken, not unlucky.
BROKEN_SPLIT: Final = 0.001
#: Beyond, the exponential overflows.
_LARGEST_LOG: Final = 700
#: Nobody waits for more; the search for "how many more" ends here.
_FARTHEST: Final = 100_000


@dataclass(frozen=True)
class Counts:
    """`bad` of `total` cases; raises ValueError for what cannot have been counted."""

    bad: int
    total: int

    def __post_init__(self) -> None:
        if type(self.bad) is not int or type(self.total) is not int or not 0 <= self.bad <= self.total:
            raise ValueError(f"{self.bad} of {self.total} cannot have been counted")

    @classmethod
    def sum(cls, parts: Iterable[Counts]) -> Counts:
        """All of them together."""
        all_parts = list(parts)
        return cls(sum(part.bad for part in all_parts), sum(part.total for part in all_parts))


def odds_times(share: float, factor: float) -> float:
    """The share whose odds are `factor` times those of `share`; for small shares nearly `factor` times as much."""
    return share * factor / (1 - share + share * factor)


def e_value(strata: Sequence[tuple[Counts, float]]) -> float:
    """The evidence that more cases are bad than allowed, 1 without any case.

    Half of it is that of all strata together, half the mean of each by itself: what breaks one department only is not
    drowned by all that goes well elsewhere.

    Args:
        strata: counts, each with the share that is allowed there, above 0 and below 1. Each is measured by its own
            share, so that a different mix of departments is not taken for a difference.

    Returns:
        From 0 up; infinity rather than an overflow.
    """
    apart = [_mixture([stratum]) for stratum in strata]
    return (_mixture(strata) + math.fsum(apart) / len(apart)) / 2 if apart else 1.0


def _mixture(strata: Sequence[tuple[Counts, float]]) -> float:
    """The mean of the likelihood ratios of all suspected shares against the allowed one."""
    logs = [0.0] * len(_SUSPECTED)
    for counts, allowed in strata:
        good = counts.total - counts.bad
        for at, (of_bad, of_good) in enumerate(_log_ratios(allowed)):
            logs[at] += counts.bad * of_bad + good * of_good
    largest = max(logs)
    if largest > _LARGEST_LOG:
        return math.inf
    return math.exp(largest) * math.fsum(math.exp(each - largest) for each in logs) / len(logs)


@lru_cache(maxsize=1024)
def _log_ratios(allowed: float) -> tuple[tuple[float, float], ...]:
    """For each suspected share how much more likely it makes a bad and a good case than the allowed one, as logs."""
    if not 0 < allowed < 1:
        raise ValueError(f"{allowed} is no share that can be exceeded")
    ratios = []
    for suspected in _SUSPECTED:
        factor = (suspected / (1 - suspected)) / (_ALLOWED_FOR_SUSPECTED / (1 - _ALLOWED_FOR_SUSPECTED))
        imagined = odds_times(allowed, factor)
        ratios.append((math.log(imagined / allowed), math.log((1 - imagined) / (1 - allowed))))
    return tuple(ratios)


def more_bad_until_it_fires(strata: Sequence[tuple[Counts, float]]) -> int | None:
    """How many bad cases in a row, in the stratum with the most, would fire; None beyond a hundred thousand."""
    (counts, allowed), *others = sorted(strata, key=lambda each: -each[0].total)

    def fires(more: int) -> bool:
        worse = Counts(counts.bad + more, counts.total + more)
        return e_value([(worse, allowed), *others]) >= FIRES_AT

    return _first(fires)


def more_good_until_it_passes(counts: Counts, allowed: float, smallest: int) -> int | None:
    """How many good cases in a row would pass; None beyond a hundred thousand."""

    def passes(more: int) -> bool:
        better = Counts(counts.bad, counts.total + more)
        return better.total >= smallest and upper_bound(better) <= allowed

    return _first(passes)


def _first(holds: Callable[[int], bool]) -> int | None:
    """The smallest number from 0 for which something holds that holds for all greater ones, too."""
    if holds(0):
        return 0
    high = 1
    while not holds(high):
        high *= 2
        if high > _FARTHEST:
            return None
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(middle) else (middle, high)
    return high


def bounds(counts: Counts) -> tuple[float, float]:
    """The two-sided 95 % interval of the true share; 0 to 1 without any case."""
    if not counts.total:
        return 0.0, 1.0
    interval = wilson(counts.bad, counts.total)
    return interval.low, interval.high


def upper_bound(counts: Counts) -> float:
    """Below this the true share lies with 95 % confidence, one-sided: 0 bad of 52 are below 5 %."""
    return wilson(counts.bad, counts.total, _Z_ONE_SIDED).high if counts.total else 1.0


@dataclass(frozen=True)
class Split:
    """Whether units fell on variants as their weights say.

    Attributes:
        p: how likely a split at least as uneven is where everything works, from 0 to 1.
        is_broken: where true the experiment says nothing.
    """

    chi_square: float
    p: float

    @property
    def is_broken(self) -> bool:
        """Whether the split is too uneven for chance."""
        return self.p < BROKEN_SPLIT


def check_split(assigned: Sequence[int], weights: Sequence[int]) -> Split:
    """Pearson's chi-square test of a split (the sample-ratio check).

    Args:
        assigned: units on each variant.
        weights: of the same variants, each above 0.
    """
    if len(assigned) != len(weights) or len(weights) < 2 or min(weights) <= 0 or min(assigned) < 0:
        raise ValueError("a split needs two variants or more, each with a weight and a count")
    whole, weight = sum(assigned), sum(weights)
    if not whole:
        return Split(0.0, 1.0)
    expected = [whole * each / weight for each in weights]
    chi_square = math.fsum((seen - due) ** 2 / due for seen, due in zip(assigned, expected, strict=True))
    return Split(chi_square, chi_square_tail(chi_square, len(weights) - 1))


def chi_square_tail(value: float, degrees: int) -> float:
    """How likely chi-square with so many degrees of freedom is at least `value`; exact for whole degrees from 1."""
    half = value / 2
    if degrees % 2:
        tail, term, divisor = math.erfc(math.sqrt(half)), 2 * math.sqrt(half / math.pi), 1.5
    else:
        tail, term, divisor = math.exp(-half), half, 2.0
    # Two degrees more add one term each (the recurrence of the incomplete gamma function).
    for _ in range((degrees - 1) // 2):
        tail += term * math.exp(-half)
        term *= half / divisor
        divisor += 1
    return min(1.0, tail)
