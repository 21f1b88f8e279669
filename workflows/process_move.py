"""How a run comes to its plan: by its input, and by a move to another version. Tells nobody."""

from __future__ import annotations

from typing import Any

from temporalio import workflow
from temporalio.exceptions import ApplicationError

with workflow.unsafe.imports_passed_through():
    from rules.process_book import Book
    from rules.process_content import read_process
    from rules.process_messages import LoadVersion, Move, MoveResult, ProcessInput
    from rules.process_migration import CannotMigrate
    from rules.process_plan import Plan, make_plan
    from rules.process_state import Step
    from workflows import process_steps as steps
    from workflows.process_outcome import STEP_FAILED, said


def read_plan(content: dict[str, Any], sha256: str) -> Plan:
    """The plan of a definition that was loaded; raises ApplicationError for one with another hash."""
    plan = make_plan(read_process(content))
    if plan.sha256 != sha256:
        raise ApplicationError("the definition is another one", type="OtherDefinition", non_retryable=True)
    return plan


async def move_book(given: ProcessInput, book: Book, move: Move) -> tuple[MoveResult, Step | None]:
    """Let a run go on by another version where what has happened is the same there; no step where it stays."""
    try:
        loaded = await steps.load_version(LoadVersion(given.process, move.version))
        step = book.move(read_plan(loaded.content, move.sha256))
    except CannotMigrate as refusal:
        first = refusal.blockers[0]
        return MoveResult(move.move_id, first.node, first.why), None
    except STEP_FAILED as failure:
        return MoveResult(move.move_id, why=said(failure)), None
    workflow.upsert_search_attributes([steps.PROCESS_VERSION.value_set(move.version)])
    return MoveResult(move.move_id), step
