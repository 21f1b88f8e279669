"""What a run tells of itself: what became of its nodes, where it stands, how it ended. Told late, it changes nothing."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import func
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
    for each in given.news:
        _note_one(session, run.id, each)
    for each in given.news:
        if each.status in OVER:
            process_task.withdraw(session, run.id, each.node, each.iteration)
            process_callback.close(session, run.id, each.node, each.iteration)
            if run.request_id is not None:
                place = (run.id, each.node, each.iteration)
                process_question.close(session, run.request_id, place, Decided.WITHDRAWN, None, "")
    run.state, run.awaiting = given.state, given.awaiting
    if given.version:
        run.version, run.sha256 = given.version, given.state["sha256"]
    session.flush()
    for moved in given.moved:
        process_migration.settle(session, run, moved)
    if given.ended is not None:
        process_run.end(session, run, given.ended)
        process_migration.close(session, run.id)


def _note_one(session: Session, run_id: UUID, news: StepNews) -> None:
    told = insert(ProcessStepRow).values(
        run_id=run_id, node=news.node, iteration=news.iteration, seq=news.seq, status=news.status,
        outcome=news.outcome, error=news.error[:2000], output=news.output or {}, why=news.why,
        ended_at=None if news.status in OPEN else func.now(),
    )  # fmt: skip
    changed: dict[str, Any] = {
        "seq": news.seq,
        "status": news.status,
        "outcome": news.outcome,
        "error": news.error[:2000],
        "why": news.why,
        "ended_at": None if news.status in OPEN else func.coalesce(ProcessStepRow.ended_at, func.now()),
    }
    if news.output is not None:
        changed["output"] = news.output
    session.execute(
        told.on_conflict_do_update(
            index_elements=["run_id", "node", "iteration"],
            set_=changed,
            where=func.coalesce(ProcessStepRow.seq, 0) < news.seq,
        )
    )
