"""Rule sets as they are stored: immutable versions per department, the newest in force. Judges nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Index, func, select, text
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Mapped, Session, mapped_column

from rules.errors import AlreadyDecided, NotFound
from rules.policy import content_hash, read_rule_set
from storage import audit
from storage.audit import Actor
from storage.database import Base, new_id

#: The department id under which the rule set for departments without their own is kept.
DEFAULT = "default"


class RuleSetRow(Base):
    """One version of a department's rule set; never changed once written."""

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


class RuleSetChanged(AlreadyDecided):
    """Somebody saved a newer version while this one was being edited."""


def in_force(session: Session, department_id: str) -> RuleSetRow | None:
    """The newest rule set of the department, else the newest default one, else None."""
    own_first = (RuleSetRow.department_id == department_id).desc()
    return session.scalars(
        select(RuleSetRow)
        .where(RuleSetRow.department_id.in_([department_id, DEFAULT]))
        .order_by(own_first, RuleSetRow.version.desc())
        .limit(1)
    ).one_or_none()


def newest(session: Session) -> Sequence[RuleSetRow]:
    """The newest version of every department that has its own, and of the default."""
    return session.scalars(
        select(RuleSetRow)
        .ext(distinct_on(RuleSetRow.department_id))
        .order_by(RuleSetRow.department_id, RuleSetRow.version.desc())
    ).all()


def versions(session: Session, department_id: str) -> Sequence[RuleSetRow]:
    """Every version of a department, the newest first."""
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
) -> RuleSetRow:
    """Write the next version, in force from the commit on.

    Args:
        department_id: a department's id, or `DEFAULT`.
        content: a rule set in its stored form.
        replaces_version: the version that was edited, 0 for the first.

    Raises:
        InvalidFields: the content is no valid rule set.
        RuleSetChanged: another version is the newest by now.
    """
    stored = read_rule_set(content).to_content()
    row = RuleSetRow(
        department_id=department_id,
        version=replaces_version + 1,
        content=stored,
        content_hash=content_hash(stored),
        created_by=actor.id,
        note=note,
    )
    latest = session.scalar(
        select(func.max(RuleSetRow.version)).where(RuleSetRow.department_id == department_id)
    )
    if (latest or 0) != replaces_version:
        raise RuleSetChanged("Somebody saved a newer version of these rules. Please look at it first.")
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
        "policy.saved",
        department_id=department_id,
        version=row.version,
        content_hash=row.content_hash,
        note=note,
    )
    return row
