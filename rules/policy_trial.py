"""A candidate of the rules tried on reviews that happened: how many would be decided otherwise. Knows no store."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from rules.review import ReviewInput, review_content


@dataclass(frozen=True)
class HistoryTrial:
    """What two rule sets say to the same requests.

    Attributes:
        total: requests that were tried.
        approved_anew: those that the candidate approves and the rules in force leave to a person.
        left_anew: those that it is the other way round for.
    """

    total: int
    approved_anew: int
    left_anew: int

    @property
    def otherwise(self) -> int:
        """How many would be decided otherwise."""
        return self.approved_anew + self.left_anew

    def say(self, days: int) -> str:
        """The trial in one sentence; `days` is how far back it went."""
        if not self.total:
            return f"No review of the last {days} days to try it on."
        return (
            f"Of {self.total} reviews of the last {days} days {self.otherwise} would be decided otherwise: "
            f"{self.approved_anew} more approved automatically, {self.left_anew} more left to a person."
        )


def try_on_history(
    subjects: Iterable[ReviewInput], in_force: Mapping[str, Any] | None, candidate: Mapping[str, Any]
) -> HistoryTrial:
    """Review the same requests by both.

    Args:
        in_force: the stored form of the rules in force; None where there are none.
        candidate: the stored form of what is tried.
    """
    total = approved_anew = left_anew = 0
    for subject in subjects:
        now_approved = review_content(subject, in_force).auto_approved
        then_approved = review_content(subject, candidate).auto_approved
        total += 1
        approved_anew += then_approved and not now_approved
        left_anew += now_approved and not then_approved
    return HistoryTrial(total, approved_anew, left_anew)
