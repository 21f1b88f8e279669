"""Rule sets as they are stored: immutable versions per department, the newest in force. Judges nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Index, bindparam, func, or_, select, text
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Mapped, Session, mapped_column

from rules.errors import AlreadyDecided, NotFound
from rules.policy import DEFAULT as DEFAULT
from rules.policy import content_hash, read_rule_set
from storage import audit
from storage.audit import Actor
from storage.database import Base, new_id


class RuleSetRow(Base):
    """One version of a department's rule set; never changed once written.

    Attributes:
        is_candidate: whether it was saved to be tried on some first; it is never in force. Once it has been promoted
            a version in force says the same.
        replaces_id: of a candidate, the version that was in force when it was saved; None where none was.
        in_force_from: when it was saved, which is since when it is in force unless it is a candidate.
    """

    __tablename__ = "rule_set"
    __table_args__ = (Index("uq_rule_set_department_id_version", "department_id", "version", unique=True),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    department_id: Mapped[str]
    version: Mapped[int]
    content: Mapped[dict[str, Any]]
    content_hash: Mapped[str]
    in_force_from: Mapped[datetime] = mapped_column(server_default=func.now())
    created_by: Mapped[UUID | None] = mapped_column(ForeignKey("person.id"))
    note: Mapped[str] = mapped_column(server_default=text("''"))
    is_candidate: Mapped[bool] = mapped_column(server_default=text("false"))
    replaces_id: Mapped[UUID | None] = mapped_column(ForeignKey("rule_set.id"))


class RuleSetChanged(AlreadyDecided):
    """Somebody saved a newer version while this one was being edited."""


_IS_OWN = RuleSetRow.department_id == bindparam("department_id")
_IN_FORCE = (
    select(RuleSetRow)
    .where(or_(_IS_OWN, RuleSetRow.department_id == DEFAULT), ~RuleSetRow.is_candidate)
    .order_by(_IS_OWN.desc(), RuleSetRow.version.desc())
    .limit(1)
)


def in_force(session: Session, department_id: str) -> RuleSetRow | None:
    """The newest rule set of the department that is no candidate, else the newest default one, else None."""
    return session.scalars(_IN_FORCE, {"department_id": department_id}).one_or_none()


def newest(session: Session) -> Sequence[RuleSetRow]:
    """The version in force of every department that has its own, and of the default."""
    return session.scalars(
        select(RuleSetRow)
        .where(~RuleSetRow.is_candidate)
        .ext(distinct_on(RuleSetRow.department_id))
        .order_by(RuleSetRow.department_id, RuleSetRow.version.desc())
    ).all()


def has_own(session: Session, department_id: str) -> bool:
    """Whether a department has rules of its own in force."""
    own = select(RuleSetRow.id).where(RuleSetRow.department_id == department_id, ~RuleSetRow.is_candidate)
    return bool(session.scalar(select(own.exists())))


def candidates(session: Session) -> Sequence[RuleSetRow]:
    """Every candidate that can still come into force: what it was saved on top of is in force. The newest first."""
    rows = session.scalars(
        select(RuleSetRow).where(RuleSetRow.is_candidate).order_by(RuleSetRow.in_force_from.desc())
    ).all()
    standing = {one: in_force(session, one) for one in {row.department_id for row in rows}}
    return [row for row in rows if row.replaces_id == _id(standing[row.department_id])]


def _id(row: RuleSetRow | None) -> UUID | None:
    return row.id if row is not None else None


def versions(session: Session, department_id: str) -> Sequence[RuleSetRow]:
    """Every version of a department, candidates too, the newest first."""
    return session.scalars(
        select(RuleSetRow)
        .where(RuleSetRow.department_id == department_id)
        .order_by(RuleSetRow.version.desc())
    ).all()


def by_id(session: Session, rule_set_id: UUID) -> RuleSetRow:
    """One version; raises NotFound."""
    row = session.get(RuleSetRow, rule_set_id)
    if row is None:
        raise NotFound("There is no such rule set.")
    return row


def save_version(
    session: Session,
    department_id: str,
    content: Mapping[str, Any],
    actor: Actor,
    *,
    replaces_version: int,
    note: str = "",
    as_candidate: bool = False,
) -> RuleSetRow:
    """Write the next version, in force from the commit on unless it is a candidate.

    Args:
        department_id: a department's id, or `DEFAULT`.
        content: a rule set in its stored form.
        replaces_version: the version in force that was edited, 0 for the first.
        as_candidate: whether it is to be tried on some first; see storage/rollout_policy.py.

    Raises:
        InvalidFields: the content is no valid rule set.
        RuleSetChanged: another version is in force by now.
    """
    stored = read_rule_set(content).to_content()
    newest, standing = session.execute(
        select(
            func.coalesce(func.max(RuleSetRow.version), 0),
            func.coalesce(func.max(RuleSetRow.version).filter(~RuleSetRow.is_candidate), 0),
        ).where(RuleSetRow.department_id == department_id)
    ).one()
    if standing != replaces_version:
        raise RuleSetChanged("Somebody saved a newer version of these rules. Please look at it first.")
    row = RuleSetRow(
        department_id=department_id,
        version=newest + 1,
        content=stored,
        content_hash=content_hash(stored),
        created_by=actor.id,
        note=note,
        is_candidate=as_candidate,
        replaces_id=_id(in_force(session, department_id)) if as_candidate else None,
    )
    try:
        with session.begin_nested():
            session.add(row)
    except IntegrityError:
        raise RuleSetChanged(
            "Somebody saved a newer version of these rules. Please look at it first."
        ) from None
    audit.record(
        session,
        actor,
        "policy.candidate_saved" if as_candidate else "policy.saved",
        department_id=department_id,
        version=row.version,
        content_hash=row.content_hash,
        note=note,
    )
    return row
