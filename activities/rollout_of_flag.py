"""How a flag's value is agreed upon, and set for all. Who gets it first is decided in rules/assignment.py."""

from __future__ import annotations

from typing import Any

from sqlalchemy.orm import Session

from activities.rollout_by_assignment import AssignmentLever
from activities.rollout_lever import GateResult
from storage import rollout_flag
from storage.rollout import RolloutRow


class FlagLever(AssignmentLever):
    """Steers one value of a flag."""

    def waits_for(self, session: Session, row: RolloutRow) -> str:
        """For a second person, where the value lets the system spend more."""
        return rollout_flag.waits_for(session, row)

    def try_it(self, session: Session, row: RolloutRow) -> GateResult:
        """Pass where whoever has to agree has agreed and nobody set the flag by hand meanwhile."""
        refusal = rollout_flag.refusal(session, row)
        return GateResult(
            not refusal, refusal or "The flag can take the value, and who has to agree has agreed."
        )

    def make_stable(self, session: Session, row: RolloutRow) -> dict[str, Any]:
        """Set it for all whom the last step reached."""
        return rollout_flag.set_for_all(session, row.id)

    def conflict(self, session: Session, row: RolloutRow) -> str:
        """Somebody set the flag by hand."""
        return rollout_flag.conflict(session, row)
