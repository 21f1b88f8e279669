"""The audit trail: one entry per change of state, written in the same transaction as the act, never changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    CTE,
    BigInteger,
    Executable,
    Identity,
    Index,
    Text,
    Uuid,
    bindparam,
    func,
    insert,
    select,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, Session, mapped_column

from storage.database import Base


class AuditRow(Base):
    """One act. Postgres refuses to change or delete a row, whoever asks.

    Attributes:
        action: past tense, `subject.verb`, such as `request.submitted`.
        written_by: the application name of the connection, which names the process's build.
    """

    __tablename__ = "audit"
    __table_args__ = (Index("ix_audit_request_id_seq", "request_id", "seq"), Index("ix_audit_at", "at"))

    seq: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    at: Mapped[datetime] = mapped_column(server_default=func.now())
    actor_kind: Mapped[str]
    actor_id: Mapped[UUID | None]
    action: Mapped[str]
    request_id: Mapped[UUID | None]
    detail: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))
    written_by: Mapped[str] = mapped_column(server_default=text("current_setting('application_name')"))


@dataclass(frozen=True)
class Actor:
    """Who acts: a person by id, or the system."""

    kind: str
    id: UUID | None = None

    @classmethod
    def person(cls, person_id: UUID) -> Actor:
        """A person who acts."""
        return cls("person", person_id)


SYSTEM = Actor("system")


_AUDIT = Base.metadata.tables[AuditRow.__tablename__]
_WRITE = insert(_AUDIT).inline()
_ENTRY = {
    "actor_kind": bindparam("entry_actor_kind", type_=Text),
    "actor_id": bindparam("entry_actor_id", type_=Uuid),
    "action": bindparam("entry_action", type_=Text),
    "request_id": bindparam("entry_request_id", type_=Uuid),
    "detail": bindparam("entry_detail", type_=JSONB),
}


def record(
    session: Session, actor: Actor, action: str, request_id: UUID | None = None, **detail: Any
) -> None:
    """Write one entry into the current transaction; without it the act does not happen either."""
    entry = {"actor_kind": actor.kind, "actor_id": actor.id, "action": action, "request_id": request_id}
    session.execute(_WRITE, entry | {"detail": detail})


def with_entry(change: CTE) -> Executable:
    """A statement that makes a change and writes its entry; the entry is there exactly when the change is.

    Made once and kept: building it takes longer than Postgres takes to run it. `record_with` runs it.

    Args:
        change: an INSERT, UPDATE or DELETE of at most one row, RETURNING something, as a CTE.
    """
    entry = select(*_ENTRY.values()).select_from(change)
    return insert(_AUDIT).from_select(list(_ENTRY), entry).returning(_AUDIT.c.seq)


def record_with(
    session: Session,
    change: Executable,
    given: Mapping[str, Any],
    actor: Actor,
    action: str,
    request_id: UUID,
    detail: Mapping[str, Any],
) -> bool:
    """Run a statement of `with_entry`; returns whether the change found its row.

    Args:
        given: what the change itself is told.
    """
    entry = {
        "entry_actor_kind": actor.kind,
        "entry_actor_id": actor.id,
        "entry_action": action,
        "entry_request_id": request_id,
        "entry_detail": detail,
    }
    return session.execute(change, {**given, **entry}).one_or_none() is not None
