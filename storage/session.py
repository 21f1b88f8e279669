"""Web logins as they are stored: who is logged in, since when, last seen when. Knows no cookie and no Flask."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    CursorResult,
    ForeignKey,
    LargeBinary,
    bindparam,
    delete,
    func,
    select,
    update,
)
from sqlalchemy.orm import Mapped, Session, mapped_column

from storage.database import Base, new_id
from storage.person import PersonRow

#: However busy it is, a session ends after this long.
LONGEST = timedelta(hours=8)
#: A visitor without a login keeps a form token for this long.
ANONYMOUS_IDLE_MINUTES = 60
#: `seen_at` is written at most this often, so that reading pages costs no writes.
SEEN_EVERY = timedelta(minutes=1)


class SessionRow(Base):
    """One browser's session; the cookie's value itself is nowhere stored.

    Attributes:
        id_hash: SHA-256 of the cookie's value.
        handle: what a person names when ending one of their sessions.
        person_id: who is logged in; None for a visitor who only needed a form token.
        data: what the pages keep between two requests, such as messages to show once.
        idle_minutes: how long it may stay unused.
        device: the browser's name as it told us, shortened.
    """

    __tablename__ = "session"

    id_hash: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    handle: Mapped[UUID] = mapped_column(unique=True, default=new_id)
    person_id: Mapped[UUID | None] = mapped_column(ForeignKey("person.id", ondelete="CASCADE"), index=True)
    data: Mapped[dict[str, Any]]
    idle_minutes: Mapped[int]
    device: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now(), index=True)
    seen_at: Mapped[datetime] = mapped_column(server_default=func.now())


@dataclass(frozen=True)
class Found:
    """A living session: its data, its person if one is logged in, and whether `seen_at` is due."""

    data: dict[str, Any]
    handle: UUID
    person: PersonRow | None
    seen_is_due: bool


def hash_token(token: str) -> bytes:
    """The key of a session's row for the value of its cookie."""
    return hashlib.sha256(token.encode()).digest()


def _alive() -> ColumnElement[bool]:
    idle_ends_at = SessionRow.seen_at + func.make_interval(0, 0, 0, 0, 0, SessionRow.idle_minutes)
    return (SessionRow.created_at > func.now() - LONGEST) & (idle_ends_at > func.now())


#: Made once: every page asks it.
_FIND = (
    select(SessionRow, PersonRow, (SessionRow.seen_at < func.now() - SEEN_EVERY).label("due"))
    .outerjoin(PersonRow, PersonRow.id == SessionRow.person_id)
    .where(SessionRow.id_hash == bindparam("id_hash"), _alive())
)


def find(session: Session, id_hash: bytes) -> Found | None:
    """The session with this key if it has not run out and its person's account may be used."""
    row = session.execute(_FIND, {"id_hash": id_hash}).one_or_none()
    if row is None:
        return None
    stored, person, due = row
    if stored.person_id is not None and (person is None or person.locked_at is not None):
        return None
    return Found(dict(stored.data), stored.handle, person, bool(due))


def create(
    session: Session,
    id_hash: bytes,
    data: dict[str, Any],
    *,
    person_id: UUID | None = None,
    idle_minutes: int = ANONYMOUS_IDLE_MINUTES,
    device: str = "",
) -> None:
    """Begin a session under this key."""
    session.add(
        SessionRow(
            id_hash=id_hash, data=data, person_id=person_id, idle_minutes=idle_minutes, device=device[:200]
        )
    )
    session.flush()


def write(session: Session, id_hash: bytes, data: dict[str, Any]) -> bool:
    """Keep new data. False when the session has been ended meanwhile: it is never brought back."""
    result = session.execute(
        update(SessionRow).where(SessionRow.id_hash == id_hash).values(data=data, seen_at=func.now())
    )
    return _count(result) == 1


def touch(session: Session, id_hash: bytes) -> None:
    """Note that the session has just been used."""
    session.execute(update(SessionRow).where(SessionRow.id_hash == id_hash).values(seen_at=func.now()))


def end(session: Session, id_hash: bytes) -> None:
    """End one session by its key."""
    session.execute(delete(SessionRow).where(SessionRow.id_hash == id_hash))


def end_one_of(session: Session, person_id: UUID, handle: UUID) -> bool:
    """End one of a person's own sessions; False when there is no such session of theirs."""
    result = session.execute(
        delete(SessionRow).where(SessionRow.person_id == person_id, SessionRow.handle == handle)
    )
    return _count(result) == 1


def end_all(session: Session, person_id: UUID, but: UUID | None = None) -> int:
    """End a person's sessions: call it in the transaction that locks the account or changes its roles.

    Args:
        session: the caller's transaction.
        person_id: whose sessions end.
        but: the handle of one session to leave open, or None.

    Returns:
        how many were ended.
    """
    query = delete(SessionRow).where(SessionRow.person_id == person_id)
    if but is not None:
        query = query.where(SessionRow.handle != but)
    return _count(session.execute(query))


def alive_of(session: Session, person_id: UUID) -> Sequence[SessionRow]:
    """A person's living sessions, the last used first."""
    return session.scalars(
        select(SessionRow)
        .where(SessionRow.person_id == person_id, _alive())
        .order_by(SessionRow.seen_at.desc(), SessionRow.handle)
    ).all()


def sweep(session: Session, at_most: int = 500) -> int:
    """Forget sessions that have run out; returns how many."""
    dead = select(SessionRow.id_hash).where(~_alive()).limit(at_most).with_for_update(skip_locked=True)
    return _count(session.execute(delete(SessionRow).where(SessionRow.id_hash.in_(dead))))


def _count(result: object) -> int:
    return cast("CursorResult[Any]", result).rowcount
