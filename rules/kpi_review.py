"""KPIs of the automated review: what was counted and what follows from it. The counting is in storage/kpi_review.py."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from rules.kpi import Durations, Share
from rules.kpi_estimate import Estimate, Target, of_share, saved


class Grouping(StrEnum):
    """By what the figures of the review are put side by side; the words stand in the queries, too."""

    ALL = "all"
    DEPARTMENT = "department"
    BUILD = "build"
    POLICY = "policy"
    VARIANT = "variant"
    WEEK = "week"
    MONTH = "month"


_NO_TIMES: Final = Durations(0)
_NO_CASES: Final = Share(0, 0)
_NOTHING: Final = Estimate(0)


@dataclass(frozen=True)
class Amounts:
    """Amounts in one currency: their mean, of all decided requests and of the automatically approved ones."""

    decided: Estimate
    auto: Estimate


@dataclass(frozen=True)
class ReviewTally:
    """What was counted of the automated review for one slice; the definitions are in rules/kpi_figures.py.

    Attributes:
        reviewed, auto: decided requests that entered the review, and those that it approved alone.
        errors: requests on a build of which a stage failed for good, among those with a stage there.
        given: automatic approvals, also those that a person had to look at again since.
        drawn: of these the ones drawn for a recheck; of them judged right, or wrong, or reversed by a person.
        judged_wrong, reversed_since: of all automatic approvals, whether drawn or not.
        blind: reviews that could not judge for want of rules; they are in neither time nor confidence.
        quick, slow: median seconds from submit to an approval by the review, and by a person.
        amounts: by currency.
    """

    reviewed: int = 0
    auto: int = 0
    given: int = 0
    drawn: int = 0
    right: int = 0
    wrong: int = 0
    judged_wrong: int = 0
    reversed_since: int = 0
    blind: int = 0
    review_time: Durations = _NO_TIMES
    review_time_mean: Estimate = _NOTHING
    confidence: Estimate = _NOTHING
    quick: Estimate = _NOTHING
    slow: Estimate = _NOTHING
    errors: Share = _NO_CASES
    amounts: Mapping[str, Amounts] = field(default_factory=dict)

    @property
    def auto_approval_rate(self) -> Share:
        """Approved by the review alone among those that entered it."""
        return Share(self.auto, self.reviewed)

    @property
    def precision(self) -> Share:
        """Right among the drawn automatic approvals of which it is known."""
        return Share(self.right, self.right + self.wrong)

    @property
    def waiting(self) -> int:
        """Drawn, and nobody has said anything yet."""
        return self.drawn - self.right - self.wrong

    @property
    def false_positives(self) -> int:
        """Automatic approvals known to be wrong."""
        return self.judged_wrong + self.reversed_since

    @property
    def time_saved(self) -> Estimate:
        """By which part the median time to approval is shorter where the review approves."""
        return saved(self.quick, self.slow)


#: Figure key -> what we want it to be.
TARGETS: Final[Mapping[str, Target]] = {
    "auto_approval_rate": Target(0.60, 0.70),
    "time_saved": Target(0.40),
    "precision": Target(0.95),
}


def estimates(tally: ReviewTally) -> Mapping[str, Estimate]:
    """The figures that have an interval, by key."""
    return {
        "auto_approval_rate": of_share(tally.auto_approval_rate),
        "time_saved": tally.time_saved,
        "precision": of_share(tally.precision),
        "review_time": tally.review_time_mean,
        "confidence": tally.confidence,
    }
