"""Automated review: asks the same review that the built-in approval asks. What it cannot know is left to a person."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from activities.process_work import Work
from activities.review import ReviewActivities
from rules.process import Outcome
from rules.process_messages import NodeResult
from storage import audit, process_purchase
from storage.audit import SYSTEM

ABOUT_NOTHING: Final = "This run is about no purchase request, so there is nothing that could be reviewed."
SWITCHED_OFF: Final = "The automated review is switched off here."


@dataclass(frozen=True)
class AutomatedReviewExecutor:
    """Satisfied by a request that the rules approve; not satisfied by one that they cannot judge, too."""

    review: ReviewActivities

    def begin(self, work: Work) -> NodeResult:
        """Review the run's request; it is reviewed once, and asked again the review says the same."""
        row = process_purchase.of_run(work.session, work.run, lock=True)
        if row is None:
            return work.end(Outcome.NOT_SATISFIED, _unknown(ABOUT_NOTHING))
        stored = self.review.judge(work.session, row, str(work.config.get("department") or ""))
        if stored is None:
            return work.end(Outcome.NOT_SATISFIED, _unknown(SWITCHED_OFF))
        if not stored.auto_approved:
            audit.record(
                work.session,
                SYSTEM,
                "review.left_to_person",
                row.id,
                review=str(stored.id),
                reason=stored.reason,
            )
        said = {
            "approved": stored.auto_approved,
            "risk": str(stored.risk_score),
            "confidence": str(stored.confidence),
            "why": stored.reason,
        }
        return work.end(Outcome.SATISFIED if stored.auto_approved else Outcome.NOT_SATISFIED, said)

    def settle(self, work: Work, why: str) -> NodeResult:
        """Waits for nothing."""
        return work.fail("an automated review does not wait")


def _unknown(why: str) -> dict[str, Any]:
    return {"approved": False, "risk": "1.0", "confidence": "0.0", "why": why}
