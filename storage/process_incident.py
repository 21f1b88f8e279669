"""Incidents: an operator has a failed node tried again, skipped or failed, by one conditional UPDATE."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final
from uuid import UUID

from sqlalchemy import and_, func, select, update
from sqlalchemy.orm import Session

from rules.errors import NotFound
from rules.outbox import Kind
from rules.process_messages import Operation
from rules.process_operate import Act, judge_operation
from rules.process_schedule import NoIncident
from rules.process_state import NodeStatus
from storage import audit, outbox, process_run, process_value
from storage.audit import Actor
from storage.database import new_id
from storage.process import ProcessRow, ProcessVersionRow
from storage.process_run import ProcessRunRow
from storage.process_step import ProcessStepRow

#: A longer list is not looked through; the oldest ones come first.
MOST_LISTED: Final = 200


@dataclass(frozen=True)
class Incident:
    """A node that waits for an operator, with what a list shows of it."""

    step: ProcessStepRow
    run: ProcessRunRow
    process: str
    node: str


def operate(
    session: Session,
    run_id: UUID,
    node: str,
    by: UUID,
    act: str,
    *,
    iteration: int = 0,
    outcome: str = "",
    output: Mapping[str, Any] | None = None,
    reason: str = "",
) -> ProcessStepRow:
    """Have an incident tried again, skipped or failed; its run is told when the transaction commits.

    Args:
        iteration: 0 for the one that waits.

    Raises:
        NotFound, RunHasEnded, NoIncident, Invalid, NobodyAgreed.
    """
    run = process_run.require_open(session, run_id)
    plan = process_run.plan_of(session, run)
    if node not in plan.numbers:
        raise NotFound(f"There is no node {node!r} in this process.", "node")
    along = process_value.take_in(session, output or {}, "output")
    operation = Operation(
        str(new_id()), act, node, iteration or _incident(session, run_id, node), outcome, along
    )
    judge_operation(plan, operation)
    changed: dict[str, Any] = {"status": NodeStatus.RUNNING.value, "operated_by": by, "error": ""}
    if act == Act.RETRY:
        changed |= {"attempt": ProcessStepRow.attempt + 1, "outcome": "", "output": {}, "ended_at": None}
    elif act == Act.SKIP:
        changed |= {"output": along}
    row = session.scalars(
        update(ProcessStepRow)
        .where(
            ProcessStepRow.run_id == run_id,
            ProcessStepRow.node == node,
            ProcessStepRow.iteration == operation.iteration,
            ProcessStepRow.status == NodeStatus.INCIDENT.value,
        )
        .values(**changed)
        .returning(ProcessStepRow)
        .execution_options(populate_existing=True)
    ).one_or_none()
    if row is None:
        raise NoIncident(f"{node} is not waiting for an operator any more.", "node")
    outbox.put(session, Kind.OPERATE_PROCESS, None, {"run_id": str(run_id), **asdict(operation)})
    audit.record(
        session, Actor.person(by), "process_run.operated", run=str(run_id), node=node,
        iteration=operation.iteration, act=act, outcome=outcome, reason=reason,
    )  # fmt: skip
    return row


def waiting(session: Session, limit: int = MOST_LISTED) -> Sequence[Incident]:
    """Everything that waits for an operator, the oldest first."""
    rows = session.execute(
        select(ProcessStepRow, ProcessRunRow, ProcessVersionRow.content, ProcessRow.title)
        .join(ProcessRunRow, ProcessRunRow.id == ProcessStepRow.run_id)
        .join(ProcessRow, ProcessRow.key == ProcessRunRow.process_key)
        .join(
            ProcessVersionRow,
            and_(
                ProcessVersionRow.process_key == ProcessRunRow.process_key,
                ProcessVersionRow.version == ProcessRunRow.version,
            ),
        )
        .where(ProcessStepRow.status == NodeStatus.INCIDENT.value)
        .order_by(ProcessStepRow.began_at)
        .limit(limit)
    )
    return [Incident(step, run, title, _name(content, step.node)) for step, run, content, title in rows]


def count(session: Session) -> int:
    """How many there are."""
    query = select(func.count()).where(ProcessStepRow.status == NodeStatus.INCIDENT.value)
    return session.scalar(query) or 0


def _name(content: Mapping[str, Any], node: str) -> str:
    return next((str(each.get("name") or node) for each in content["nodes"] if each["id"] == node), node)


def _incident(session: Session, run_id: UUID, node: str) -> int:
    found = session.scalar(
        select(func.max(ProcessStepRow.iteration)).where(
            ProcessStepRow.run_id == run_id,
            ProcessStepRow.node == node,
            ProcessStepRow.status == NodeStatus.INCIDENT.value,
        )
    )
    if found is None:
        raise NoIncident(f"{node} is not waiting for an operator.", "node")
    return int(found)
