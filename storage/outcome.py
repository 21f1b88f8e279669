"""How each finished stage went, by build: what a rollout is judged by. Counting is in storage/rollout_figures.py."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, Identity, Index, UniqueConstraint, delete, func, select, text
from sqlalchemy.orm import Mapped, Session, mapped_column

from rules.outcome import kept_since
from storage import rollout
from storage.database import Base, now

#: What a stage is called that is no activity: a workflow task that failed.
WORKFLOW_TASK = "workflow_task"
OK, FAILED = "ok", "failed"


class OutcomeRow(Base):
    """One attempt of one stage of one run, as the worker that did it wrote it down.

    Attributes:
        activity_id: tells repeats of one stage in a run apart; empty for a workflow task.
        department_id: of the request, None where the request is unknown.
        variant: the arm of an experiment that the request was given at submit.
        outcome: OK or FAILED; a business refusal is OK.
        error: the type of what was raised.
        ms: how long it took, in milliseconds.
        at: when it was written down, a moment after its end, by the database's clock.
    """

    __tablename__ = "outcome"
    __table_args__ = (
        UniqueConstraint("run_id", "activity_id", "attempt", "build_id", name="uq_outcome_once"),
        Index("ix_outcome_build_id_at", "build_id", "at"),
        Index("ix_outcome_at", "at"),
        Index("ix_outcome_request_id", "request_id"),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    at: Mapped[datetime] = mapped_column(server_default=func.now())
    build_id: Mapped[str]
    run_id: Mapped[str]
    activity_id: Mapped[str]
    attempt: Mapped[int]
    stage: Mapped[str]
    request_id: Mapped[UUID]
    department_id: Mapped[str | None]
    variant: Mapped[str | None]
    outcome: Mapped[str]
    error: Mapped[str | None]
    ms: Mapped[int]


@dataclass(frozen=True)
class Outcome:
    """What a worker knows when a stage is over; see `OutcomeRow`."""

    build_id: str
    run_id: str
    activity_id: str
    attempt: int
    stage: str
    request_id: str
    outcome: str
    error: str | None
    ms: int

    @property
    def key(self) -> tuple[str, str, int, str]:
        """What makes it one outcome, however often it is written."""
        return self.run_id, self.activity_id, self.attempt, self.build_id


# One parameter for however many rows; department and variant are joined here, so that a worker need not know them.
_WRITE = text(
    """
    INSERT INTO outcome (build_id, run_id, activity_id, attempt, stage, request_id, outcome, error, ms,
                         department_id, variant)
    SELECT o.build_id, o.run_id, o.activity_id, o.attempt, o.stage, o.request_id, o.outcome, o.error, o.ms,
           request.department_id, route.variant
    FROM jsonb_to_recordset(CAST(:rows AS jsonb))
      AS o(build_id text, run_id text, activity_id text, attempt int, stage text, request_id uuid,
           outcome text, error text, ms int)
    LEFT JOIN request ON request.id = o.request_id
    LEFT JOIN route ON route.request_id = o.request_id
    ON CONFLICT ON CONSTRAINT uq_outcome_once
    DO UPDATE SET outcome = excluded.outcome, error = excluded.error, ms = excluded.ms, at = now()
    """
)


def write(session: Session, outcomes: Sequence[Outcome]) -> None:
    """Write outcomes down; the same one twice is one row, with what was said last."""
    last = {each.key: asdict(each) for each in outcomes}
    if last:
        session.execute(_WRITE, {"rows": json.dumps(list(last.values()))})


def sweep(session: Session, at_most: int = 10_000) -> int:
    """Forget outcomes that are kept no longer, the oldest first; returns how many."""
    began = min((each.created_at for each in rollout.open_rollouts(session)), default=None)
    old = (
        select(OutcomeRow.id)
        .where(OutcomeRow.at < kept_since(now(session), began))
        .order_by(OutcomeRow.at)
        .limit(at_most)
        .with_for_update(skip_locked=True)
    )
    return len(
        session.scalars(delete(OutcomeRow).where(OutcomeRow.id.in_(old)).returning(OutcomeRow.id)).all()
    )
