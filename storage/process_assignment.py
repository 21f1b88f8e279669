"""Which version a run follows: the deployed one, or one that a rollout gives to some. Drawn in rules/assignment.py."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from decimal import Decimal
from typing import Final
from uuid import UUID

from sqlalchemy import ForeignKey, Index, Numeric, func, select, text
from sqlalchemy.orm import Mapped, Session, mapped_column

from rules.assignment import Assignment, Exposure, assign_run
from rules.errors import NotFound
from rules.rollout import Kind
from rules.rollout_target import ProcessTarget, lane_of
from storage import process
from storage.assignment import IS_EXPOSED
from storage.database import Base
from storage.person import PersonRow
from storage.process import ProcessVersionRow


class ProcessAssignmentRow(Base):
    """What a rollout meant for a run when it began; never changed. Who is not chosen is the control."""

    __tablename__ = "process_assignment"
    __table_args__ = (Index("ix_process_assignment_rollout_id_at", "rollout_id", "at"),)

    run_id: Mapped[UUID] = mapped_column(ForeignKey("process_run.id"), primary_key=True)
    rollout_id: Mapped[UUID] = mapped_column(ForeignKey("rollout.id"))
    chosen: Mapped[bool]
    bucket: Mapped[int]
    share: Mapped[Decimal] = mapped_column(Numeric(4, 1))
    reason: Mapped[str]
    at: Mapped[datetime] = mapped_column(server_default=func.now())


#: What new runs follow, and the rollout that gives some of them another version: one statement for both.
_FOLLOWED: Final = text(
    f"""
    SELECT process.deployed_version, rollout.id, rollout.content, rollout.plan -> 'steps' -> rollout.step AS step
    FROM process LEFT JOIN rollout ON rollout.lane = :lane AND {IS_EXPOSED}
    WHERE process.key = :key
    """  # noqa: S608  (constants of the code)
)


def choose(
    session: Session, key: str, run_id: UUID, starter: UUID | None
) -> tuple[ProcessVersionRow, Assignment | None]:
    """The version that a run which begins now follows, and what was drawn for it; None where nothing was.

    Raises:
        NotFound: there is no such process, or nothing of it is deployed.
    """
    found = session.execute(_FOLLOWED, {"key": key, "lane": lane_of(Kind.PROCESS, key)}).one_or_none()
    if found is None:
        raise NotFound(f"There is no process {key!r}.", "key")
    if found.deployed_version is None:
        raise NotFound(f"The process {key!r} is not deployed yet.", "key")
    number, drawn = found.deployed_version, None
    if found.id is not None:
        target = ProcessTarget.from_content(found.content)
        if not target.conflict(number):
            share, departments = Decimal(str(found.step["share"])), tuple(found.step["departments"])
            exposure = Exposure(str(found.id), Kind.PROCESS, key, share, departments)
            drawn = assign_run(exposure, str(run_id), _department(session, starter))
            number = target.version if drawn is not None and drawn.chosen else number
    return process.version(session, key, number), drawn


def _department(session: Session, person_id: UUID | None) -> str:
    found = session.scalar(select(PersonRow.department_id).where(PersonRow.id == person_id))
    return found or ""


def write(session: Session, run_id: UUID, drawn: Assignment) -> None:
    """Store what was drawn for a run, in the transaction that begins it."""
    row = {**asdict(drawn), "rollout_id": UUID(drawn.rollout_id), "run_id": run_id}
    session.add(ProcessAssignmentRow(**row))
    session.flush()


def of_run(session: Session, run_id: UUID) -> ProcessAssignmentRow | None:
    """What was drawn for a run; None where nothing was."""
    return session.get(ProcessAssignmentRow, run_id)
