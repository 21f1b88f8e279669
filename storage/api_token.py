"""Tokens of programs that speak to the API in a person's name. The token itself is nowhere stored."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import ForeignKey, LargeBinary, Text, func, select, update
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, Session, mapped_column

from rules.api_token import check_may_make
from rules.errors import NotFound
from storage import audit
from storage.audit import Actor
from storage.database import Base, new_id, now
from storage.person import PersonRow

#: What a token begins with, so that one that lies about is known for what it is.
PREFIX: Final = "vbt_"
#: `last_used_at` is written at most this often.
USED_EVERY: Final = timedelta(minutes=1)


class ApiTokenRow(Base):
    """One token.

    Attributes:
        token_hash: SHA-256 of the token.
        person_id: in whose name it acts; locked with the account.
        roles: it opens what these open, as far as the person still holds them.
    """

    __tablename__ = "api_token"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    name: Mapped[str]
    token_hash: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    person_id: Mapped[UUID] = mapped_column(ForeignKey("person.id"), index=True)
    roles: Mapped[list[str]] = mapped_column(ARRAY(Text))
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    expires_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]
    last_used_at: Mapped[datetime | None]


def hash_token(token: str) -> bytes:
    """Under what a token is found; it is random and long, so that a plain hash is enough."""
    return hashlib.sha256(token.encode(errors="replace")).digest()


def add(
    session: Session, person: PersonRow, name: str, roles: Collection[str], days: int, actor: Actor
) -> str:
    """Make a token and return it; it is never shown again.

    Raises:
        Invalid: the person does not hold such a role, or it would live too long.
    """
    check_may_make(person.roles, roles, days)
    token = PREFIX + secrets.token_urlsafe(32)
    row = ApiTokenRow(
        id=new_id(),
        name=name,
        token_hash=hash_token(token),
        person_id=person.id,
        roles=sorted(roles),
        expires_at=func.now() + timedelta(days=days),
    )
    session.add(row)
    session.flush()
    audit.record(
        session,
        actor,
        "token.added",
        token=str(row.id),
        name=name,
        person=str(person.id),
        roles=sorted(roles),
    )
    return token


def find(session: Session, token: str) -> tuple[ApiTokenRow, PersonRow] | None:
    """The living token and its person; None where it is unknown, over, revoked, or the account is locked."""
    found = session.execute(
        select(ApiTokenRow, PersonRow)
        .join(PersonRow, PersonRow.id == ApiTokenRow.person_id)
        .where(
            ApiTokenRow.token_hash == hash_token(token),
            ApiTokenRow.revoked_at.is_(None),
            ApiTokenRow.expires_at > func.now(),
            PersonRow.locked_at.is_(None),
        )
    ).one_or_none()
    return (found[0], found[1]) if found is not None else None


def note_use(session: Session, token_id: UUID) -> None:
    """Note that a token was used just now; at most once a minute."""
    session.execute(
        update(ApiTokenRow)
        .where(
            ApiTokenRow.id == token_id,
            func.coalesce(ApiTokenRow.last_used_at < func.now() - USED_EVERY, True),
        )
        .values(last_used_at=func.now())
    )


def revoke(session: Session, token_id: UUID, actor: Actor) -> bool:
    """Let a token open nothing any more; False where it was revoked before. Raises NotFound."""
    row = session.get(ApiTokenRow, token_id, with_for_update=True, populate_existing=True)
    if row is None:
        raise NotFound(f"There is no token {token_id}.", "token")
    if row.revoked_at is not None:
        return False
    row.revoked_at = now(session)
    session.flush()
    audit.record(session, actor, "token.revoked", token=str(row.id), name=row.name, person=str(row.person_id))
    return True


def all_tokens(session: Session, person_id: UUID | None = None) -> Sequence[tuple[ApiTokenRow, PersonRow]]:
    """Every token with its person, the newest first; of one person or of all."""
    query = select(ApiTokenRow, PersonRow).join(PersonRow, PersonRow.id == ApiTokenRow.person_id)
    if person_id is not None:
        query = query.where(ApiTokenRow.person_id == person_id)
    found = session.execute(query.order_by(ApiTokenRow.created_at.desc(), ApiTokenRow.id))
    return [(row, person) for row, person in found]
