"""Runs of processes as they are stored: what each was started with, where it stands, how it ended. Carries none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ForeignKey, Index, Text, func, select, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, Session, mapped_column

from rules.assignment import Assignment
from rules.errors import BusinessError, NotFound
from rules.outbox import Kind
from rules.process_input import check_depth, judge_input
from rules.process_messages import ProcessInput, ProcessResult
from rules.process_plan import Plan, make_plan
from rules.process_purchase import input_of
from rules.process_state import Result, State
from storage import audit, outbox, process, process_assignment, process_value
from storage.audit import Actor
from storage.database import Base, new_id, now
from storage.process import ProcessVersionRow

OPEN: Final = Result.OPEN.value


class RunHasEnded(BusinessError):
    """The run has ended; nothing more can be done to it."""

    status = 409


class KeyReusedForAnotherRun(BusinessError):
    """One key came twice with different contents."""

    status = 422


class ProcessRunRow(Base):
    """One run.

    Attributes:
        status: a `rules.process_state.Result`.
        given: its input; large values are references.
        start_key: given by whoever starts it, so that one wish makes one run.
        parent_id, parent_node: the run and the node that it is a part of.
        request_id: the purchase request that it decides about; None for a run about anything else.
        chain: the keys of the processes that led to it, the first one first, itself last.
        state: where it stands, as `rules.process_state.State.to_content` writes it; None before its first step.
        awaiting: the roles that are waited for.
        outcome, variables, failed_by, error: see `rules.process_messages.ProcessResult`.
    """

    __tablename__ = "process_run"
    __table_args__ = (
        Index("uq_process_run_start_key", "process_key", "start_key", unique=True),
        Index("uq_process_run_request_id", "request_id", unique=True),
        Index("ix_process_run_parent", "parent_id", "parent_node", "parent_iteration"),
        Index("ix_process_run_process_key_started_at", "process_key", "started_at"),
        Index("ix_process_run_open", "started_at", postgresql_where=text("status = 'open'")),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    process_key: Mapped[str] = mapped_column(ForeignKey("process.key"))
    version: Mapped[int]
    sha256: Mapped[str]
    status: Mapped[str] = mapped_column(server_default=text("'open'"))
    given: Mapped[dict[str, Any]]
    start_key: Mapped[str | None]
    started_by: Mapped[UUID | None] = mapped_column(ForeignKey("person.id"))
    started_at: Mapped[datetime] = mapped_column(server_default=func.now())
    parent_id: Mapped[UUID | None] = mapped_column(ForeignKey("process_run.id"))
    parent_node: Mapped[str | None]
    parent_iteration: Mapped[int | None]
    request_id: Mapped[UUID | None] = mapped_column(ForeignKey("request.id"))
    chain: Mapped[list[str]] = mapped_column(ARRAY(Text))
    state: Mapped[dict[str, Any] | None]
    awaiting: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default=text("'{}'"))
    outcome: Mapped[str] = mapped_column(server_default=text("''"))
    variables: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))
    failed_by: Mapped[str] = mapped_column(server_default=text("''"))
    error: Mapped[str] = mapped_column(server_default=text("''"))
    ended_at: Mapped[datetime | None]

    @property
    def depth(self) -> int:
        """How many processes led to it, itself included."""
        return len(self.chain)

    @property
    def as_input(self) -> ProcessInput:
        """What its workflow is started with."""
        return ProcessInput(str(self.id), self.process_key, self.version, self.sha256)


def begin(
    session: Session,
    key: str,
    given: Mapping[str, Any],
    actor: Actor,
    *,
    start_key: str | None = None,
    causes: Sequence[str] = (),
    request_id: UUID | None = None,
) -> ProcessRunRow:
    """Write a run of the deployed version, or of one given to some, down; it is started when the transaction commits.

    Args:
        start_key: a second wish with the same one gets the same run.
        causes: the keys of the processes that led to it.
        request_id: the purchase request that it decides about; `given` are all its facts then.

    Raises:
        NotFound, CannotDecidePurchases, InvalidFields, TooDeep, KeyReusedForAnotherRun.
    """
    earlier = _of_start_key(session, key, start_key)
    if earlier is None and start_key is not None:
        # Two at once: the second waits here for the first.
        process.by_key(session, key, lock=True)
        earlier = _of_start_key(session, key, start_key)
    if earlier is not None:
        version = process.version(session, key, earlier.version)
        if earlier.given != _judged(session, version, given, actor.id):
            raise KeyReusedForAnotherRun("This key was used for a run with another input.", "start_key")
        return earlier
    run_id = new_id()
    version, drawn = process_assignment.choose(session, key, run_id, actor.id)
    if request_id is not None:
        given = input_of(version.process, given)
    judged = _judged(session, version, given, actor.id)
    row = _add(
        session, version, judged, actor, causes, drawn, id=run_id, start_key=start_key, request_id=request_id
    )
    outbox.put(session, Kind.START_PROCESS, request_id, asdict(row.as_input))
    return row


def begin_part(
    session: Session, parent: ProcessRunRow, node: str, iteration: int, key: str, given: Mapping[str, Any]
) -> ProcessRunRow:
    """The run that a node of another is; the same one when called again, unless that has failed. Its parent starts it.

    Args:
        parent: its node's row is held by the caller.

    Raises:
        NotFound, InvalidFields, TooDeep.
    """
    earlier = part_of(session, parent.id, node, iteration)
    if earlier is not None and earlier.status in (OPEN, Result.COMPLETED.value):
        return earlier
    run_id = new_id()
    version, drawn = process_assignment.choose(session, key, run_id, parent.started_by)
    starter = Actor("person" if parent.started_by else "system", parent.started_by)
    judged = _judged(session, version, given, parent.started_by)
    return _add(
        session, version, judged, starter, parent.chain, drawn,
        id=run_id, parent_id=parent.id, parent_node=node, parent_iteration=iteration,
    )  # fmt: skip


def part_of(session: Session, parent_id: UUID, node: str, iteration: int) -> ProcessRunRow | None:
    """The newest run that a node of another is."""
    return session.scalars(
        select(ProcessRunRow)
        .where(
            ProcessRunRow.parent_id == parent_id,
            ProcessRunRow.parent_node == node,
            ProcessRunRow.parent_iteration == iteration,
        )
        .order_by(ProcessRunRow.started_at.desc(), ProcessRunRow.id.desc())
        .limit(1)
        .execution_options(populate_existing=True)
    ).one_or_none()


def _of_start_key(session: Session, key: str, start_key: str | None) -> ProcessRunRow | None:
    if start_key is None:
        return None
    return session.scalars(
        select(ProcessRunRow).where(ProcessRunRow.process_key == key, ProcessRunRow.start_key == start_key)
    ).one_or_none()


def _judged(
    session: Session, version: ProcessVersionRow, given: Mapping[str, Any], starter: UUID | None
) -> dict[str, Any]:
    return process_value.take_in(session, judge_input(version.process, given, str(starter or "")), "input")


def _add(
    session: Session,
    version: ProcessVersionRow,
    given: dict[str, Any],
    actor: Actor,
    causes: Sequence[str],
    drawn: Assignment | None,
    **more: Any,
) -> ProcessRunRow:
    chain = [*causes, version.process_key]
    check_depth(len(chain))
    row = ProcessRunRow(
        process_key=version.process_key, version=version.version, sha256=version.sha256,
        given=given, started_by=actor.id, chain=chain, **more,
    )  # fmt: skip
    session.add(row)
    session.flush()
    session.refresh(row)
    if drawn is not None:
        process_assignment.write(session, row.id, drawn)
    audit.record(
        session, actor, "process_run.started", run=str(row.id), process=row.process_key,
        version=row.version, chain=chain,
    )  # fmt: skip
    return row


def by_id(session: Session, run_id: UUID, *, lock: bool = False) -> ProcessRunRow:
    """One run, read afresh; raises NotFound."""
    query = select(ProcessRunRow).where(ProcessRunRow.id == run_id).execution_options(populate_existing=True)
    row = session.scalars(query.with_for_update() if lock else query).one_or_none()
    if row is None:
        raise NotFound("There is no such run.")
    return row


def require_open(session: Session, run_id: UUID) -> ProcessRunRow:
    """A run that has not ended, held; raises NotFound, RunHasEnded."""
    row = by_id(session, run_id, lock=True)
    if row.status != OPEN:
        raise RunHasEnded(f"This run has ended: {row.status}.")
    return row


def newest(
    session: Session,
    *,
    key: str | None = None,
    status: str | None = None,
    awaiting: str | None = None,
    limit: int = 50,
    before: datetime | None = None,
) -> Sequence[ProcessRunRow]:
    """Runs, the newest first.

    Args:
        awaiting: a role that is waited for.
        before: only those that were started earlier, for the next page.
    """
    query = select(ProcessRunRow).order_by(ProcessRunRow.started_at.desc(), ProcessRunRow.id.desc())
    if key is not None:
        query = query.where(ProcessRunRow.process_key == key)
    if status is not None:
        query = query.where(ProcessRunRow.status == status)
    if awaiting is not None:
        query = query.where(ProcessRunRow.awaiting.contains([awaiting]))
    if before is not None:
        query = query.where(ProcessRunRow.started_at < before)
    return session.scalars(query.limit(limit)).all()


def plan_of(session: Session, row: ProcessRunRow) -> Plan:
    """The plan of the version that a run follows."""
    return make_plan(process.version(session, row.process_key, row.version).process)


def state_of(row: ProcessRunRow, plan: Plan) -> State:
    """Where a run stood when that was last noted."""
    return State.from_content(plan, row.state) if row.state is not None else State(plan)


def end(session: Session, row: ProcessRunRow, ended: ProcessResult) -> None:
    """Note how a run ended, once; a part that is still open afterwards is detached."""
    if row.status != OPEN:
        return
    row.status, row.outcome, row.variables = ended.result, ended.outcome, ended.variables
    row.failed_by, row.error, row.ended_at = ended.failed_by, ended.error[:2000], now(session)
    session.flush()
    audit.record(
        session, audit.SYSTEM, "process_run.ended", run=str(row.id), process=row.process_key,
        result=ended.result, outcome=ended.outcome, failed_by=ended.failed_by,
    )  # fmt: skip


def wake(session: Session, run_id: UUID, node: str, iteration: int) -> None:
    """Let a run look at one of its nodes when the transaction commits."""
    payload = {"run_id": str(run_id), "node": node, "iteration": iteration}
    outbox.put(session, Kind.SIGNAL_PROCESS, None, payload)


def cancel(session: Session, run_id: UUID, by: UUID | None, reason: str) -> ProcessRunRow:
    """Ask for a run to be called off; its workflow does it. Raises NotFound, RunHasEnded."""
    row = require_open(session, run_id)
    outbox.put(session, Kind.CANCEL_PROCESS, None, {"run_id": str(run_id), "reason": reason})
    actor = Actor.person(by) if by is not None else audit.SYSTEM
    audit.record(session, actor, "process_run.cancel_asked", run=str(run_id), reason=reason)
    return row
