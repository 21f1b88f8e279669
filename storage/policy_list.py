"""Reading rule sets for the finance pages: every version, neighbours, how often one was used. Judges nothing."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from storage.policy import RuleSetRow
from storage.review import ReviewRow


def all_versions(session: Session) -> Sequence[RuleSetRow]:
    """Every version of every department, by department, the newest first."""
    return session.scalars(
        select(RuleSetRow).order_by(RuleSetRow.department_id, RuleSetRow.version.desc())
    ).all()


def version(session: Session, department_id: str, number: int) -> RuleSetRow | None:
    """One version by its number."""
    return session.scalars(
        select(RuleSetRow).where(RuleSetRow.department_id == department_id, RuleSetRow.version == number)
    ).one_or_none()


def replaced_by(session: Session, row: RuleSetRow) -> RuleSetRow | None:
    """The version that was in force for the same department when one was saved; None for its first."""
    if row.replaces_id is not None:
        return session.get_one(RuleSetRow, row.replaces_id)
    earlier = select(RuleSetRow).where(
        RuleSetRow.department_id == row.department_id,
        RuleSetRow.version < row.version,
        ~RuleSetRow.is_candidate,
    )
    return session.scalars(earlier.order_by(RuleSetRow.version.desc()).limit(1)).one_or_none()


def count_reviews(session: Session, rule_set_id: UUID) -> tuple[int, int]:
    """How many reviews used this version, and how many of them approved."""
    row = session.execute(
        select(func.count(), func.count().filter(ReviewRow.auto_approved)).where(
            ReviewRow.rule_set_id == rule_set_id
        )
    ).one()
    return row[0], row[1]
