"""What became of each node of a run, round by round: begun and ended by its step, or told by the run. Judges nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ForeignKey, Index, func, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Mapped, Session, mapped_column

from rules.errors import NotFound
from rules.process_elsewhere import set_aside
from rules.process_state import NodeStatus
from storage import process_value
from storage.database import Base, now

#: A node in one of these has not ended.
OPEN: Final = (NodeStatus.RUNNING.value, NodeStatus.INCIDENT.value)


class ProcessStepRow(Base):
    """A node in one of its rounds.

    Attributes:
        attempt: raised when an operator has it tried again.
        seq: its place among what happened in the run; None until the run has told.
        status: a `rules.process_state.NodeStatus`.
        given: its config with templates filled in.
        output: what it gave out; large values are references.
        why: for a skipped one, which edge was dead.
    """

    __tablename__ = "process_step"
    __table_args__ = (
        Index("ix_process_step_incident", "began_at", postgresql_where=text("status = 'incident'")),
    )

    run_id: Mapped[UUID] = mapped_column(ForeignKey("process_run.id"), primary_key=True)
    node: Mapped[str] = mapped_column(primary_key=True)
    iteration: Mapped[int] = mapped_column(primary_key=True)
    attempt: Mapped[int] = mapped_column(server_default=text("1"))
    seq: Mapped[int | None]
    status: Mapped[str]
    outcome: Mapped[str] = mapped_column(server_default=text("''"))
    given: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))
    output: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))
    error: Mapped[str] = mapped_column(server_default=text("''"))
    why: Mapped[dict[str, Any] | None]
    began_at: Mapped[datetime] = mapped_column(server_default=func.now())
    ended_at: Mapped[datetime | None]
    operated_by: Mapped[UUID | None] = mapped_column(ForeignKey("person.id"))

    @property
    def is_open(self) -> bool:
        """Whether it may still be ended by its step."""
        return self.status == NodeStatus.RUNNING.value and self.ended_at is None


def begin(
    session: Session, run_id: UUID, node: str, iteration: int, given: Mapping[str, Any]
) -> ProcessStepRow:
    """The row of a node that runs, written unless it was before, and held until the transaction ends."""
    session.execute(
        insert(ProcessStepRow)
        .values(
            run_id=run_id, node=node, iteration=iteration, status=NodeStatus.RUNNING.value, given=dict(given)
        )
        .on_conflict_do_update(
            index_elements=["run_id", "node", "iteration"],
            set_={"given": dict(given)},
            where=(ProcessStepRow.status == NodeStatus.RUNNING.value) & ProcessStepRow.ended_at.is_(None),
        )
    )
    return by_id(session, run_id, node, iteration)


def by_id(session: Session, run_id: UUID, node: str, iteration: int) -> ProcessStepRow:
    """One row, read afresh and held; raises NotFound."""
    row = session.get(ProcessStepRow, (run_id, node, iteration), with_for_update=True, populate_existing=True)
    if row is None:
        raise NotFound(f"{node} has not come to round {iteration}.", "node")
    return row


def end(
    session: Session, row: ProcessStepRow, outcome: str, output: Mapping[str, Any], room_bytes: int
) -> dict[str, Any]:
    """Note how a held node ended; what it carries along: large values, or all where there is no room, as references."""
    along, stored = set_aside(output, room_bytes)
    process_value.keep(session, stored)
    row.status, row.outcome, row.output = NodeStatus.COMPLETED.value, outcome, along
    row.ended_at, row.error = now(session), ""
    session.flush()
    return along


def of_run(session: Session, run_id: UUID) -> Sequence[ProcessStepRow]:
    """Everything that happened in a run, in its order; what the run has not told yet stands last."""
    return session.scalars(
        select(ProcessStepRow)
        .where(ProcessStepRow.run_id == run_id)
        .order_by(ProcessStepRow.seq.asc().nulls_last(), ProcessStepRow.began_at, ProcessStepRow.node)
    ).all()


def rounds(session: Session, run_id: UUID) -> dict[str, dict[int, NodeStatus]]:
    """Node -> round -> how it stands there, for `rules.process_signal.addressed`."""
    found: dict[str, dict[int, NodeStatus]] = {}
    rows = session.execute(
        select(ProcessStepRow.node, ProcessStepRow.iteration, ProcessStepRow.status).where(
            ProcessStepRow.run_id == run_id
        )
    )
    for node, iteration, status in rows:
        found.setdefault(node, {})[iteration] = NodeStatus(status)
    return found


def incidents(session: Session, limit: int = 100) -> Sequence[ProcessStepRow]:
    """Nodes that wait for an operator, the oldest first."""
    return session.scalars(
        select(ProcessStepRow)
        .where(ProcessStepRow.status == NodeStatus.INCIDENT.value)
        .order_by(ProcessStepRow.began_at)
        .limit(limit)
    ).all()
