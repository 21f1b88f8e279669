"""Reading rollouts beyond one: the latest of a thing, who promoted one, which stand before their gate. Moves none."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import Select, Text, cast, or_, select
from sqlalchemy.orm import Session

from rules.rollout import Kind
from rules.rollout_command import Command
from storage.rollout import OPEN, RolloutEventRow, RolloutRow


def newest_of(session: Session, kind: Kind, target: str) -> RolloutRow | None:
    """The latest rollout of one thing, open or ended; None where there was none."""
    query = select(RolloutRow).where(RolloutRow.kind == kind.value, RolloutRow.target == target)
    return session.scalars(
        query.order_by(RolloutRow.created_at.desc(), RolloutRow.id.desc()).limit(1)
    ).first()


def promoted_by(session: Session, rollout_id: UUID) -> UUID | None:
    """The person who promoted a rollout last; None where nobody has."""
    query = select(RolloutEventRow.actor_id).where(
        RolloutEventRow.rollout_id == rollout_id, RolloutEventRow.event == Command.PROMOTE.value
    )
    return session.scalars(query.order_by(RolloutEventRow.seq.desc()).limit(1)).first()


def that_keeps_version(session: Session, key: str, number: int) -> RolloutRow | None:
    """The newest rollout for whose sake a version of a process stays as it is: it is open, or gave it to somebody."""
    query = select(RolloutRow).where(
        RolloutRow.kind == Kind.PROCESS.value,
        RolloutRow.target == key,
        RolloutRow.content["version"].as_integer() == number,
        or_(OPEN, RolloutRow.exposed_at.is_not(None)),
    )
    return session.scalars(query.order_by(RolloutRow.created_at.desc()).limit(1)).first()


def ids_before_exposure() -> Select[str]:
    """The ids, as text, of open rollouts that nobody has been exposed to yet."""
    return select(cast(RolloutRow.id, Text)).where(OPEN, RolloutRow.exposed_at.is_(None))
