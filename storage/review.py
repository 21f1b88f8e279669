"""Reviews as they are stored: the input, the rule set, the result. Re-running the one on the other gives the third."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, Numeric, bindparam, func, insert, select, text
from sqlalchemy.orm import Mapped, Session, mapped_column

from rules.flag import Reading
from rules.review import REVIEWED_BY, ReviewInput, ReviewResult
from storage.database import Base, new_id
from storage.policy import RuleSetRow

_SHARE = Numeric(4, 3)


class ReviewRow(Base):
    """The automated review of one request; there is one at most.

    Attributes:
        rollouts: what each rollout that concerned the request said, and whether it counted; see storage/assignment.py.
    """

    __tablename__ = "review"
    __table_args__ = (
        CheckConstraint("confidence BETWEEN 0 AND 1", name="confidence_is_a_share"),
        CheckConstraint("risk_score BETWEEN 0 AND 1", name="risk_is_a_share"),
        # Whoever asks what was drawn lately reads no other review, and hashes nothing.
        Index(
            "ix_review_finished_at_draw",
            "finished_at",
            text("recheck_draw(request_id)"),
            postgresql_where=text("auto_approved"),
        ),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    request_id: Mapped[UUID] = mapped_column(ForeignKey("request.id"), unique=True)
    rule_set_id: Mapped[UUID | None] = mapped_column(ForeignKey("rule_set.id"), index=True)
    rule_set_hash: Mapped[str | None]
    input: Mapped[dict[str, Any]]
    auto_approved: Mapped[bool]
    confidence: Mapped[Decimal] = mapped_column(_SHARE)
    risk_score: Mapped[Decimal] = mapped_column(_SHARE)
    reason: Mapped[str]
    checks: Mapped[list[Any]]
    algorithm: Mapped[str]
    reviewed_by: Mapped[str]
    flag_reason: Mapped[str]
    flag_revision: Mapped[int]
    rollouts: Mapped[list[Any]] = mapped_column(server_default=text("'[]'"))
    started_at: Mapped[datetime] = mapped_column(server_default=func.now())
    finished_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    written_by: Mapped[str] = mapped_column(server_default=text("current_setting('application_name')"))


_WRITE = insert(Base.metadata.tables[ReviewRow.__tablename__])
_OF_REQUEST = select(ReviewRow).where(ReviewRow.request_id == bindparam("request_id"))


def of_request(session: Session, request_id: UUID) -> ReviewRow | None:
    """The review of a request, None where there was none."""
    return session.scalars(_OF_REQUEST, {"request_id": request_id}).one_or_none()


def inputs(
    session: Session, department_ids: Collection[str], since: datetime, limit: int
) -> list[ReviewInput]:
    """What the latest reviews of some departments looked at, the newest first."""
    department_id = ReviewRow.input["department_id"].as_string()
    found = session.scalars(
        select(ReviewRow.input)
        .where(ReviewRow.finished_at >= since, department_id.in_(department_ids))
        .order_by(ReviewRow.finished_at.desc())
        .limit(limit)
    )
    return [ReviewInput.from_content(each) for each in found]


def store(
    session: Session,
    request_id: UUID,
    subject: ReviewInput,
    rule_set: RuleSetRow | None,
    result: ReviewResult,
    flag: Reading,
    rollouts: Sequence[Mapping[str, Any]] = (),
) -> ReviewRow:
    """Write what the review saw and said."""
    written = {
        "id": new_id(),
        "request_id": request_id,
        "rule_set_id": rule_set.id if rule_set else None,
        "rule_set_hash": rule_set.content_hash if rule_set else None,
        "input": subject.to_content(),
        "auto_approved": result.auto_approved,
        "confidence": result.confidence,
        "risk_score": result.risk_score,
        "reason": result.reason,
        "checks": [check.to_content() for check in result.checks],
        "algorithm": result.algorithm,
        "reviewed_by": REVIEWED_BY,
        "flag_reason": flag.reason,
        "flag_revision": flag.revision,
        "rollouts": [dict(each) for each in rollouts],
    }
    session.execute(_WRITE, written)
    return ReviewRow(**written)
