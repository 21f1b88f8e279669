"""A run that becomes a scenario of its process, in the draft. What it says is made in rules/process_scenario_run.py."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy.orm import Session

from rules.process import Scenario
from rules.process_content import to_content
from rules.process_edit import apply, set_scenario
from rules.process_scenario_run import Happened, scenario_of_run
from rules.process_state import NodeStatus
from storage import process, process_run, process_step, process_value
from storage.process import ProcessVersionRow


def keep_run(
    session: Session, run_id: UUID, author: UUID, name: str = ""
) -> tuple[ProcessVersionRow, Scenario]:
    """Write a run down as a scenario of its process's draft, which is begun where there is none; again, it replaces itself.

    Raises:
        NotFound. RunMakesNoScenario.
        IsRolledOut: the draft is being given to some.
    """
    run = process_run.by_id(session, run_id)
    steps = [
        Happened(
            row.node,
            row.iteration,
            NodeStatus(row.status),
            row.outcome,
            process_value.whole(session, row.output),
        )
        for row in process_step.of_run(session, run_id)
    ]
    given = process_value.whole(session, run.given)
    called = name or f"As in the run {str(run_id)[-8:]}"
    scenario = scenario_of_run(process_run.plan_of(session, run), called, given, steps)
    process.by_key(session, run.process_key, lock=True)
    draft = process.draft(session, run.process_key)
    shown = draft or process.versions(session, run.process_key)[0]
    content = to_content(apply(shown.process, set_scenario(scenario)))
    revision = draft.revision if draft else 0
    return process.save_draft(session, run.process_key, content, author, revision), scenario
