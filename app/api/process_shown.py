"""How processes, runs and tasks look in JSON. Times are ISO 8601 in UTC."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from app.api.shown import when
from rules.process_plan import Plan
from rules.process_state import State
from storage.process import ProcessRow, ProcessVersionRow
from storage.process_assignment import ProcessAssignmentRow
from storage.process_run import ProcessRunRow
from storage.process_step import ProcessStepRow
from storage.process_task import ProcessTaskRow


def process(row: ProcessRow) -> dict[str, Any]:
    """A process."""
    return {
        "key": row.key,
        "title": row.title,
        "department": row.department_id,
        "deployed_version": row.deployed_version,
        "created_at": when(row.created_at),
    }


def version(row: ProcessVersionRow, *, whole: bool = True) -> dict[str, Any]:
    """A version, with what it says unless only its standing is asked for."""
    shown = {
        "process": row.process_key,
        "version": row.version,
        "state": row.state,
        "sha256": row.sha256,
        "revision": row.revision,
        "author": str(row.author_id),
        "why": row.reason,
        "saved_at": when(row.saved_at),
        "checked_at": when(row.checked_at),
        "deployed_at": when(row.deployed_at),
        "deployed_by": str(row.deployed_by) if row.deployed_by else None,
        "retired_at": when(row.retired_at),
    }
    return {**shown, "definition": row.content} if whole else shown


def run(row: ProcessRunRow) -> dict[str, Any]:
    """A run in short."""
    return {
        "id": str(row.id),
        "process": row.process_key,
        "version": row.version,
        "sha256": row.sha256,
        "status": row.status,
        "outcome": row.outcome,
        "awaiting": row.awaiting,
        "input": row.given,
        "variables": row.variables,
        "failed_by": row.failed_by,
        "error": row.error,
        "chain": row.chain,
        "parent": str(row.parent_id) if row.parent_id else None,
        "started_by": str(row.started_by) if row.started_by else None,
        "started_at": when(row.started_at),
        "ended_at": when(row.ended_at),
    }


def drawn(row: ProcessAssignmentRow | None) -> dict[str, Any] | None:
    """What a rollout meant for a run when it began; None where none did."""
    if row is None:
        return None
    return {"rollout": str(row.rollout_id), "chosen": row.chosen, "share": str(row.share), "why": row.reason}


def path(plan: Plan, state: State) -> list[dict[str, Any]]:
    """Every edge with how it stands, in the order of the definition."""
    return [
        {"edge": edge_id, "status": status.value}
        for edge_id, status in zip(plan.edge_ids, state.edges, strict=True)
    ]


def steps(rows: Sequence[ProcessStepRow]) -> list[dict[str, Any]]:
    """What became of each node; a skipped one says why not."""
    return [
        {
            "node": row.node,
            "iteration": row.iteration,
            "attempt": row.attempt,
            "status": row.status,
            "outcome": row.outcome,
            "input": row.given,
            "output": row.output,
            "error": row.error,
            "why_not": row.why,
            "began_at": when(row.began_at),
            "ended_at": when(row.ended_at),
        }
        for row in rows
    ]


def task(row: ProcessTaskRow) -> dict[str, Any]:
    """A seat of an approval."""
    return {
        "id": str(row.id),
        "run": str(row.run_id),
        "node": row.node,
        "iteration": row.iteration,
        "title": row.title,
        "question": row.question,
        "person": str(row.person_id) if row.person_id else None,
        "role": row.role,
        "group": row.group,
        "asked_at": when(row.asked_at),
        "deadline_at": when(row.deadline_at),
        "agrees": row.agrees,
        "note": row.note,
        "answered_by": str(row.answered_by) if row.answered_by else None,
        "answered_at": when(row.answered_at),
        "withdrawn_at": when(row.withdrawn_at),
    }
