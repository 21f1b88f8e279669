"""How a version of a process is judged, and deployed for all. Who gets it first is decided in rules/assignment.py."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from activities.rollout_by_assignment import AssignmentLever
from activities.rollout_lever import GateResult
from rules.analysis import Reading
from rules.process_check import Problem, ProcessHasErrors, require_no_errors
from rules.process_scenario import ScenariosFail, require_scenarios
from rules.rollout_target import ProcessTarget
from storage import process, process_figures, rollout_process
from storage.rollout import RolloutRow


class ProcessLever(AssignmentLever):
    """Steers one version of a process."""

    def try_it(self, session: Session, row: RolloutRow) -> GateResult:
        """Judge it once more: what it names outside of itself may have changed since it was checked."""
        against = self.conflict(session, row)
        if against:
            return GateResult(False, against)
        version = process.version(session, row.target, ProcessTarget.from_content(row.content).version)
        try:
            warnings = require_no_errors(version.process, process.surroundings(session))
            if version.deployed_at is None:
                require_scenarios(version.process)
        except ProcessHasErrors as refusal:
            return GateResult(False, refusal.message, _found(refusal.problems))
        except ScenariosFail as refusal:
            return GateResult(False, refusal.message, {"scenarios": refusal.problems})
        return GateResult(True, f"It has no errors, and {len(warnings)} warnings.", _found(warnings))

    async def take_back(self, row: RolloutRow) -> dict[str, Any]:
        """Nothing is left to do: new runs follow the deployed version, and those that run stay on theirs."""
        return {"given_to_new_runs": False, "running": "stay on the version that they began with"}

    def make_stable(self, session: Session, row: RolloutRow) -> dict[str, Any]:
        """Deploy it, where it still fits what is deployed."""
        return rollout_process.deploy_for_all(session, row.id)

    def conflict(self, session: Session, row: RolloutRow) -> str:
        """Another version was deployed, or the process retired."""
        return rollout_process.conflict(session, row)

    def count(
        self, session: Session, row: RolloutRow, since: datetime, step_since: datetime
    ) -> tuple[int, datetime | None]:
        """Runs, by when they began to move."""
        return process_figures.count_assigned(session, row.id, since, step_since)

    def read(self, session: Session, row: RolloutRow, since: datetime) -> Mapping[str, Reading]:
        """How runs ended, what was parked, what took long."""
        return process_figures.read_assigned(session, row.id, since)


def _found(problems: Sequence[Problem]) -> dict[str, Any]:
    return {"problems": [each.to_content() for each in problems]}
