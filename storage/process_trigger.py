"""Triggers as they are stored, and what became of each event that matched one. What matches is decided in rules/."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Index, Text, func, select, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, Session, mapped_column

from rules.errors import BusinessError, NotFound
from rules.process import Process
from rules.process_trigger import (
    RATE_WINDOW,
    Entity,
    Event,
    Held,
    Operation,
    Trigger,
    held_back,
    holds,
    input_for,
    judge_trigger,
    listens_to,
)
from storage import audit, process, process_run
from storage.audit import SYSTEM, Actor
from storage.database import Base, new_id, now
from storage.process import ProcessRow


class TriggerChanged(BusinessError):
    """Somebody else changed the trigger since it was read."""

    status = 409


class ProcessTriggerRow(Base):
    """One trigger; see rules/process_trigger.py.

    Attributes:
        given: what its runs are given, with templates.
        revision: counts the changes; a writer names the one it has read.
    """

    __tablename__ = "process_trigger"
    __table_args__ = (Index("ix_process_trigger_on", "entity", postgresql_where=text("is_on")),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    title: Mapped[str]
    entity: Mapped[str]
    operation: Mapped[str]
    fields: Mapped[list[str]] = mapped_column(ARRAY(Text))
    condition: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    process_key: Mapped[str] = mapped_column(ForeignKey("process.key"))
    given: Mapped[dict[str, Any]]
    may_follow_itself: Mapped[bool] = mapped_column(server_default=text("false"))
    is_on: Mapped[bool] = mapped_column(server_default=text("true"))
    revision: Mapped[int] = mapped_column(server_default=text("1"))
    created_by: Mapped[UUID] = mapped_column(ForeignKey("person.id"))
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    changed_by: Mapped[UUID] = mapped_column(ForeignKey("person.id"))
    changed_at: Mapped[datetime] = mapped_column(server_default=func.now())

    @property
    def trigger(self) -> Trigger:
        """The trigger as the rules see it."""
        return Trigger(
            self.title, Entity(self.entity), Operation(self.operation), self.process_key, tuple(self.fields),
            self.condition, self.given, self.may_follow_itself,
        )  # fmt: skip


class ProcessTriggerStartRow(Base):
    """What one event did at one trigger that it matched: written once, whatever comes twice.

    Attributes:
        event: as the outbox carried it.
        outcome: a `rules.process_trigger.Held`.
        note: why nothing was started.
    """

    __tablename__ = "process_trigger_start"
    __table_args__ = (
        Index(
            "ix_process_trigger_start_rate",
            "trigger_id",
            "entity_id",
            "at",
            postgresql_where=text("outcome = 'started'"),
        ),
        Index("ix_process_trigger_start_at", "trigger_id", "at"),
        Index("uq_process_trigger_start_run_id", "run_id", unique=True),
    )

    trigger_id: Mapped[UUID] = mapped_column(ForeignKey("process_trigger.id"), primary_key=True)
    event_id: Mapped[UUID] = mapped_column(primary_key=True)
    entity_id: Mapped[str]
    event: Mapped[dict[str, Any]]
    outcome: Mapped[str]
    note: Mapped[str] = mapped_column(server_default=text("''"))
    run_id: Mapped[UUID | None] = mapped_column(ForeignKey("process_run.id"))
    at: Mapped[datetime] = mapped_column(server_default=func.now())


def deployed_or_none(session: Session, key: str) -> Process | None:
    """The deployed version of a process; None where there is none."""
    try:
        return process.deployed(session, key).process
    except NotFound:
        return None


def all_triggers(session: Session) -> Sequence[tuple[ProcessTriggerRow, ProcessRow]]:
    """Every trigger with the process that it starts, by title."""
    rows = session.execute(
        select(ProcessTriggerRow, ProcessRow)
        .join(ProcessRow, ProcessRow.key == ProcessTriggerRow.process_key)
        .order_by(ProcessTriggerRow.title, ProcessTriggerRow.id)
    )
    return [(row[0], row[1]) for row in rows]


def by_id(session: Session, trigger_id: UUID, *, lock: bool = False) -> ProcessTriggerRow:
    """One trigger, read afresh; raises NotFound."""
    query = select(ProcessTriggerRow).where(ProcessTriggerRow.id == trigger_id)
    query = query.execution_options(populate_existing=True)
    row = session.scalars(query.with_for_update() if lock else query).one_or_none()
    if row is None:
        raise NotFound("There is no such trigger.")
    return row


def create(session: Session, content: Mapping[str, Any], by: UUID, reason: str) -> ProcessTriggerRow:
    """A new trigger, on from the commit on; raises InvalidFields."""
    judged = judge_trigger(content, deployed_or_none(session, content["process"]))
    row = ProcessTriggerRow(id=new_id(), created_by=by, changed_by=by, **_columns(judged))
    session.add(row)
    session.flush()
    session.refresh(row)
    audit.record(
        session, Actor.person(by), "process_trigger.created", trigger=str(row.id), title=row.title,
        process=row.process_key, content=dict(content), reason=reason,
    )  # fmt: skip
    return row


def change(
    session: Session, trigger_id: UUID, content: Mapping[str, Any], by: UUID, revision: int, reason: str
) -> ProcessTriggerRow:
    """Another content for a trigger; raises NotFound, TriggerChanged, InvalidFields."""
    row = _held(session, trigger_id, revision)
    judged = judge_trigger(content, deployed_or_none(session, content["process"]))
    for name, value in _columns(judged).items():
        setattr(row, name, value)
    _note(session, row, by)
    audit.record(
        session, Actor.person(by), "process_trigger.changed", trigger=str(row.id), title=row.title,
        process=row.process_key, content=dict(content), reason=reason,
    )  # fmt: skip
    return row


def switch(
    session: Session, trigger_id: UUID, is_on: bool, by: UUID, revision: int, reason: str
) -> ProcessTriggerRow:
    """Switch a trigger on or off; raises NotFound, TriggerChanged."""
    row = _held(session, trigger_id, revision)
    row.is_on = is_on
    _note(session, row, by)
    act = "process_trigger.switched_on" if is_on else "process_trigger.switched_off"
    audit.record(session, Actor.person(by), act, trigger=str(row.id), title=row.title, reason=reason)
    return row


def _columns(judged: Trigger) -> dict[str, Any]:
    return {
        "title": judged.title,
        "entity": judged.entity.value,
        "operation": judged.operation.value,
        "fields": list(judged.fields),
        "condition": judged.condition,
        "process_key": judged.process,
        "given": dict(judged.input),
        "may_follow_itself": judged.may_follow_itself,
    }


def _held(session: Session, trigger_id: UUID, revision: int) -> ProcessTriggerRow:
    row = by_id(session, trigger_id, lock=True)
    if row.revision != revision:
        raise TriggerChanged(
            f"This trigger has revision {row.revision} by now. Please look at it first.", "revision"
        )
    return row


def _note(session: Session, row: ProcessTriggerRow, by: UUID) -> None:
    row.revision += 1
    row.changed_by, row.changed_at = by, now(session)
    session.flush()


def listening(session: Session, event: Event) -> Sequence[UUID]:
    """The triggers that are on and wait for an event of this kind, the oldest first."""
    rows = session.scalars(
        select(ProcessTriggerRow)
        .where(ProcessTriggerRow.is_on, ProcessTriggerRow.entity == event.entity.value)
        .order_by(ProcessTriggerRow.created_at, ProcessTriggerRow.id)
    )
    return [row.id for row in rows if listens_to(row.trigger, event)]


def fire(
    session: Session, trigger_id: UUID, event: Event, told: Mapping[str, Any]
) -> ProcessTriggerStartRow | None:
    """Start what an event starts at a trigger, once, or write down why it does not; None where its condition is false.

    Args:
        told: the event as the outbox carried it, to be kept.
    """
    # Held, so that two events are counted one after the other.
    row = by_id(session, trigger_id, lock=True)
    earlier = session.get(ProcessTriggerStartRow, (trigger_id, UUID(event.id)))
    if earlier is not None or not row.is_on:
        return earlier
    trigger, run_id = row.trigger, None
    try:
        if not holds(trigger, event):
            return None
        held = held_back(trigger, event, _runs_of_late(session, trigger_id, event.entity_id))
        if held is None:
            with session.begin_nested():
                run_id = _begin(session, trigger, event)
            held = (Held.STARTED, "")
    except BusinessError as refusal:
        held = (Held.REFUSED, str(refusal))
    return _write(session, row, event, told, held, run_id)


def _begin(session: Session, trigger: Trigger, event: Event) -> UUID:
    given = input_for(trigger, event, process.deployed(session, trigger.process).process)
    return process_run.begin(session, trigger.process, given, SYSTEM, causes=event.chain).id


def _write(
    session: Session, row: ProcessTriggerRow, event: Event, told: Mapping[str, Any], held: tuple[Held, str],
    run_id: UUID | None,
) -> ProcessTriggerStartRow:  # fmt: skip
    outcome, note = held
    start = ProcessTriggerStartRow(
        trigger_id=row.id, event_id=UUID(event.id), entity_id=event.entity_id, event=dict(told),
        outcome=outcome.value, note=note[:2000], run_id=run_id,
    )  # fmt: skip
    session.add(start)
    session.flush()
    act = "process_trigger.started" if outcome is Held.STARTED else "process_trigger.held"
    audit.record(
        session, SYSTEM, act, UUID(event.entity_id) if event.entity is Entity.REQUEST else None,
        trigger=str(row.id), title=row.title, process=row.process_key, event=event.id, outcome=outcome.value,
        note=note[:500], run=str(run_id) if run_id else "", chain=list(event.chain),
    )  # fmt: skip
    return start


def _runs_of_late(session: Session, trigger_id: UUID, entity_id: str) -> int:
    counted = session.scalar(
        select(func.count()).where(
            ProcessTriggerStartRow.trigger_id == trigger_id,
            ProcessTriggerStartRow.entity_id == entity_id,
            ProcessTriggerStartRow.outcome == Held.STARTED.value,
            ProcessTriggerStartRow.at > func.now() - RATE_WINDOW,
        )
    )
    return int(counted or 0)


def latest(session: Session, trigger_id: UUID, limit: int = 20) -> Sequence[ProcessTriggerStartRow]:
    """What events of late did at a trigger, the newest first."""
    return session.scalars(
        select(ProcessTriggerStartRow)
        .where(ProcessTriggerStartRow.trigger_id == trigger_id)
        .order_by(ProcessTriggerStartRow.at.desc(), ProcessTriggerStartRow.event_id)
        .limit(limit)
    ).all()


def of_run(session: Session, run_id: UUID) -> tuple[ProcessTriggerRow, ProcessTriggerStartRow] | None:
    """The trigger and the event that started a run; None where it was started otherwise."""
    found = session.execute(
        select(ProcessTriggerRow, ProcessTriggerStartRow)
        .join(ProcessTriggerStartRow, ProcessTriggerStartRow.trigger_id == ProcessTriggerRow.id)
        .where(ProcessTriggerStartRow.run_id == run_id)
    ).one_or_none()
    return (found[0], found[1]) if found is not None else None
