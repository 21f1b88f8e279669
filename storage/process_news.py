"""What a run tells of itself: what became of its nodes, where it stands, how it ended. Told late, it changes nothing."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from uuid import UUID

from sqlalchemy import case, func
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from rules.decision import Outcome as Decided
from rules.process_messages import NoteNews, StepNews
from rules.process_state import NodeStatus
from storage import process_callback, process_migration, process_question, process_run, process_task
from storage.process_step import OPEN, ProcessStepRow

#: A node in one of these waits for nobody any more.
OVER = (NodeStatus.CANCELLED.value, NodeStatus.COMPLETED.value, NodeStatus.FAILED.value)


def note(session: Session, given: NoteNews) -> None:
    """Write what a run tells; harmless when repeated, and late news change nothing."""
    run = process_run.by_id(session, UUID(given.run_id), lock=True)
    # First all nodes, then the request: whoever answers holds them in this order, too.
    _note_nodes(session, run.id, given.news)
    over = [(each.node, each.iteration) for each in given.news if each.status in OVER]
    if over:
        process_task.withdraw(session, run.id, *over)
        process_callback.close(session, run.id, *over)
    if run.request_id is not None:
        for place in over:
            process_question.close(session, run.request_id, (run.id, *place), Decided.WITHDRAWN, None, "")
    run.state, run.awaiting = given.state, given.awaiting
    if given.version:
        run.version, run.sha256 = given.version, given.state["sha256"]
    session.flush()
    for moved in given.moved:
        process_migration.settle(session, run, moved)
    if given.ended is not None:
        process_run.end(session, run, given.ended)
        process_migration.close(session, run.id)


def _note_nodes(session: Session, run_id: UUID, news: Iterable[StepNews]) -> None:
    """Write what became of nodes, in one statement for those with an output and one for those whose step wrote it."""
    last: dict[tuple[str, int], StepNews] = {}
    for each in news:
        before = last.get((each.node, each.iteration))
        kept = before.output if before is not None and each.output is None else each.output
        last[(each.node, each.iteration)] = replace(each, output=kept)
    for has_output in (True, False):
        told = [each for each in last.values() if (each.output is not None) is has_output]
        if told:
            _upsert(session, run_id, told, ("output",) if has_output else ())


def _upsert(session: Session, run_id: UUID, news: Iterable[StepNews], more: tuple[str, ...]) -> None:
    told = insert(ProcessStepRow).values(
        [
            {
                "run_id": run_id, "node": each.node, "iteration": each.iteration, "seq": each.seq,
                "status": each.status, "outcome": each.outcome, "error": each.error[:2000],
                "output": each.output or {}, "why": each.why,
                "ended_at": None if each.status in OPEN else func.now(),
            }
            for each in news
        ]
    )  # fmt: skip
    new = told.excluded
    changed = {name: new[name] for name in ("seq", "status", "outcome", "error", "why", *more)}
    ended_at = case((new.ended_at.is_not(None), func.coalesce(ProcessStepRow.ended_at, new.ended_at)))
    session.execute(
        told.on_conflict_do_update(
            index_elements=["run_id", "node", "iteration"],
            set_={**changed, "ended_at": ended_at},
            where=func.coalesce(ProcessStepRow.seq, 0) < new.seq,
        )
    )
