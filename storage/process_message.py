"""Messages for waiting nodes, kept until the node takes them, also where they come before it starts. Wakes their run."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Index, func, select, text, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from rules.errors import BusinessError
from rules.process_signal import addressed
from storage import audit, process, process_run, process_step, process_value
from storage.audit import Actor
from storage.database import Base, new_id


class KeyReusedForAnotherSignal(BusinessError):
    """One key came twice with different contents."""

    status = 422


class ProcessMessageRow(Base):
    """One message for a node in one of its rounds.

    Attributes:
        message_key: given by the sender, so that one message counts once.
        name: of the signal; empty for the answer of another system.
        outcome: a `rules.process.Outcome`.
    """

    __tablename__ = "process_message"
    __table_args__ = (
        Index("uq_process_message_message_key", "run_id", "message_key", unique=True),
        Index("ix_process_message_node", "run_id", "node", "iteration"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    run_id: Mapped[UUID] = mapped_column(ForeignKey("process_run.id"))
    node: Mapped[str]
    iteration: Mapped[int]
    message_key: Mapped[str]
    name: Mapped[str]
    outcome: Mapped[str]
    output: Mapped[dict[str, Any]]
    error: Mapped[str] = mapped_column(server_default=text("''"))
    sent_by: Mapped[UUID | None] = mapped_column(ForeignKey("person.id"))
    sent_at: Mapped[datetime] = mapped_column(server_default=func.now())
    taken_at: Mapped[datetime | None]


def send(
    session: Session,
    run_id: UUID,
    name: str,
    outcome: str,
    output: Mapping[str, Any],
    sender: UUID | None,
    *,
    message_key: str | None = None,
    node: str = "",
    iteration: int = 0,
) -> ProcessMessageRow:
    """Keep a named signal for the node that waits for it, now or later, and wake its run.

    Raises:
        NotFound, RunHasEnded, SignalIsAmbiguous, SignalCameTooLate, KeyReusedForAnotherSignal, Invalid.
    """
    earlier = _of_key(session, run_id, message_key)
    if earlier is not None:
        if (earlier.name, earlier.outcome) != (name, outcome):
            raise KeyReusedForAnotherSignal("This key was used for another signal.", "message_key")
        return earlier
    run = process_run.require_open(session, run_id)
    definition = process.version(session, run.process_key, run.version).process
    rounds = process_step.rounds(session, run_id)
    found, target = addressed(definition, name, rounds, node, iteration)
    row = put(
        session, run_id, found, target, outcome, output, name=name, message_key=message_key, sender=sender
    )
    audit.record(
        session, Actor.person(sender) if sender else audit.SYSTEM, "process_run.signalled",
        run=str(run_id), node=found, iteration=target, signal=name, outcome=outcome,
    )  # fmt: skip
    return row


def _of_key(session: Session, run_id: UUID, key: str | None) -> ProcessMessageRow | None:
    if key is None:
        return None
    return session.scalars(
        select(ProcessMessageRow).where(
            ProcessMessageRow.run_id == run_id, ProcessMessageRow.message_key == key
        )
    ).one_or_none()


def put(
    session: Session,
    run_id: UUID,
    node: str,
    iteration: int,
    outcome: str,
    output: Mapping[str, Any],
    *,
    name: str = "",
    error: str = "",
    message_key: str | None = None,
    sender: UUID | None = None,
) -> ProcessMessageRow:
    """Keep a message for a node and wake its run; raises Invalid for an output that cannot be carried."""
    along = process_value.take_in(session, output, "output")
    row = ProcessMessageRow(
        id=new_id(), run_id=run_id, node=node, iteration=iteration, message_key=message_key or str(new_id()),
        name=name, outcome=outcome, output=along, error=error[:2000], sent_by=sender,
    )  # fmt: skip
    session.add(row)
    session.flush()
    process_run.wake(session, run_id, node, iteration)
    return row


def take(session: Session, run_id: UUID, node: str, iteration: int) -> ProcessMessageRow | None:
    """The first message for a held node that was not taken yet."""
    row = session.scalars(
        select(ProcessMessageRow)
        .where(
            ProcessMessageRow.run_id == run_id,
            ProcessMessageRow.node == node,
            ProcessMessageRow.iteration == iteration,
            ProcessMessageRow.taken_at.is_(None),
        )
        .order_by(ProcessMessageRow.sent_at, ProcessMessageRow.id)
        .limit(1)
    ).one_or_none()
    if row is not None:
        session.execute(
            update(ProcessMessageRow).where(ProcessMessageRow.id == row.id).values(taken_at=func.now())
        )
    return row
