"""Messages that leave after the transaction that wrote them; the relay carries them over. Knows no receiver."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, BigInteger, Identity, Index, any_, bindparam, func, insert, select, text, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from rules.outbox import Kind, rest_seconds
from storage.database import Base

#: The Postgres channel on which a commit wakes the relay; a trigger of the table rings it.
CHANNEL = "outbox"


class OutboxRow(Base):
    """One message. It is unsent while `sent_at` is NULL."""

    __tablename__ = "outbox"
    __table_args__ = (
        Index("ix_outbox_unsent", "next_attempt_at", "id", postgresql_where=text("sent_at IS NULL")),
        Index("ix_outbox_request_id", "request_id"),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    kind: Mapped[str]
    request_id: Mapped[UUID | None]
    payload: Mapped[dict[str, Any]]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    next_attempt_at: Mapped[datetime] = mapped_column(server_default=func.now())
    attempts: Mapped[int] = mapped_column(server_default=text("0"))
    sent_at: Mapped[datetime | None]
    last_error: Mapped[str | None]


_OUTBOX = Base.metadata.tables[OutboxRow.__tablename__]
_PUT = insert(_OUTBOX).inline()
_DUE = (
    select(OutboxRow)
    .where(OutboxRow.sent_at.is_(None), OutboxRow.next_attempt_at <= func.now())
    .order_by(OutboxRow.next_attempt_at, OutboxRow.id)
    .limit(bindparam("at_most"))
    .with_for_update(skip_locked=True)
)
_SENT = (
    update(_OUTBOX)
    .where(_OUTBOX.c.id == any_(bindparam("ids", type_=ARRAY(BigInteger))))
    .values(sent_at=func.clock_timestamp(), last_error=None)
)


def put(session: Session, kind: Kind, request_id: UUID | None, payload: dict[str, Any]) -> None:
    """Write a message into the current transaction and wake the relay when it commits."""
    session.execute(_PUT, {"kind": kind.value, "request_id": request_id, "payload": payload})


def claim(session: Session, limit: int) -> Sequence[OutboxRow]:
    """Due messages, locked for this transaction; those that another relay holds are passed over.

    Chosen by state, never by the highest id seen: a lower id may commit later than a higher one.
    """
    return session.scalars(_DUE, {"at_most": limit}).all()


def mark_sent(session: Session, ids: Sequence[int]) -> None:
    """Note that these messages arrived."""
    session.execute(_SENT, {"ids": ids})


def mark_failed(session: Session, row: OutboxRow, error: str) -> None:
    """Let a message rest before it is tried again; it is never given up."""
    row.attempts += 1
    row.last_error = error[:500]
    session.execute(
        update(OutboxRow)
        .where(OutboxRow.id == row.id)
        .values(next_attempt_at=func.clock_timestamp() + timedelta(seconds=rest_seconds(row.attempts)))
    )
