"""The audit trail: one entry per change of state, written in the same transaction as the act, never changed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Identity, Index, func, insert, text
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
