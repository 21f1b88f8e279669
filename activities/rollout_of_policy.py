"""How a candidate of a policy is tried, and comes into force. Who gets it first is decided in rules/assignment.py."""

from __future__ import annotations

from dataclasses import asdict
from datetime import timedelta
from typing import Any, Final

from sqlalchemy.orm import Session

from activities.rollout_by_assignment import AssignmentLever
from activities.rollout_lever import GateResult
from rules.errors import Invalid, InvalidFields
from rules.policy import read_rule_set
from rules.policy_trial import try_on_history
from rules.rollout_target import PolicyTarget
from storage import policy, review, rollout_policy
from storage.database import now
from storage.rollout import RolloutRow

#: How far back the reviews go that a candidate is tried on, and how many of them.
TRIED_DAYS: Final = 90
TRIED_REVIEWS: Final = 2_000


class PolicyLever(AssignmentLever):
    """Steers a candidate of a department's rules."""

    def try_it(self, session: Session, row: RolloutRow) -> GateResult:
        """Try the candidate on the reviews that happened; only one that cannot be read is stopped here."""
        against = self.conflict(session, row)
        if against:
            return GateResult(False, against)
        candidate = policy.by_id(session, PolicyTarget.from_content(row.content).id)
        try:
            read_rule_set(candidate.content)
        except (Invalid, InvalidFields) as refusal:
            return GateResult(False, f"The candidate cannot be used: {refusal.message}")
        standing = policy.in_force(session, row.target)
        subjects = review.inputs(
            session,
            rollout_policy.concerned(session, row.target),
            now(session) - timedelta(days=TRIED_DAYS),
            TRIED_REVIEWS,
        )
        tried = try_on_history(subjects, standing.content if standing else None, candidate.content)
        return GateResult(True, tried.say(TRIED_DAYS), {"trial": asdict(tried)})

    def make_stable(self, session: Session, row: RolloutRow) -> dict[str, Any]:
        """Put it in force, where it still fits what is in force."""
        return rollout_policy.put_in_force(session, row.id)

    def conflict(self, session: Session, row: RolloutRow) -> str:
        """Another version came into force."""
        return rollout_policy.conflict(session, row)
