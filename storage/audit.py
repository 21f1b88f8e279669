"""The audit trail: one entry per change of state, written in the same transaction as the act, never changed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CTE, BigInteger, Identity, Index, Text, Uuid, func, insert, literal, select, text
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


def record(
    session: Session, actor: Actor, action: str, request_id: UUID | None = None, **detail: Any
) -> None:
    """Write one entry into the current transaction; without it the act does not happen either."""
    session.execute(
        insert(AuditRow).values(
            actor_kind=actor.kind, actor_id=actor.id, action=action, request_id=request_id, detail=detail
        )
    )


def record_with(
    session: Session, change: CTE, actor: Actor, action: str, request_id: UUID, **detail: Any
) -> bool:
    """Make a change and write its entry in one statement; the entry is there exactly when the change is.

    Args:
        change: an INSERT, UPDATE or DELETE of at most one row, RETURNING something, as a CTE.

    Returns:
        Whether the change found its row.
    """
    entry = {
        "actor_kind": literal(actor.kind, Text),
        "actor_id": literal(actor.id, Uuid),
        "action": literal(action, Text),
        "request_id": literal(request_id, Uuid),
        "detail": literal(detail, JSONB),
    }
    table = Base.metadata.tables[AuditRow.__tablename__]
    written = session.execute(
        insert(table)
        .from_select(list(entry), select(*entry.values()).select_from(change))
        .returning(table.c.seq)
    )
    return written.one_or_none() is not None
