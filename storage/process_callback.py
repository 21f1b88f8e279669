"""Callback tokens: what another system completes or fails a node with, once. The token itself is nowhere stored."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ForeignKey, Index, LargeBinary, func, select, tuple_, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from rules.errors import AlreadyDecided, NotFound
from rules.process import Outcome
from storage import audit, process_message
from storage.api_token import hash_token
from storage.database import Base

#: What a token begins with, so that one that lies about is known for what it is.
PREFIX: Final = "vbc_"


class CallbackIsUsed(AlreadyDecided):
    """The token was used, or the node does not wait any more."""


class ProcessCallbackRow(Base):
    """One token for one node in one of its rounds."""

    __tablename__ = "process_callback"
    __table_args__ = (Index("ix_process_callback_node", "run_id", "node", "iteration"),)

    token_hash: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    run_id: Mapped[UUID] = mapped_column(ForeignKey("process_run.id"))
    node: Mapped[str]
    iteration: Mapped[int]
    made_at: Mapped[datetime] = mapped_column(server_default=func.now())
    used_at: Mapped[datetime | None]
    closed_at: Mapped[datetime | None]


def hand_out(session: Session, run_id: UUID, node: str, iteration: int) -> str:
    """A new token; earlier ones of the node are closed, as nobody knows whether they arrived."""
    close(session, run_id, (node, iteration))
    token = PREFIX + secrets.token_urlsafe(32)
    session.add(
        ProcessCallbackRow(token_hash=hash_token(token), run_id=run_id, node=node, iteration=iteration)
    )
    session.flush()
    return token


def use(session: Session, token: str, output: Mapping[str, Any], error: str) -> ProcessCallbackRow:
    """Complete the token's node, or fail it where there is an error, and wake its run.

    Raises:
        NotFound: nobody knows the token. CallbackIsUsed. Invalid: the output cannot be carried.
    """
    used = session.scalars(
        update(ProcessCallbackRow)
        .where(
            ProcessCallbackRow.token_hash == hash_token(token),
            ProcessCallbackRow.used_at.is_(None),
            ProcessCallbackRow.closed_at.is_(None),
        )
        .values(used_at=func.now())
        .returning(ProcessCallbackRow)
    ).one_or_none()
    if used is None:
        known = select(ProcessCallbackRow.run_id).where(ProcessCallbackRow.token_hash == hash_token(token))
        if session.scalar(known) is None:
            raise NotFound("There is no such callback.")
        raise CallbackIsUsed("This callback was used, or nobody waits for it any more.")
    outcome = Outcome.FAILED if error else Outcome.COMPLETED
    process_message.put(session, used.run_id, used.node, used.iteration, outcome.value, output, error=error)
    audit.record(
        session, audit.SYSTEM, "process_run.called_back", run=str(used.run_id), node=used.node,
        iteration=used.iteration, outcome=outcome.value,
    )  # fmt: skip
    return used


def close(session: Session, run_id: UUID, *places: tuple[str, int]) -> None:
    """Let what was handed out for nodes, each in its round, open nothing any more."""
    session.execute(
        update(ProcessCallbackRow)
        .where(
            ProcessCallbackRow.run_id == run_id,
            tuple_(ProcessCallbackRow.node, ProcessCallbackRow.iteration).in_(places),
            ProcessCallbackRow.used_at.is_(None),
            ProcessCallbackRow.closed_at.is_(None),
        )
        .values(closed_at=func.now())
        .execution_options(synchronize_session=False)
    )
